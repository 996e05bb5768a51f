import { Migration } from "@mikro-orm/migrations";
import { hasColumn } from "./has-column.ts";

/** May run again. */
export class Migration20261128110000SessionsAndKeys extends Migration {
  override async up(): Promise<void> {
    for (const [column, length] of [
      ["last_used_from", 45],
      ["user_agent", 255],
    ] as const) {
      if (await hasColumn(this, "access_tokens", column)) continue;
      this.addSql(`alter table access_tokens add column ${column} varchar(${length}) null`);
    }
    this.addSql(`create table if not exists api_keys (
      id varchar(36) not null,
      user_id varchar(36) not null,
      key_hash binary(32) not null,
      name varchar(100) not null,
      scopes varchar(255) not null,
      created_at datetime(3) not null,
      expires_at datetime(3) null,
      last_used_at datetime(3) null,
      last_used_from varchar(45) null,
      primary key (id),
      index api_keys_user_id_index (user_id),
      unique index api_keys_key_hash_unique (key_hash),
      constraint api_keys_user_id_foreign foreign key (user_id) references users (id) on delete cascade
    ) default character set utf8mb4 collate utf8mb4_bin engine = InnoDB`);
  }
}
