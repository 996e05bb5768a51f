import { Migration } from "@mikro-orm/migrations";

export class Migration20261127200000FreeingChunks extends Migration {
  override up(): void {
    this.addSql("alter table chunks add column freeing_at datetime null");
  }
}
