import { readFileSync } from "node:fs";
import { buildSchema, findBreakingChanges } from "graphql";
import { expect, test } from "vitest";
import { printGraphQLSchema } from "../../src/graphql/schema.ts";

test("schema.graphql is what the code gives", () => {
  expect(printGraphQLSchema()).toBe(readFileSync("schema.graphql", "utf8"));
});

test("the served schema holds everything that the public contract promises", () => {
  const contract = buildSchema(readFileSync("test/graphql/contract.graphql", "utf8"));
  const served = buildSchema(printGraphQLSchema());
  expect(findBreakingChanges(contract, served)).toEqual([]);
});
