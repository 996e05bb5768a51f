import { Migration } from "@mikro-orm/migrations";

export class Migration20261127210000FreeingOrder extends Migration {
  override up(): void {
    this.addSql("drop index files_by_freeing");
    this.addSql("create index files_by_freeing on files (status, freed_at, id)");
  }
}
