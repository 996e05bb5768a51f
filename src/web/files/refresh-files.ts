import type { ApolloClient } from "@apollo/client";
import { FilesDocument, type FilesQuery, type FilesQueryVariables } from "../graphql/operations.ts";

/** As many as the server gives at once. */
export const MOST_AT_ONCE = 500;

/** Asks anew for the first files of the list, and puts them in place of those that are in the cache. */
export async function refreshFiles(
  apollo: ApolloClient,
  list: Pick<FilesQueryVariables, "search" | "orderBy">,
  count: number,
): Promise<void> {
  const edges: FilesQuery["files"]["edges"] = [];
  let after: string | null = null;
  let files: FilesQuery["files"] | undefined;
  do {
    const first = Math.min(MOST_AT_ONCE, count - edges.length);
    const variables: FilesQueryVariables = { ...list, first, after };
    const { data } = await apollo.query({ query: FilesDocument, variables, fetchPolicy: "no-cache" });
    if (data === undefined) return;
    files = data.files;
    edges.push(...files.edges);
    after = files.pageInfo.endCursor ?? null;
  } while (files.pageInfo.hasNextPage && edges.length < count);
  const variables = { ...list, first: count };
  apollo.writeQuery({ query: FilesDocument, variables, data: { files: { ...files, edges } } });
}
