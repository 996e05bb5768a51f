import { z } from "zod";
import type { NodeIdentity } from "./storage-node.ts";

/** What a place calls the file, or object, that says who it is. */
export const IDENTITY_FILE = "stowage-node.json";

const identitySchema = z.object({ id: z.string(), deployment: z.string(), name: z.string() });

/** The place isn't the node that it is configured to be: nothing may be written there. */
export class NodeIdentityError extends Error {
  readonly node: string;

  constructor(node: string, what: string, cause?: unknown) {
    super(`Storage node ${node} can't be used: ${what}`, { cause });
    this.name = new.target.name;
    this.node = node;
  }
}

/**
 * @param node the name under which the place is configured
 * @param found what the place says
 * @throws NodeIdentityError
 */
export function checkIdentity(node: string, expected: NodeIdentity, found: NodeIdentity | null): void {
  if (found === null) {
    const advice = `Is its disk mounted? If a new, empty disk took its place, let that be the node: stowage-admin replace ${node}`;
    throw new NodeIdentityError(node, `there is no identity file where node ${expected.id} should be. ${advice}`);
  }
  if (found.deployment !== expected.deployment) {
    const whose = `it belongs to another deployment, ${found.deployment}; this database is ${expected.deployment}`;
    throw new NodeIdentityError(
      node,
      `${whose}. Configure another place in STORAGE_NODES, or the database that knows this one in DATABASE_URL.`,
    );
  }
  if (found.id !== expected.id) {
    const who = `it is node ${found.id} of this deployment, first configured as ${found.name}, not ${expected.id}`;
    throw new NodeIdentityError(node, `${who}. Correct STORAGE_NODES, or mount the disk that belongs there.`);
  }
}

export function writtenIdentity(identity: NodeIdentity): string {
  return `${JSON.stringify(identity, null, 2)}\n`;
}

/** @throws NodeIdentityError when the text is not one that `writtenIdentity` gave */
export function parseIdentity(node: string, text: string): NodeIdentity {
  try {
    return identitySchema.parse(JSON.parse(text));
  } catch (error) {
    throw new NodeIdentityError(node, `its ${IDENTITY_FILE} is not as Stowage writes it.`, error);
  }
}
