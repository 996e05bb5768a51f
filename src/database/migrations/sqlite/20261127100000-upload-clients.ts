import { Migration } from "@mikro-orm/migrations";

export class Migration20261127100000UploadClients extends Migration {
  override up(): void {
    this.addSql("alter table files add column client text null");
  }
}
