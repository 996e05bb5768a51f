import { relayStylePagination } from "@apollo/client/utilities";

const pages = relayStylePagination(["search", "orderBy"]);
const mergePages = pages.merge as Exclude<typeof pages.merge, boolean | undefined>;

/**
 * Joins the pages of the list of files in the cache. One that doesn't begin where the list ends by now is left out: the
 * list was asked for anew meanwhile, and would have a gap.
 */
export const filePages: typeof pages = {
  ...pages,
  merge(existing, incoming, options) {
    const after: unknown = options.args?.["after"];
    if (after && existing && existing.pageInfo.endCursor !== after) return existing;
    return mergePages(existing, incoming, options);
  },
};
