import { Migration } from "@mikro-orm/migrations";

const options = "default character set utf8mb4 collate utf8mb4_bin engine = InnoDB";

/** Each statement may run again: MySQL commits them one by one, and a start may be killed between two. */
export class Migration20261122120000Upkeep extends Migration {
  override up(): void {
    this.addSql(`create table if not exists leases (
      name varchar(64) not null,
      holder varchar(36) not null,
      expires_at bigint not null,
      primary key (name)
    ) ${options}`);
    this.addSql(`create table if not exists repairs (
      chunk_id varchar(36) not null,
      reason varchar(16) not null,
      attempts int not null,
      next_attempt_at datetime(3) not null,
      created_at datetime(3) not null,
      primary key (chunk_id),
      index repairs_by_turn (next_attempt_at)
    ) ${options}`);
    this.addSql(`create table if not exists scrubs (
      node varchar(64) not null,
      started_at datetime(3) not null,
      finished_at datetime(3) null,
      position varchar(36) not null,
      total_chunks bigint not null,
      verified_chunks bigint not null,
      verified_bytes bigint not null,
      bad_chunks bigint not null,
      primary key (node)
    ) ${options}`);
  }
}
