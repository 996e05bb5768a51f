import { GraphQLSafeInt } from "graphql-scalars";
import { Field, ObjectType, registerEnumType } from "type-graphql";
import type { NodeInfo } from "../nodes/node-service.ts";

const StorageNodeKind = { LOCAL: "LOCAL", S3: "S3" } as const;
registerEnumType(StorageNodeKind, { name: "StorageNodeKind" });

const StorageNodeState = { UP: "UP", DRAINING: "DRAINING", DOWN: "DOWN" } as const;
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
  kind!: keyof typeof StorageNodeKind;

  @Field(() => StorageNodeState)
  state!: keyof typeof StorageNodeState;

  @Field(() => GraphQLSafeInt, { description: `Chunks of which it has a copy. ${COUNTED}` })
  chunks!: number;

  @Field(() => GraphQLSafeInt, { description: `Bytes of those. ${COUNTED}` })
  usedBytes!: number;

  @Field(() => GraphQLSafeInt, { nullable: true, description: "Null where the node can't tell, as S3 can't." })
  freeBytes!: number | null;

  static of({ name, kind, state, chunks, usedBytes, freeBytes }: NodeInfo): StorageNodeType {
    return Object.assign(new StorageNodeType(), { name, kind, state, chunks, usedBytes, freeBytes });
  }
}
