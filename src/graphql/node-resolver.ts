import { Ctx, Query, Resolver } from "type-graphql";
import type { NodeService } from "../nodes/node-service.ts";
import { administrator, type GraphQLContext } from "./context.ts";
import { StorageNodeType } from "./node-types.ts";

@Resolver(() => StorageNodeType)
export class NodeResolver {
  readonly #nodes: NodeService;

  constructor(nodes: NodeService) {
    this.#nodes = nodes;
  }

  @Query(() => [StorageNodeType], {
    description: "Every configured node. For administrators; FORBIDDEN for others.",
  })
  async storageNodes(@Ctx() context: GraphQLContext): Promise<StorageNodeType[]> {
    await administrator(context);
    return (await this.#nodes.list()).map(StorageNodeType.of);
  }
}
