import { Migration } from "@mikro-orm/migrations";

export class Migration20261128110000SessionsAndKeys extends Migration {
  override up(): void {
    this.addSql("alter table access_tokens add column last_used_from text null");
    this.addSql("alter table access_tokens add column user_agent text null");
    this.addSql(`create table api_keys (
      id text not null primary key,
      user_id text not null,
      key_hash binary(32) not null,
      name text not null,
      scopes text not null,
      created_at datetime not null,
      expires_at datetime null,
      last_used_at datetime null,
      last_used_from text null,
      constraint api_keys_user_id_foreign foreign key (user_id) references users (id) on delete cascade
    )`);
    this.addSql("create index api_keys_user_id_index on api_keys (user_id)");
    this.addSql("create unique index api_keys_key_hash_unique on api_keys (key_hash)");
  }
}
