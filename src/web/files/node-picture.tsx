import "./node-picture.css";
import { count, formatBytes } from "../ui/format.ts";

export interface PlacedChunk {
  index: number;
  size: number;
  storageNodes: readonly string[];
}

/** More cells than this could not be told apart: each then stands for several chunks in a row. */
const MOST_CELLS = 64;
/** Of a cell of which the node holds little. */
const LEAST_OPACITY = 0.35;

interface NodeShare {
  name: string;
  chunks: number;
  bytes: number;
  /** For each cell, which part of its chunks the node holds, 0 to 1. */
  cells: number[];
}

export function sharesOf(chunks: readonly PlacedChunk[]): NodeShare[] {
  const cells = Math.min(MOST_CELLS, chunks.length);
  const cellOf = (position: number) => Math.floor((position * cells) / chunks.length);
  const chunksIn = new Array<number>(cells).fill(0);
  const shares = new Map<string, NodeShare>();
  chunks.forEach((chunk, position) => {
    const cell = cellOf(position);
    chunksIn[cell] = (chunksIn[cell] ?? 0) + 1;
    for (const name of chunk.storageNodes) {
      const share = shares.get(name) ?? { name, chunks: 0, bytes: 0, cells: new Array<number>(cells).fill(0) };
      share.chunks++;
      share.bytes += chunk.size;
      share.cells[cell] = (share.cells[cell] ?? 0) + 1;
      shares.set(name, share);
    }
  });
  return [...shares.values()]
    .map((share) => ({ ...share, cells: share.cells.map((held, cell) => held / (chunksIn[cell] ?? 1)) }))
    .sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
}

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
