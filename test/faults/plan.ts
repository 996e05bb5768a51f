import { type SeededRandom, seededRandom } from "../support/seeded-random.ts";

/** What the faults are planned for. */
export interface Shape {
  nodes: readonly { name: string; kind: "LOCAL" | "S3" }[];
  /** Instances. */
  servers: number;
  /** Whether the database is a server, which may be killed and paused. */
  hasDatabaseServer: boolean;
}

export const s3Faults = ["500", "SlowDown", "cut body", "stall", "lost answer", "flipped bit"] as const;
export type S3Fault = (typeof s3Faults)[number];

/** What happens to the node whose turn it is, to a server or to the database. */
export type Fault =
  /** Part of the blobs on the node: its files are removed, or a bit in each is flipped. */
  | { kind: "blobs lost" | "bits flipped"; part: number; choice: number }
  /** Until a relief. */
  | { kind: "node full" | "node gone" }
  | { kind: "S3 answers"; how: S3Fault; times: number; cutAfter: number }
  | { kind: "server killed"; server: number }
  | { kind: "all servers killed" }
  | { kind: "database killed" }
  | { kind: "database paused"; ms: number };

export interface Step {
  /** `relief`: the node has room again, or is back; not counted. */
  act: Fault | { kind: "relief" };
  /** Before it, milliseconds. */
  pauseMs: number;
}

/**
 * A time in which only one node is harmed. Between two of them everything is restored, so every chunk keeps a good copy
 * on the others.
 */
export interface Epoch {
  node: string;
  steps: Step[];
  /** `restart`: all servers are killed, one more fault; `wait`: they stay, and have to find by themselves that all is well again. */
  ending: "restart" | "wait";
}

const FAULTS_PER_EPOCH = 15;
const LONGEST_PAUSE_MS = 250;
const LONGEST_DATABASE_PAUSE_MS = 1_500;
const MOST_REQUESTS = 10;
const CHUNK_BYTES = 65_536;
/** The one of several epochs that ends without a restart. */
const WAITING = 5;

/** The same seed plans the same. */
export function planFaults(seed: number, faults: number, shape: Shape): Epoch[] {
  const random = seededRandom(seed);
  const order = random.shuffle([...shape.nodes]);
  const epochs: Epoch[] = [];
  for (let planned = 0; planned < faults; planned += FAULTS_PER_EPOCH) {
    const node = order[epochs.length % order.length] as Shape["nodes"][number];
    const count = Math.min(FAULTS_PER_EPOCH, faults - planned);
    const ending = epochs.length % WAITING === WAITING - 1 ? "wait" : "restart";
    const inside = ending === "restart" ? count - 1 : count;
    epochs.push({ node: node.name, steps: planSteps(random, inside, node.kind, ending, shape), ending });
  }
  return epochs;
}

function planSteps(
  random: SeededRandom,
  count: number,
  kind: "LOCAL" | "S3",
  ending: Epoch["ending"],
  shape: Shape,
): Step[] {
  const steps: Step[] = [];
  const pauseMs = () => random.integer(0, LONGEST_PAUSE_MS);
  let state: "whole" | "node full" | "node gone" = "whole";
  for (let planned = 0; planned < count; ) {
    if (state !== "whole" && random.chance(0.6)) {
      steps.push({ act: { kind: "relief" }, pauseMs: pauseMs() });
      state = "whole";
      continue;
    }
    // A dead server's leases and a node that stalled are waited for longer than an epoch may take.
    const act: Fault =
      state !== "node gone" && (ending === "wait" || random.chance(0.8))
        ? planNodeFault(random, kind, state === "whole", ending)
        : ending === "wait"
          ? (planDatabaseFault(random, shape) ?? { kind: "blobs lost", part: 0, choice: 0 })
          : planServiceFault(random, shape);
    if (act.kind === "node full" || act.kind === "node gone") state = act.kind;
    steps.push({ act, pauseMs: pauseMs() });
    planned++;
    if (state === "node gone" && ending === "wait") {
      steps.push({ act: { kind: "relief" }, pauseMs: pauseMs() });
      state = "whole";
    }
  }
  return steps;
}

function planNodeFault(random: SeededRandom, kind: "LOCAL" | "S3", isWhole: boolean, ending: Epoch["ending"]): Fault {
  const chosen = random.next();
  const choice = random.integer(0, 2 ** 31);
  // Mostly a few blobs; now and then all of them.
  const part = random.chance(0.15) ? 1 : random.next() ** 3;
  if (kind === "S3" && chosen < 0.55) {
    const how = s3Faults[random.integer(0, s3Faults.length - 1)] as S3Fault;
    const times = random.integer(1, MOST_REQUESTS);
    return {
      kind: "S3 answers",
      how: how === "stall" && ending === "wait" ? "500" : how,
      times,
      cutAfter: random.integer(0, CHUNK_BYTES),
    };
  }
  if (isWhole && chosen > 0.88) return { kind: "node gone" };
  if (isWhole && chosen > 0.76 && kind === "LOCAL") return { kind: "node full" };
  return { kind: random.chance(0.5) ? "blobs lost" : "bits flipped", part, choice };
}

function planServiceFault(random: SeededRandom, shape: Shape): Fault {
  const database = random.chance(0.4) ? planDatabaseFault(random, shape) : undefined;
  if (database !== undefined) return database;
  if (random.chance(0.3)) return { kind: "all servers killed" };
  return { kind: "server killed", server: random.integer(0, shape.servers - 1) };
}

function planDatabaseFault(random: SeededRandom, { hasDatabaseServer }: Shape): Fault | undefined {
  if (!hasDatabaseServer) return undefined;
  if (random.chance(0.5)) return { kind: "database killed" };
  return { kind: "database paused", ms: random.integer(50, LONGEST_DATABASE_PAUSE_MS) };
}
