import { Arg, Ctx, Mutation, Query, Resolver } from "type-graphql";
import type { NodeService } from "../nodes/node-service.ts";
import type { UpkeepRequests } from "../upkeep/upkeep-requests.ts";
import { administrator, type GraphQLContext } from "./context.ts";
import { StorageNodeType } from "./node-types.ts";

@Resolver(() => StorageNodeType)
export class NodeResolver {
  readonly #nodes: NodeService;
  readonly #requests: UpkeepRequests;

  constructor(nodes: NodeService, requests: UpkeepRequests) {
    this.#nodes = nodes;
    this.#requests = requests;
  }

  @Query(() => [StorageNodeType], {
    description: "Every configured node. For administrators; FORBIDDEN for others.",
  })
  async storageNodes(@Ctx() context: GraphQLContext): Promise<StorageNodeType[]> {
    await administrator(context);
    return (await this.#nodes.list()).map(StorageNodeType.of);
  }

  @Mutation(() => StorageNodeType, {
    description:
      "The node takes no new chunks, and those on it are moved to others in the background: it can be taken away when `chunks` is 0. For administrators. BAD_USER_INPUT (`name`) where the others are too few for all copies.",
  })
  async drainNode(@Ctx() context: GraphQLContext, @Arg("name", () => String) name: string): Promise<StorageNodeType> {
    await administrator(context);
    await this.#nodes.report(name);
    await this.#nodes.drain(name);
    return StorageNodeType.of(await this.#nodes.get(name));
  }

  @Mutation(() => StorageNodeType, {
    description: "The node takes new chunks again; what was moved off it stays where it is. For administrators.",
  })
  async undrainNode(@Ctx() context: GraphQLContext, @Arg("name", () => String) name: string): Promise<StorageNodeType> {
    await administrator(context);
    await this.#nodes.report(name);
    await this.#nodes.undrain(name);
    return StorageNodeType.of(await this.#nodes.get(name));
  }

  @Mutation(() => StorageNodeType, {
    description: "All chunks on the node are verified in the background, and bad ones restored. For administrators.",
  })
  async scrubNode(@Ctx() context: GraphQLContext, @Arg("name", () => String) name: string): Promise<StorageNodeType> {
    await administrator(context);
    await this.#nodes.report(name);
    await this.#requests.add("SCRUB", name);
    return StorageNodeType.of(await this.#nodes.get(name));
  }

  @Mutation(() => Boolean, {
    description:
      "Chunks are moved in the background until all nodes are filled to the same part of their room. For administrators.",
  })
  async rebalanceNodes(@Ctx() context: GraphQLContext): Promise<boolean> {
    await administrator(context);
    await this.#requests.add("REBALANCE");
    return true;
  }
}
