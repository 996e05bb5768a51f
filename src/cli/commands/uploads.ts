import type { CommandModule } from "yargs";
import type { UploadSession } from "../../client/node.ts";
import { formatBytes } from "../../terminal/format.ts";
import { forEach } from "../for-each.ts";
import { print, printJson, printTable, time } from "../output.ts";
import { type GlobalArguments, openClient } from "../session.ts";

const PAGE = 500;

export const uploadsCommand: CommandModule<GlobalArguments, GlobalArguments & { abort: string[] | undefined }> = {
  command: "uploads",
  describe: "List uploads that can be continued, by the command that began them",
  builder: (yargs) =>
    yargs.option("abort", { type: "string", array: true, describe: "Give up the uploads of these ids" }) as never,
  handler: async (args) => {
    const client = await openClient(args);
    if (args.abort !== undefined) {
      return forEach(args.abort, args.json, async (id) => {
        await client.abortUpload(id);
        if (args.json) printJson({ aborted: id });
        else print(`Aborted ${id}.`);
      });
    }
    const uploads: UploadSession[] = [];
    let after: string | null = null;
    do {
      const page = await client.uploadSessions({ first: PAGE, after });
      uploads.push(...page.nodes);
      after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null;
    } while (after !== null);
    if (args.json) {
      for (const upload of uploads) printJson(upload);
      return;
    }
    printTable(
      uploads.map(({ id, filename, size, receivedBytes, expiresAt, client }) => {
        const received = `${formatBytes(receivedBytes)} of ${formatBytes(size)}`;
        return [id, received.padStart(22), `expires ${time(expiresAt)}`, client ?? "", filename];
      }),
    );
  },
};
