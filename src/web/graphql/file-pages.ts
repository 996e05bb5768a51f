import { relayStylePagination } from "@apollo/client/utilities";

const pages = relayStylePagination(["search", "orderBy"]);
const mergePages = pages.merge as Exclude<typeof pages.merge, boolean | undefined>;

/**
 * Joins the pages of the list of files in the cache. One that follows none of the files there is left out: the list was
 * asked for anew meanwhile, and would have a gap.
 */
export const filePages: typeof pages = {
  ...pages,
  merge(existing, incoming, options) {
    const after: unknown = options.args?.["after"];
    if (after && existing && !existing.edges.some(({ cursor }) => cursor === after)) return existing;
    return mergePages(existing, incoming, options);
  },
};
