import { useMutation, useQuery } from "@apollo/client/react";
import { errorMessage } from "../graphql/apollo.ts";
import { RevokeOtherSessionsDocument, RevokeSessionDocument, SessionsDocument } from "../graphql/operations.ts";
import { formatTime } from "../ui/format.ts";
import { IconButton } from "../ui/icon-button.tsx";
import { deviceOf } from "./device.ts";

/** Where the person is signed in, with what ends it. */
export function SessionList() {
  const { data, error } = useQuery(SessionsDocument, { fetchPolicy: "network-only" });
  const refetchQueries = [SessionsDocument];
  const [revoke, revoking] = useMutation(RevokeSessionDocument, { refetchQueries });
  const [revokeOthers, revokingOthers] = useMutation(RevokeOtherSessionsDocument, { refetchQueries });
  const failure = error ?? revoking.error ?? revokingOthers.error;
  const sessions = data?.sessions ?? [];
  return (
    <section className="account-part" aria-label="Where you are signed in">
      <h3>Where you are signed in</h3>
      <ul className="account-list">
        {sessions.map(({ id, isCurrent, createdAt, lastUsedAt, lastUsedFrom, userAgent }) => (
          <li key={id}>
            <div>
              {deviceOf(userAgent)}
              <div className="muted">
                {isCurrent ? "here and now" : `used ${formatTime(lastUsedAt ?? createdAt)}`}
                {lastUsedFrom !== null && `, from ${lastUsedFrom}`}
              </div>
            </div>
            {!isCurrent && (
              <IconButton
                icon="signOut"
                label={`End the session of ${deviceOf(userAgent)}`}
                onClick={() => void revoke({ variables: { id } }).catch(() => {})}
              />
            )}
          </li>
        ))}
      </ul>
      {sessions.length > 1 && (
        <button type="button" className="button" onClick={() => void revokeOthers().catch(() => {})}>
          Sign out everywhere else
        </button>
      )}
      <div role="alert">{failure !== undefined && <p className="problem">{errorMessage(failure)}</p>}</div>
    </section>
  );
}
