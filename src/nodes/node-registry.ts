import { randomUUID } from "node:crypto";
import type { Database } from "../database/database.ts";
import { isAnyOn } from "../metadata/replicas.ts";
import { checkIdentity, NodeIdentityError } from "../storage/node-identity.ts";
import type { PhysicalNode } from "../storage/storage-node.ts";
import { DeploymentRecord } from "./deployment-record.ts";
import { NodeRecord } from "./node-record.ts";

/**
 * Knows which place is which node. The order in which a node is first used lets a crash at any point, or another
 * instance at the same time, come to the same: its identity is recorded, then the place is claimed with it, then the
 * record says so. From then on a place without that identity is not the node.
 */
export class NodeRegistry {
  readonly #database: Database;
  readonly #deployment: string;
  #records: ReadonlyMap<string, NodeRecord> = new Map();
  /** The identity that each node was last told to be, by name. */
  readonly #admitted = new Map<string, string>();

  private constructor(database: Database, deployment: string) {
    this.#database = database;
    this.#deployment = deployment;
  }

  static async open(database: Database): Promise<NodeRegistry> {
    const [deployment] = await database.read((em) => em.find(DeploymentRecord, {}));
    if (deployment === undefined) throw new Error("The database has lost the deployment's id.");
    const registry = new NodeRegistry(database, deployment.id);
    await registry.refresh();
    return registry;
  }

  /** The names of the nodes that take no new blobs, as of the last `refresh`. */
  get draining(): string[] {
    return Array.from(this.#records.values()).flatMap(({ name, draining }) => (draining ? name : []));
  }

  /** The names of all nodes that were ever used, as of the last `refresh`. */
  get names(): string[] {
    return [...this.#records.keys()];
  }

  /** @returns false where the database knows no such node */
  async setDraining(name: string, draining: boolean): Promise<boolean> {
    const found = await this.#database.transaction((em) => em.nativeUpdate(NodeRecord, { name }, { draining }));
    return found > 0;
  }

  /**
   * Learns what other instances or an operator changed.
   * @returns the names of the nodes that are to be another place than before
   */
  async refresh(): Promise<string[]> {
    const records = await this.#database.read((em) => em.find(NodeRecord, {}));
    this.#records = new Map(records.map((record) => [record.name, record]));
    const replaced = ([name, identity]: [string, string]) => this.#records.get(name)?.identity !== identity;
    return Array.from(this.#admitted).flatMap((admitted) => (replaced(admitted) ? admitted[0] : []));
  }

  /**
   * Tells the node who it is, and claims its place when it is used for the first time; costs nothing when that was done.
   * @throws NodeIdentityError when the place is another node, or is empty though the node has been used
   */
  async admit(node: PhysicalNode): Promise<void> {
    const { name } = node;
    const known = this.#records.get(name);
    if (known !== undefined && this.#admitted.get(name) === known.identity) return;
    // Anew: another instance may have claimed it meanwhile.
    const record = (await this.#find(name)) ?? (await this.#introduce(node));
    const identity = { id: record.identity, deployment: this.#deployment, name };
    const found = await node.identity();
    if (found !== null || record.claimedAt != null) checkIdentity(name, identity, found);
    await node.claim(identity);
    if (record.claimedAt == null) await this.#confirm(record);
    this.#admitted.set(name, record.identity);
    this.#records = new Map(this.#records).set(name, record);
  }

  #find(name: string): Promise<NodeRecord | null> {
    return this.#database.read((em) => em.findOne(NodeRecord, { name }));
  }

  /** Gives a node that the database doesn't know its identity. */
  async #introduce(node: PhysicalNode): Promise<NodeRecord> {
    const { name } = node;
    const found = await node.identity();
    const isUsed = await this.#database.read((em) => isAnyOn(em, name));
    // The node is older than identities.
    if (found === null && isUsed && !(await holdsBlobs(node))) {
      throw new NodeIdentityError(
        name,
        "the database knows of blobs on it, and its place holds none. Is its disk mounted?",
      );
    }
    // A place that remembers more than the database, which may be an older backup, is right.
    const isOurs = found?.deployment === this.#deployment && found.name === name;
    await insertRecord(this.#database, name, isOurs ? found.id : randomUUID());
    return this.#database.read((em) => em.findOneOrFail(NodeRecord, { name }));
  }

  async #confirm({ name, identity }: NodeRecord): Promise<void> {
    await this.#database.transaction((em) =>
      em.nativeUpdate(NodeRecord, { name, identity, claimedAt: null }, { claimedAt: new Date() }),
    );
  }
}

/**
 * Declares that the node's disk was replaced by an empty one: the next unclaimed place under its name becomes the node.
 * What was on the old disk counts as missing; the old disk, should it come back, is not the node any more.
 */
export async function replaceNode(database: Database, name: string): Promise<void> {
  const identity = randomUUID();
  await insertRecord(database, name, identity);
  await database.transaction((em) => em.nativeUpdate(NodeRecord, { name }, { identity, claimedAt: null }));
}

/** Does nothing where the node is known already. */
async function insertRecord(database: Database, name: string, identity: string): Promise<void> {
  const record = { name, identity, claimedAt: null, draining: false, createdAt: new Date() };
  await database.transaction((em) => em.upsert(NodeRecord, record, { onConflictAction: "ignore" }));
}

async function holdsBlobs(node: PhysicalNode): Promise<boolean> {
  try {
    for await (const _ of node.list()) return true;
    return false;
  } catch {
    return false;
  }
}
