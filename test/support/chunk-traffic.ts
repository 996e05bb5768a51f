import type { TcpProxy } from "./tcp-proxy.ts";

/** Counts the chunks that go through a proxy by the raw route. */
export class ChunkTraffic {
  /** How often each chunk was begun to be sent, by upload and index. */
  readonly sent = new Map<string, number>();
  /** How many were under way when their connection broke. */
  lost = 0;
  readonly #unanswered = new Map<number, string>();

  constructor(proxy: TcpProxy) {
    proxy.onUp = (data, connection) => {
      // A request begins a read of its own: the client sends none before the answer to the last.
      const head = data.subarray(0, 200).toString("latin1");
      const chunk = /^PUT \/uploads\/(\S+\/chunks\/\d+) /.exec(head)?.[1];
      if (chunk === undefined) return;
      this.sent.set(chunk, (this.sent.get(chunk) ?? 0) + 1);
      this.#unanswered.set(connection, chunk);
    };
    proxy.onDown = (_data, _position, connection) => void this.#unanswered.delete(connection);
    proxy.onClose = (connection) => {
      if (this.#unanswered.delete(connection)) this.lost++;
    };
  }

  get sentAgain(): number {
    return [...this.sent.values()].reduce((sum, times) => sum + times - 1, 0);
  }
}
