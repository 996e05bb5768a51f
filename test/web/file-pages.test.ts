import { gql, InMemoryCache } from "@apollo/client";
import { expect, test } from "vitest";
import { filePages } from "../../src/web/graphql/file-pages.ts";

const FILES = gql`
  query ($after: String) {
    files(after: $after) {
      edges {
        cursor
        node {
          id
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`;

const cache = new InMemoryCache({ typePolicies: { Query: { fields: { files: filePages } } } });

function receive(names: string, after: string | null = null): void {
  const edges = [...names].map((id) => ({ cursor: id, node: { __typename: "File", id } }));
  const pageInfo = { hasNextPage: true, endCursor: names.at(-1) };
  cache.writeQuery({ query: FILES, variables: { after }, data: { files: { edges, pageInfo } } });
}

function listed() {
  const { edges, pageInfo } = cache.readQuery<{
    files: { edges: { node: { id: string } }[]; pageInfo: { endCursor: string } };
  }>({ query: FILES })?.files ?? { edges: [], pageInfo: { endCursor: "" } };
  return { names: edges.map(({ node }) => node.id).join(""), end: pageInfo.endCursor };
}

test("a page that was under way while the list was asked for anew leaves no gap in it", () => {
  receive("abc");
  receive("def", "c");
  expect(listed()).toEqual({ names: "abcdef", end: "f" });
  receive("abcd");
  receive("efg", "c");
  expect(listed()).toEqual({ names: "abcd", end: "d" });
  receive("abc");
  receive("ghi", "f");
  expect(listed()).toEqual({ names: "abc", end: "c" });
  receive("def", "c");
  expect(listed()).toEqual({ names: "abcdef", end: "f" });
});
