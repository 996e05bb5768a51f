import { Migration } from "@mikro-orm/migrations";

export class Migration20261122120000Upkeep extends Migration {
  override up(): void {
    this.addSql(`create table leases (
      name text not null primary key,
      holder text not null,
      expires_at bigint not null
    )`);
    this.addSql(`create table repairs (
      chunk_id text not null primary key,
      reason text not null,
      attempts integer not null,
      next_attempt_at datetime not null,
      created_at datetime not null
    )`);
    this.addSql("create index repairs_by_turn on repairs (next_attempt_at)");
    this.addSql(`create table scrubs (
      node text not null primary key,
      started_at datetime not null,
      finished_at datetime null,
      position text not null,
      total_chunks bigint not null,
      verified_chunks bigint not null,
      verified_bytes bigint not null,
      bad_chunks bigint not null
    )`);
  }
}
