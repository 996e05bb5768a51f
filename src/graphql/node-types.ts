import { GraphQLSafeInt } from "graphql-scalars";
import { Field, ObjectType, registerEnumType } from "type-graphql";
import type { NodeInfo } from "../nodes/node-service.ts";
import { downReason, type NodeState } from "../storage/node-report.ts";
import { NODE_KINDS, type NodeKind } from "../storage/storage-node.ts";

const StorageNodeKind = Object.fromEntries(NODE_KINDS.map((kind) => [kind, kind])) as { [K in NodeKind]: K };
registerEnumType(StorageNodeKind, { name: "StorageNodeKind" });

const StorageNodeState: { [S in NodeState]: S } = { UP: "UP", DRAINING: "DRAINING", DOWN: "DOWN" };
registerEnumType(StorageNodeState, {
  name: "StorageNodeState",
  description:
    "DRAINING takes no new chunks; DOWN answered its last probe with an error, or stalled. Both are asked for what they hold.",
});

const COUNTED = "Counted at most once a minute, so it may be a little behind.";

@ObjectType("StorageNode")
export class StorageNodeType {
  @Field(() => String)
  name!: string;

  @Field(() => StorageNodeKind)
  kind!: NodeKind;

  @Field(() => StorageNodeState)
  state!: NodeState;

  @Field(() => GraphQLSafeInt, { description: `Chunks of which it has a copy. ${COUNTED}` })
  chunks!: number;

  @Field(() => GraphQLSafeInt, { description: `Bytes of those. ${COUNTED}` })
  usedBytes!: number;

  @Field(() => GraphQLSafeInt, { nullable: true, description: "Null where the node can't tell, as S3 can't." })
  freeBytes!: number | null;

  @Field(() => Boolean, { description: "It is to be emptied, also while it is DOWN." })
  draining!: boolean;

  @Field(() => GraphQLSafeInt, {
    description: "Reads and writes that failed on it since the answering instance started.",
  })
  failures!: number;

  @Field(() => String, { nullable: true, description: "Why it is DOWN." })
  error!: string | null;

  static of(node: NodeInfo): StorageNodeType {
    return Object.assign(new StorageNodeType(), node, { error: downReason(node) });
  }
}
