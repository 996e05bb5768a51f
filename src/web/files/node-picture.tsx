import "./node-picture.css";
import { count, formatBytes } from "../ui/format.ts";
import { type PlacedChunk, sharesOf } from "./node-shares.ts";

/** Opacity of a cell of which the node holds little. */
const LEAST_OPACITY = 0.35;

/** A row for each node; from left to right, the file's chunks in order, filled where the node holds a copy. */
export function NodePicture({ chunks, totalChunks }: { chunks: readonly PlacedChunk[]; totalChunks: number }) {
  if (chunks.length === 0) return <p className="muted">An empty file takes no room on any node.</p>;
  return (
    <figure className="nodes">
      <ul>
        {sharesOf(chunks).map((share) => (
          <li key={share.name}>
            <span className="node-name">{share.name}</span>
            <span className="node-cells" aria-hidden="true">
              {share.cells.map((held, cell) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: a cell is its place
                <span key={cell}>
                  {held > 0 && <span style={{ opacity: LEAST_OPACITY + (1 - LEAST_OPACITY) * held }} />}
                </span>
              ))}
            </span>
            <span className="node-sum muted">
              {count(share.chunks, "chunk")}, {formatBytes(share.bytes)}
            </span>
          </li>
        ))}
      </ul>
      <figcaption className="muted">
        {chunks.length < totalChunks
          ? `The first ${chunks.length.toLocaleString("en")} of ${count(totalChunks, "chunk")}, from the file's beginning at the left.`
          : `${count(totalChunks, "chunk")}, from the file's beginning at the left to its end at the right.`}
      </figcaption>
    </figure>
  );
}
