import { useMutation } from "@apollo/client/react";
import { useEffect, useId, useRef, useState } from "react";
import { errorMessage } from "../graphql/apollo.ts";
import {
  CreateDownloadLinkDocument,
  type ListedFileFragment,
  RevokeDownloadLinkDocument,
} from "../graphql/operations.ts";
import { copyText } from "../ui/copy-text.ts";
import { Dialog } from "../ui/dialog.tsx";
import { formatTime } from "../ui/format.ts";
import { showToast } from "../ui/toasts.tsx";

const HOUR = 3600;
const DAY = 24 * HOUR;
const expiries: [label: string, seconds: number][] = [
  ["1 hour", HOUR],
  ["1 day", DAY],
  ["7 days", 7 * DAY],
  ["30 days", 30 * DAY],
  ["1 year", 365 * DAY],
];

/** Makes a link that downloads the file without an account, and copies it. */
export function LinkDialog({ file, onClosed }: { file: ListedFileFragment; onClosed: () => void }) {
  const expiryId = useId();
  const urlId = useId();
  const url = useRef<HTMLInputElement>(null);
  const [seconds, setSeconds] = useState(7 * DAY);
  const [copied, setCopied] = useState(false);
  const [create, { data, loading, error }] = useMutation(CreateDownloadLinkDocument);
  const [revoke, revoking] = useMutation(RevokeDownloadLinkDocument);
  const link = data?.createDownloadLink;
  const address = link && new URL(link.url, window.location.href).href;

  async function copy(text: string) {
    setCopied(await copyText(text, url.current));
  }

  // Once it is there: the field takes the focus in place of the button that had it, and may be what is copied from.
  useEffect(() => {
    if (address === undefined) return;
    url.current?.focus();
    void copyText(address, url.current).then(setCopied);
  }, [address]);

  async function make() {
    // What failed is shown.
    await create({ variables: { fileId: file.id, expiresInSeconds: seconds } }).catch(() => {});
  }

  async function takeBack(id: string, close: () => void) {
    const answer = await revoke({ variables: { id } }).catch(() => undefined);
    if (answer?.data?.revokeDownloadLink !== true) return;
    showToast("The link is revoked: it opens nothing any more.");
    close();
  }

  const failure = error ?? revoking.error;
  return (
    <Dialog title="Download link" onClosed={onClosed}>
      {(close) => (
        <>
          <p>
            Whoever has the link can download <strong className="breakable">{file.filename}</strong>, without an
            account.
          </p>
          {link === undefined && (
            <>
              <div className="field">
                <label htmlFor={expiryId}>It works for</label>
                <select
                  id={expiryId}
                  className="text-field"
                  value={seconds}
                  onChange={(event) => setSeconds(Number(event.target.value))}
                >
                  {expiries.map(([label, value]) => (
                    <option key={value} value={value}>
                      {label}
                    </option>
                  ))}
                </select>
              </div>
              <button type="button" className="button primary" disabled={loading} onClick={make}>
                {loading ? "One moment …" : "Create and copy link"}
              </button>
            </>
          )}
          {link !== undefined && address !== undefined && (
            <>
              <div className="field">
                <label htmlFor={urlId}>The link</label>
                <input
                  ref={url}
                  id={urlId}
                  className="text-field"
                  readOnly
                  value={address}
                  onFocus={(event) => event.target.select()}
                />
                <span className="hint">Works until {formatTime(link.expiresAt)}. It is shown this once.</span>
              </div>
              <div className="dialog-actions">
                <button type="button" className="button primary" onClick={() => copy(address)}>
                  {copied ? "Copied" : "Copy"}
                </button>
                <button type="button" className="button danger" onClick={() => takeBack(link.id, close)}>
                  Revoke
                </button>
              </div>
              <p role="status" className="visually-hidden">
                {copied ? "The link is copied." : ""}
              </p>
            </>
          )}
          <div role="alert">{failure !== undefined && <p className="problem">{errorMessage(failure)}</p>}</div>
        </>
      )}
    </Dialog>
  );
}
