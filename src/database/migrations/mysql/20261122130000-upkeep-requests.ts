import { Migration } from "@mikro-orm/migrations";

const options = "default character set utf8mb4 collate utf8mb4_bin engine = InnoDB";

export class Migration20261122130000UpkeepRequests extends Migration {
  override up(): void {
    this.addSql(`create table if not exists upkeep_requests (
      act varchar(16) not null,
      node varchar(64) not null,
      created_at datetime(3) not null,
      primary key (act, node)
    ) ${options}`);
  }
}
