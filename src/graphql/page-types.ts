import type { ComplexityEstimatorArgs } from "graphql-query-complexity";
import { type ClassType, Field, Int, ObjectType } from "type-graphql";
import type { Page } from "../database/keyset-page.ts";

/** What a field costs that asks the database by itself, where others cost 1. */
export const READ_COST = 100;

@ObjectType("PageInfo", { description: "Where a page ends, as in the GraphQL Cursor Connections Specification." })
class PageInfo {
  @Field(() => Boolean)
  hasNextPage!: boolean;

  @Field(() => String, { nullable: true, description: "Pass it as `after` to get the next page." })
  endCursor!: string | null;
}

/** An edge and a connection type over `Node`, by https://relay.dev/graphql/connections.htm */
export function connectionOf<Entity, Node extends object>(
  name: string,
  nodeClass: ClassType<Node>,
  nodeOf: (entity: Entity) => Node,
) {
  @ObjectType(`${name}Edge`)
  class Edge {
    @Field(() => String)
    cursor!: string;

    @Field(() => nodeClass)
    node!: Node;
  }

  @ObjectType(`${name}Connection`)
  class Connection {
    readonly #page: Page<Entity>;

    @Field(() => [Edge])
    edges: Edge[];

    constructor(page: Page<Entity>) {
      this.#page = page;
      this.edges = page.edges.map(({ cursor, node }) => Object.assign(new Edge(), { cursor, node: nodeOf(node) }));
    }

    @Field(() => [nodeClass], { description: "The edges' nodes, for those who need no cursors." })
    nodes(): Node[] {
      return this.edges.map((edge) => edge.node);
    }

    @Field(() => PageInfo)
    pageInfo(): PageInfo {
      const { hasNextPage, endCursor } = this.#page;
      return Object.assign(new PageInfo(), { hasNextPage, endCursor });
    }

    @Field(() => Int, { description: "On all pages together." })
    totalCount(): Promise<number> {
      return this.#page.totalCount();
    }
  }

  return Connection;
}

/** What looking at each of a user's files costs, in fields: so many are answered in about the same time. */
const SEARCH_COST = 10_000;

/** A list that is searched costs what it looks at, once for its entries and once for their number. */
export function searchComplexity(options: ComplexityEstimatorArgs): number {
  return listComplexity(options) + (options.args["search"] ? 2 * SEARCH_COST : 0);
}

/** A list costs as much as its `first` entries. */
export function listComplexity({ args, childComplexity }: ComplexityEstimatorArgs): number {
  return 1 + Math.max(args["first"], 0) * childComplexity;
}
