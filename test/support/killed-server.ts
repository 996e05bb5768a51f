import type { SpawnedServer } from "./spawned-server.ts";
import type { Workspace } from "./workspace.ts";

/** A server that is killed and started again while clients are busy with it. */
export class KilledServer {
  readonly #workspace: Workspace;
  #server: SpawnedServer;
  #restarted: Promise<void> = Promise.resolve();
  kills = 0;

  private constructor(workspace: Workspace, server: SpawnedServer) {
    this.#workspace = workspace;
    this.#server = server;
  }

  static async start(workspace: Workspace): Promise<KilledServer> {
    return new KilledServer(workspace, await workspace.start());
  }

  /** kill -9, and a new server on the same folder and database, at another address. */
  restart(): Promise<void> {
    this.kills++;
    this.#restarted = (async () => {
      await this.#server.end("SIGKILL");
      this.#server = await this.#workspace.start();
    })();
    return this.#restarted;
  }

  /** @returns null when the server was killed meanwhile; any other failure is thrown */
  async try<T>(call: (url: string) => Promise<T>): Promise<T | null> {
    await this.#restarted;
    const { kills } = this;
    try {
      return await call(this.#server.url);
    } catch (error) {
      // What fetch() throws where the connection ends; a wrong answer stays one, whatever came after it.
      if (this.kills === kills || !(error instanceof TypeError)) throw error;
      return null;
    }
  }

  /** Calls until the server is there to answer: what is called must bear to be repeated. */
  async insist<T>(call: (url: string) => Promise<T>): Promise<T> {
    for (;;) {
      const result = await this.try(call);
      if (result !== null) return result;
    }
  }
}
