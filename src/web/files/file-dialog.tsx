import "./file-dialog.css";
import { useQuery } from "@apollo/client/react";
import { errorMessage } from "../graphql/apollo.ts";
import { FileDetailsDocument, type ListedFileFragment } from "../graphql/operations.ts";
import { Dialog } from "../ui/dialog.tsx";
import { formatBytes, formatTime } from "../ui/format.ts";
import { Icon } from "../ui/icon.tsx";
import { NodePicture } from "./node-picture.tsx";
import { Preview } from "./preview.tsx";

/** Entries of a page: as many as the server gives at once. */
const MOST_CHUNKS = 1000;

interface Props {
  file: ListedFileFragment;
  onClosed: () => void;
  onShare: () => void;
}

/** A file's preview, what is known of it, and where its bytes are. */
export function FileDialog({ file, onClosed, onShare }: Props) {
  return (
    <Dialog wide title={file.filename} onClosed={onClosed}>
      {(close) => (
        <>
          <Preview file={file} />
          <div className="dialog-actions">
            <a className="button primary" href={file.downloadUrl} download={file.filename}>
              <Icon name="download" /> Download
            </a>
            <button
              type="button"
              className="button"
              onClick={() => {
                close();
                onShare();
              }}
            >
              <Icon name="link" /> Copy link
            </button>
          </div>
          <Details file={file} />
        </>
      )}
    </Dialog>
  );
}

function Details({ file }: { file: ListedFileFragment }) {
  const { data, error } = useQuery(FileDetailsDocument, {
    variables: { id: file.id, first: MOST_CHUNKS },
    fetchPolicy: "cache-and-network",
  });
  const details = data?.file;
  return (
    <>
      <dl className="facts">
        <div>
          <dt>Size</dt>
          <dd>
            {formatBytes(file.size)}
            {file.size >= 1000 && <span className="muted"> ({file.size.toLocaleString("en")} bytes)</span>}
          </dd>
        </div>
        <div>
          <dt>Kind</dt>
          <dd>{file.contentType}</dd>
        </div>
        <div>
          <dt>Uploaded</dt>
          <dd>{formatTime(file.completedAt)}</dd>
        </div>
        <div className="fact-wide">
          <dt>Digest</dt>
          <dd className="digest">{details?.digest ?? " "}</dd>
        </div>
      </dl>
      <section className="where">
        <h3>Where it lies</h3>
        {details && <NodePicture chunks={details.chunks} totalChunks={details.totalChunks} />}
        {!details && error && <p className="problem">{errorMessage(error)}</p>}
        {!details && !error && <p className="muted">Loading …</p>}
      </section>
    </>
  );
}
