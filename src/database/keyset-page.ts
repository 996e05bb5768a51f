import type { EntityName, FilterQuery } from "@mikro-orm/core";
import { BadUserInputError } from "../errors.ts";
import type { Database } from "./database.ts";

const MAX_PAGE_SIZE = 500;

export interface PageRequest {
  /** How many, 0 to MAX_PAGE_SIZE. */
  first: number;
  /** The cursor of the entry before the page's first. */
  after?: string | null | undefined;
}

export interface Page<T> {
  edges: { cursor: string; node: T }[];
  hasNextPage: boolean;
  endCursor: string | null;
  /** How many there are on all pages; counted when asked. */
  totalCount(): Promise<number>;
}

/** An order over a unique tuple of properties, so that a cursor names one place in it. */
export interface PageOrder {
  /** Part of each cursor: one of another order is refused. */
  name: string;
  properties: readonly { [property: string]: "asc" | "desc" }[];
  /** The index that begins with the condition's columns and goes on with the order's. */
  index: string;
  /** Whether the condition has to look at each entry. */
  isLong?: boolean;
}

type Place = (string | number)[];

function decodeCursor(order: PageOrder, after: string): Place {
  const refuse = (): never => {
    throw new BadUserInputError("after", "after accepts a cursor that an earlier page of the same order gave.");
  };
  const text = Buffer.from(after, "base64url").toString();
  const [name, cursor = ""] = text.split(":", 2);
  if (name !== order.name) refuse();
  try {
    const values: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString());
    const scalar = (value: unknown) => Number.isFinite(value) || (typeof value === "string" && !value.includes("\0"));
    if (Array.isArray(values) && values.length === order.properties.length && values.every(scalar)) return values;
  } catch {
    // Answered below, as any other text that is no cursor.
  }
  return refuse();
}

function encodeCursor(order: PageOrder, names: readonly string[], node: object): string {
  const values = names.map((name) => (node as Record<string, unknown>)[name]);
  const cursor = Buffer.from(JSON.stringify(values)).toString("base64url");
  return Buffer.from(`${order.name}:${cursor}`).toString("base64url");
}

/**
 * What lies behind a place, as conditions in their order: the same in all properties but the last, then in all but the
 * last two, and so on. Each is a range of the index; both together, with `or`, would be read from its beginning.
 */
function stretchesBehind(order: PageOrder, names: readonly string[], place: Place): object[] {
  return names.map((_, index) => {
    const last = names.length - 1 - index;
    const same = Object.fromEntries(names.slice(0, last).map((name, i) => [name, place[i]]));
    const name = names[last] as string;
    return { ...same, [name]: { [order.properties[last]?.[name] === "asc" ? "$gt" : "$lt"]: place[last] } };
  });
}

/**
 * A page by keyset: entries that come or go never make another one appear twice or not at all.
 * @throws BadUserInputError for `first` or `after`
 */
export async function findPage<T extends object>(
  database: Database,
  entity: EntityName<T>,
  where: () => FilterQuery<T>,
  order: PageOrder,
  { first, after }: PageRequest,
): Promise<Page<T>> {
  const { isLong = false } = order;
  if (!Number.isInteger(first) || first < 0 || first > MAX_PAGE_SIZE) {
    throw new BadUserInputError("first", `first accepts 0 to ${MAX_PAGE_SIZE}.`);
  }
  const names = order.properties.flatMap((property) => Object.keys(property));
  const stretches = after == null ? [{}] : stretchesBehind(order, names, decodeCursor(order, after));
  const totalCount = () =>
    database.read((em) => em.count(entity, where() as never, { loggerContext: { isLong } }), { isLong });

  const found = await database.read(
    async (em) => {
      const nodes: T[] = [];
      for (const stretch of stretches) {
        // One more tells whether there is a next page.
        const limit = first + 1 - nodes.length;
        if (limit === 0) break;
        const options = {
          limit,
          orderBy: order.properties,
          loggerContext: { isLong },
          // Left alone, MariaDB reads the condition's part of the index up to the cursor: deep pages would be slow.
          ...(database.dialect === "mysql" && { indexHint: `force index (${order.index})` }),
        };
        nodes.push(...(await em.find(entity, { $and: [where(), stretch] } as never, options as never)));
      }
      return nodes;
    },
    { isLong },
  );
  const edges = found.slice(0, first).map((node) => ({ cursor: encodeCursor(order, names, node), node }));
  return { edges, hasNextPage: found.length > first, endCursor: edges.at(-1)?.cursor ?? null, totalCount };
}
