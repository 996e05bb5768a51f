import { Migration } from "@mikro-orm/migrations";
import { hasColumn } from "./has-column.ts";

/** May run again. */
export class Migration20261127200000FreeingChunks extends Migration {
  override async up(): Promise<void> {
    if (await hasColumn(this, "chunks", "freeing_at")) return;
    this.addSql("alter table chunks add column freeing_at datetime(3) null");
  }
}
