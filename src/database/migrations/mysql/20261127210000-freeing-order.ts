import { Migration } from "@mikro-orm/migrations";

/** May run again. */
export class Migration20261127210000FreeingOrder extends Migration {
  override up(): void {
    this.addSql("alter table files drop index files_by_freeing, add index files_by_freeing (status, freed_at, id)");
  }
}
