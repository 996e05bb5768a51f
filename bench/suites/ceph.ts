import { join } from "node:path";
import { compare, printRows, type Row } from "../compare.ts";
import { startCeph } from "../servers/ceph.ts";
import { CHUNK, deal } from "../servers/server.ts";
import { startStowage } from "../servers/stowage.ts";

/** Few, as Ceph frees what was deleted only after half a minute. */
const CHUNKS = 32;
const AT_ONCE = 4;

/** Stowage over Ceph beside plain PUT and GET to the same Ceph. */
export async function cephSuite(folder: string, rounds: number): Promise<Row[]> {
  const ceph = await startCeph();
  const stowage = await startStowage(join(folder, "ceph"), {
    name: "Stowage over it",
    route: "raw",
    settings: ceph.settings,
  });
  try {
    console.log("\n## Ceph, upload of 8 MiB chunks, 4 at once\n");
    const uploads = await compare(
      "ceph, upload",
      [ceph.plain, stowage].map((server) => ({
        name: server.name,
        server,
        load: async () => ({ connections: (await server.uploads?.(AT_ONCE, CHUNKS)) ?? [] }),
      })),
      rounds,
    );
    printRows(uploads);
    console.log("\n## Ceph, download of 8 MiB objects beside files of several chunks, 4 at once\n");
    const objects = deal(await ceph.objects(CHUNKS), AT_ONCE);
    const file = { head: (await stowage.fileOf?.((CHUNKS / AT_ONCE) * CHUNK))?.head ?? "", expect: [200] };
    const files = Array.from({ length: AT_ONCE }, () => [file]);
    const downloads = await compare(
      "ceph, download",
      [
        { name: ceph.plain.name, server: ceph.plain, load: async () => ({ connections: objects }) },
        { name: stowage.name, server: stowage, load: async () => ({ connections: files }) },
      ],
      rounds,
    );
    printRows(downloads);
    return [...uploads, ...downloads];
  } finally {
    await stowage.stop();
    await ceph.stop();
  }
}
