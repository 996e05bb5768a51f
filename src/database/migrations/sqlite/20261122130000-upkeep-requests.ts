import { Migration } from "@mikro-orm/migrations";

export class Migration20261122130000UpkeepRequests extends Migration {
  override up(): void {
    this.addSql(`create table upkeep_requests (
      act text not null,
      node text not null,
      created_at datetime not null,
      primary key (act, node)
    )`);
  }
}
