import type { PhysicalNode } from "../storage-node.ts";

/** Does the step with each node, whether or not some fail, and then rejects if some did. */
export async function everyOne(
  nodes: readonly PhysicalNode[],
  step: (node: PhysicalNode) => Promise<void>,
): Promise<void> {
  const outcomes = await Promise.allSettled(nodes.map(step));
  const errors = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as unknown] : []));
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors, `${errors.length} storage nodes failed`);
}
