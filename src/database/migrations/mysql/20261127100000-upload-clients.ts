import { Migration } from "@mikro-orm/migrations";
import { hasColumn } from "./has-column.ts";

/** May run again. */
export class Migration20261127100000UploadClients extends Migration {
  override async up(): Promise<void> {
    if (await hasColumn(this, "files", "client")) return;
    this.addSql("alter table files add column client varchar(64) null");
  }
}
