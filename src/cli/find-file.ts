import { type StoredFile, type StowageClient, StowageError } from "../client/node.ts";
import { UsageError } from "./exit-codes.ts";

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const PAGE = 500;

/** The caller's file of this id or exactly this name. @throws StowageError NOT_FOUND, and UsageError when several have the name */
export async function findFile(client: StowageClient, named: string): Promise<StoredFile> {
  const byId = ID.test(named) ? await client.file(named) : null;
  if (byId !== null) return byId;
  const found: StoredFile[] = [];
  let after: string | null = null;
  do {
    const page = await client.files({ search: named, first: PAGE, after });
    found.push(...page.nodes.filter(({ filename }) => filename.normalize() === named.normalize()));
    after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null;
  } while (after !== null);
  const [only, ...others] = found;
  if (only === undefined) {
    throw new StowageError("NOT_FOUND", `There is no file ${named}. 'stowage ls' lists what there is.`);
  }
  if (others.length === 0) return only;
  const ids = found.map(({ id }) => `\n  ${id}`).join("");
  throw new UsageError(`${found.length} files are called ${named}. Name one by its id:${ids}`);
}
