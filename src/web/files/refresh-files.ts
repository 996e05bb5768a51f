import type { ApolloClient } from "@apollo/client";
import { FilesDocument, type FilesQuery, type FilesQueryVariables } from "../graphql/operations.ts";

/** Entries of a page: as many as the server gives at once. */
export const MOST_AT_ONCE = 500;

type List = Pick<FilesQueryVariables, "search" | "orderBy">;

/** What is loaded of the list at this moment, which what is shown may not be yet. */
export function loadedFiles(apollo: ApolloClient, list: List): FilesQuery["files"] | undefined {
  return apollo.readQuery({ query: FilesDocument, variables: { ...list, first: MOST_AT_ONCE } })?.files;
}

/** Asks anew for as much of the list as is loaded, at least a page, and puts it in the place of that. */
export async function refreshFiles(apollo: ApolloClient, list: List, page: number): Promise<void> {
  // More of it may be loaded meanwhile.
  const count = () => Math.max(page, loadedFiles(apollo, list)?.edges.length ?? 0);
  const edges: FilesQuery["files"]["edges"] = [];
  let after: string | null = null;
  let files: FilesQuery["files"] | undefined;
  do {
    const first = Math.min(MOST_AT_ONCE, count() - edges.length);
    const variables: FilesQueryVariables = { ...list, first, after };
    const { data } = await apollo.query({ query: FilesDocument, variables, fetchPolicy: "no-cache" });
    if (data === undefined) return;
    files = data.files;
    edges.push(...files.edges);
    after = files.pageInfo.endCursor ?? null;
  } while (files.pageInfo.hasNextPage && edges.length < count());
  const variables = { ...list, first: edges.length };
  apollo.writeQuery({ query: FilesDocument, variables, data: { files: { ...files, edges } } });
}
