import type { ApolloClient } from "@apollo/client";
import { OpenUploadsDocument, type OpenUploadsQuery } from "../graphql/operations.ts";

/** What the page calls itself when it begins an upload. */
export const CLIENT = "web";

type OpenUpload = OpenUploadsQuery["uploadSessions"]["nodes"][number];

/** Whether a page can go on with the upload: it has a plan, and a page began it. */
export function isContinuable({ kind, client }: OpenUpload): boolean {
  return kind === "PLANNED" && client === CLIENT;
}

/** All uploads that the user has open, wherever they were begun; undefined where the server can't tell. */
export async function openUploads(apollo: ApolloClient): Promise<OpenUpload[] | undefined> {
  const uploads: OpenUpload[] = [];
  let after: string | null = null;
  for (;;) {
    const variables: { after: string | null } = { after };
    const answer = await apollo
      .query({ query: OpenUploadsDocument, variables, fetchPolicy: "no-cache" })
      .catch(() => undefined);
    if (answer?.data === undefined) return undefined;
    const { nodes, pageInfo } = answer.data.uploadSessions;
    uploads.push(...nodes);
    if (!pageInfo.hasNextPage) return uploads;
    after = pageInfo.endCursor ?? null;
  }
}
