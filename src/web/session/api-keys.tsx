import { useMutation, useQuery } from "@apollo/client/react";
import { type FormEvent, useState } from "react";
import { errorMessage } from "../graphql/apollo.ts";
import { ApiKeysDocument, CreateApiKeyDocument, RevokeApiKeyDocument, type Scope } from "../graphql/operations.ts";
import { copyText } from "../ui/copy-text.ts";
import { Field, textOf } from "../ui/field.tsx";
import { formatDate, formatTime } from "../ui/format.ts";
import { IconButton } from "../ui/icon-button.tsx";

const scopes: [scope: Scope, label: string][] = [
  ["FILES_READ", "List and download files"],
  ["FILES_WRITE", "Upload, rename and delete files, and make links"],
];

/** The keys of the person's programs, with a form for another one. */
export function ApiKeys() {
  const { data, error } = useQuery(ApiKeysDocument, { fetchPolicy: "network-only" });
  const refetchQueries = [ApiKeysDocument];
  const [create, creating] = useMutation(CreateApiKeyDocument, { refetchQueries });
  const [revoke, revoking] = useMutation(RevokeApiKeyDocument, { refetchQueries });
  const [token, setToken] = useState<string>();
  const failure = error ?? creating.error ?? revoking.error;

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const input = { name: textOf(form, "name"), scopes: new FormData(form).getAll("scopes") as Scope[] };
    // What failed is shown.
    const answer = await create({ variables: { input } }).catch(() => undefined);
    if (answer?.data == null) return;
    setToken(answer.data.createApiKey.token);
    form.reset();
  }

  return (
    <section className="account-part" aria-label="API keys">
      <h3>API keys, for programs</h3>
      <ul className="account-list">
        {data?.apiKeys.map(({ id, name, scopes: allowed, expiresAt, lastUsedAt }) => (
          <li key={id}>
            <div>
              {name}
              <div className="muted">
                {allowed.join(", ")}
                {expiresAt !== null && `, until ${formatDate(expiresAt)}`}
                {lastUsedAt === null ? ", never used" : `, used ${formatTime(lastUsedAt)}`}
              </div>
            </div>
            <IconButton
              icon="trash"
              label={`Revoke ${name}`}
              onClick={() => void revoke({ variables: { id } }).catch(() => {})}
            />
          </li>
        ))}
      </ul>
      {token !== undefined && <NewKey token={token} />}
      <form className="account-form" onSubmit={submit}>
        <Field name="name" label="Name of a new key" autoComplete="off" error={undefined} />
        <fieldset className="account-scopes">
          <legend>It may</legend>
          {scopes.map(([scope, label]) => (
            <label key={scope}>
              <input type="checkbox" name="scopes" value={scope} defaultChecked /> {label}
            </label>
          ))}
        </fieldset>
        <button type="submit" className="button" disabled={creating.loading}>
          Create a key
        </button>
      </form>
      <div role="alert">{failure !== undefined && <p className="problem">{errorMessage(failure)}</p>}</div>
    </section>
  );
}

function NewKey({ token }: { token: string }) {
  const [copied, setCopied] = useState(false);
  return (
    <div className="field">
      <label htmlFor="new-key">The new key</label>
      <input id="new-key" className="text-field" readOnly value={token} onFocus={(event) => event.target.select()} />
      <span className="hint">It is shown this once: keep it where the program finds it.</span>
      <button
        type="button"
        className="button"
        onClick={async (event) => {
          const field = event.currentTarget.parentElement?.querySelector("input") ?? null;
          setCopied(await copyText(token, field));
        }}
      >
        {copied ? "Copied" : "Copy"}
      </button>
    </div>
  );
}
