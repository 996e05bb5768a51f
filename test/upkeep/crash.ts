import type { Database } from "../../src/database/database.ts";
import type { BlobWriter, PhysicalNode } from "../../src/storage/storage-node.ts";

export class Crash extends Error {}

/** Ends a process at one of its steps, as far as disks and database can tell: from then on it reaches neither. */
export class CrashPoint {
  steps = 0;
  readonly #at: number;

  constructor(at: number) {
    this.#at = at;
  }

  get crashed(): boolean {
    return this.steps > this.#at;
  }

  /** Once before the effect and once after it. */
  async #around<T>(effect: () => Promise<T>): Promise<T> {
    this.#step();
    const result = await effect();
    this.#step();
    return result;
  }

  #step(): void {
    if (this.steps++ >= this.#at) throw new Crash(`step ${this.#at}`);
  }

  node(inner: PhysicalNode): PhysicalNode {
    const around = this.#around.bind(this);
    return {
      name: inner.name,
      kind: inner.kind,
      create: async (id, size, signal) => {
        let created: BlobWriter | undefined;
        const writer = await around(async () => {
          created = await inner.create(id, size, signal);
          return created;
        }).catch(async (error) => {
          await created?.abort();
          throw error;
        });
        let committed = false;
        return {
          write: (buffers) => around(() => writer.write(buffers)),
          commit: (end) =>
            around(async () => {
              const nodes = await writer.commit(end);
              committed = true;
              return nodes;
            }),
          // A dead process aborts nothing; what it was writing to is only closed.
          abort: async () => {
            if (!this.crashed || !committed) await writer.abort();
          },
        };
      },
      read: (blob, range, signal) => {
        this.#step();
        return inner.read(blob, range, signal);
      },
      remove: (blob) => around(() => inner.remove(blob)),
      setAside: (id) => around(() => inner.setAside(id)),
      removeAside: (id) => around(() => inner.removeAside(id)),
      listAside: () => inner.listAside(),
      list: () => inner.list(),
      removeLeftovers: (olderThan) => inner.removeLeftovers(olderThan),
      probe: () => inner.probe(),
      identity: () => inner.identity(),
      claim: (identity) => inner.claim(identity),
    };
  }

  database(inner: Database): Database {
    const around = this.#around.bind(this);
    return new Proxy(inner, {
      get(target, property) {
        if (property === "transaction") return (work: never) => around(() => target.transaction(work));
        if (property === "read") return (work: never) => around(() => target.read(work));
        const value = Reflect.get(target, property, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }
}
