export interface PlacedChunk {
  index: number;
  size: number;
  storageNodes: readonly string[];
}

/** Cells at most: more could not be told apart, so each then stands for several chunks in a row. */
const MOST_CELLS = 64;

interface NodeShare {
  name: string;
  chunks: number;
  bytes: number;
  /** Part of each cell's chunks that the node holds, 0 to 1. */
  cells: number[];
}

/** What each node holds of these chunks, which are in order. */
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
