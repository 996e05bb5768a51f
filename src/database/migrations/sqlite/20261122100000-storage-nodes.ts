import { randomUUID } from "node:crypto";
import { Migration } from "@mikro-orm/migrations";

export class Migration20261122100000StorageNodes extends Migration {
  override up(): void {
    this.addSql("create table deployment (id text not null primary key)");
    this.addSql(`insert into deployment (id) values ('${randomUUID()}')`);
    this.addSql(`create table storage_nodes (
      name text not null primary key,
      identity text not null,
      claimed_at datetime null,
      draining integer not null default false,
      created_at datetime not null
    )`);
  }
}
