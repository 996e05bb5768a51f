import type { Constructor } from "@mikro-orm/core";
import type { Migration } from "@mikro-orm/migrations";
import { Migration20261122000000Initial } from "./20261122000000-initial.ts";
import { Migration20261122100000StorageNodes } from "./20261122100000-storage-nodes.ts";
import { Migration20261122110000Quotas } from "./20261122110000-quotas.ts";
import { Migration20261122120000Upkeep } from "./20261122120000-upkeep.ts";
import { Migration20261122130000UpkeepRequests } from "./20261122130000-upkeep-requests.ts";
import { Migration20261122140000SequentialUploads } from "./20261122140000-sequential-uploads.ts";
import { Migration20261126100000FoldedFilenames } from "./20261126100000-folded-filenames.ts";
import { Migration20261126110000CompletedKeys } from "./20261126110000-completed-keys.ts";
import { Migration20261126120000RevokedLinks } from "./20261126120000-revoked-links.ts";
import { Migration20261127100000UploadClients } from "./20261127100000-upload-clients.ts";
import { Migration20261127200000FreeingChunks } from "./20261127200000-freeing-chunks.ts";
import { Migration20261127210000FreeingOrder } from "./20261127210000-freeing-order.ts";
import { Migration20261128100000FoldedSharpS } from "./20261128100000-folded-sharp-s.ts";
import { Migration20261128110000SessionsAndKeys } from "./20261128110000-sessions-and-keys.ts";
import { Migration20261128120000DisabledUsers } from "./20261128120000-disabled-users.ts";
import { Migration20261128130000Identities } from "./20261128130000-identities.ts";

/** All migrations, in the order in which they run. */
export const sqliteMigrations: Constructor<Migration>[] = [
  Migration20261122000000Initial,
  Migration20261122100000StorageNodes,
  Migration20261122110000Quotas,
  Migration20261122120000Upkeep,
  Migration20261122130000UpkeepRequests,
  Migration20261122140000SequentialUploads,
  Migration20261126100000FoldedFilenames,
  Migration20261126110000CompletedKeys,
  Migration20261126120000RevokedLinks,
  Migration20261127100000UploadClients,
  Migration20261127200000FreeingChunks,
  Migration20261127210000FreeingOrder,
  Migration20261128100000FoldedSharpS,
  Migration20261128110000SessionsAndKeys,
  Migration20261128120000DisabledUsers,
  Migration20261128130000Identities,
];
