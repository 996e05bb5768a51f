import { CursorError, type EntityName, type FilterQuery, ValidationError } from "@mikro-orm/core";
import type { Database } from "../database.ts";
import { BadUserInputError } from "../errors.ts";

export const MAX_PAGE_SIZE = 500;

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
}

function decodeCursor(order: PageOrder, after: string): string {
  const refuse = () => {
    throw new BadUserInputError("after", "after takes a cursor that an earlier page of the same order gave.");
  };
  const text = Buffer.from(after, "base64url").toString();
  const [name, cursor = ""] = text.split(":", 2);
  if (name !== order.name) refuse();
  try {
    const values: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString());
    const scalar = (value: unknown) => Number.isFinite(value) || (typeof value === "string" && !value.includes("\0"));
    if (!Array.isArray(values) || values.length !== order.properties.length || !values.every(scalar)) refuse();
  } catch {
    refuse();
  }
  return cursor;
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
  if (!Number.isInteger(first) || first < 0 || first > MAX_PAGE_SIZE) {
    throw new BadUserInputError("first", `first takes 0 to ${MAX_PAGE_SIZE}.`);
  }
  const position = after == null ? undefined : decodeCursor(order, after);
  const totalCount = () => database.read((em) => em.count(entity, where() as never));
  if (first === 0) return { edges: [], hasNextPage: false, endCursor: null, totalCount };

  try {
    const found = await database.read((em) =>
      em.findByCursor(entity, {
        where: where(),
        first,
        ...(position === undefined ? {} : { after: position }),
        orderBy: order.properties,
        includeCount: false,
        // Left alone, MariaDB reads the condition's part of the index up to the cursor: deep pages would be slow.
        ...(database.dialect === "mysql" && { indexHint: `force index (${order.index})` }),
      } as never),
    );
    const nodes = found.items as T[];
    const cursorOf = (node: T) => Buffer.from(`${order.name}:${found.from(node as never)}`).toString("base64url");
    const edges = nodes.map((node) => ({ cursor: cursorOf(node), node }));
    return { edges, hasNextPage: found.hasNextPage, endCursor: edges.at(-1)?.cursor ?? null, totalCount };
  } catch (error) {
    if (!(error instanceof CursorError || error instanceof ValidationError)) throw error;
    throw new BadUserInputError("after", "after takes a cursor that an earlier page of the same order gave.");
  }
}
