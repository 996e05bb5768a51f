import { isRaw, type Platform, raw } from "@mikro-orm/core";
import { NativeQueryBuilder } from "@mikro-orm/sql";

/** A statement's text with a `?` where each of its values goes. */
interface BoundStatement {
  readonly sql: string;
  readonly values: readonly unknown[];
}

/** MikroORM's query: a builder, a fragment, or text with positional or named parameters. */
export type Statement = Parameters<Platform["formatQuery"]>[0] | NativeQueryBuilder | ReturnType<typeof raw>;

function fragmentOf(statement: Statement, parameters: readonly unknown[] | Record<string, unknown>) {
  if (statement instanceof NativeQueryBuilder) return statement.toRaw();
  if (isRaw(statement)) return statement;
  return Array.isArray(parameters)
    ? { sql: statement as string, params: parameters as readonly unknown[] }
    : raw(statement as string, parameters as Record<string, unknown>);
}

/**
 * Takes values out of a statement's text, where MikroORM would write them as literals: whether those are read as they
 * were meant rests on settings of the server, such as NO_BACKSLASH_ESCAPES, and each would be another statement to prepare.
 */
export function bind(
  platform: Platform,
  statement: Statement,
  parameters: readonly unknown[] | Record<string, unknown>,
): BoundStatement {
  const { sql, params } = fragmentOf(statement, parameters);
  if (params.length === 0) return { sql, values: [] };
  const values: unknown[] = [];
  const place = (value: unknown): string => {
    if (Array.isArray(value)) {
      return value.map((one) => (Array.isArray(one) ? `(${place(one)})` : place(one))).join(", ");
    }
    if (value === null || value === undefined) return "null";
    if (typeof value === "boolean") return String(value);
    values.push(value);
    return "?";
  };
  // The platform's own formatting, with places instead of literals.
  const placing: Platform = Object.create(platform, {
    escape: { value: place },
    quoteValue: {
      value: (value: unknown) => (value instanceof Date ? place(value) : platform.quoteValue.call(placing, value)),
    },
  });
  return { sql: placing.formatQuery(sql, params), values };
}
