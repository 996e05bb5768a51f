import type { Constructor } from "@mikro-orm/core";
import type { Migration } from "@mikro-orm/migrations";
import { Migration20261122000000Initial } from "./20261122000000-initial.ts";
import { Migration20261122120000Upkeep } from "./20261122120000-upkeep.ts";

/** In the order in which they run. */
export const mysqlMigrations: Constructor<Migration>[] = [
  Migration20261122000000Initial,
  Migration20261122120000Upkeep,
];
