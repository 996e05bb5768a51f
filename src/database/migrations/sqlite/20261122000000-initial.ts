import { Migration } from "@mikro-orm/migrations";

export class Migration20261122000000Initial extends Migration {
  override up(): void {
    this.addSql(`create table users (
      id text not null primary key,
      username text not null,
      username_key text not null,
      email text not null,
      email_key text not null,
      password_hash text not null,
      role text not null,
      file_count integer not null default 0,
      created_at datetime not null
    )`);
    this.addSql("create unique index users_username_key_unique on users (username_key)");
    this.addSql("create unique index users_email_key_unique on users (email_key)");
    this.addSql(`create table access_tokens (
      id text not null primary key,
      user_id text not null,
      token_hash binary(32) not null,
      created_at datetime not null,
      expires_at datetime not null,
      last_used_at datetime null,
      constraint access_tokens_user_id_foreign foreign key (user_id) references users (id) on delete cascade
    )`);
    this.addSql("create index access_tokens_user_id_index on access_tokens (user_id)");
    this.addSql("create unique index access_tokens_token_hash_unique on access_tokens (token_hash)");
    this.addSql("create index access_tokens_expires_at_index on access_tokens (expires_at)");
    this.addSql(`create table files (
      id text not null primary key,
      owner_id text not null,
      filename text not null,
      filename_key text not null,
      content_type text not null,
      size bigint not null,
      chunk_size integer not null,
      status text not null,
      received_chunks integer not null,
      received_bytes bigint not null,
      digest binary(32) null,
      resume_key binary(32) null,
      created_at datetime not null,
      completed_at datetime null,
      expires_at datetime not null,
      freed_at datetime null,
      constraint files_owner_id_foreign foreign key (owner_id) references users (id)
    )`);
    this.addSql("create index files_by_id on files (owner_id, status, id)");
    this.addSql("create index files_by_filename on files (owner_id, status, filename_key, id)");
    this.addSql("create index files_by_size on files (owner_id, status, size, id)");
    this.addSql("create index files_by_expiry on files (status, expires_at)");
    this.addSql("create index files_by_freeing on files (status, freed_at)");
    this.addSql("create unique index files_resume_key on files (owner_id, resume_key)");
    this.addSql(`create table chunks (
      id text not null primary key,
      size integer not null,
      sha256 binary(32) not null,
      block_checksums varbinary(1024) not null,
      created_at datetime not null
    )`);
    this.addSql(`create table chunk_replicas (
      chunk_id text not null,
      node text not null,
      primary key (chunk_id, node),
      constraint chunk_replicas_chunk_id_foreign foreign key (chunk_id) references chunks (id)
    )`);
    this.addSql("create index chunk_replicas_by_node on chunk_replicas (node, chunk_id)");
    this.addSql(`create table file_chunks (
      file_id text not null,
      \`offset\` bigint not null,
      chunk_id text not null,
      primary key (file_id, \`offset\`),
      constraint file_chunks_file_id_foreign foreign key (file_id) references files (id),
      constraint file_chunks_chunk_id_foreign foreign key (chunk_id) references chunks (id)
    )`);
    this.addSql("create index file_chunks_chunk_id_index on file_chunks (chunk_id)");
    this.addSql(`create table download_links (
      id text not null primary key,
      file_id text not null,
      secret_hash binary(32) not null,
      created_at datetime not null,
      expires_at datetime not null,
      constraint download_links_file_id_foreign foreign key (file_id) references files (id) on delete cascade
    )`);
    this.addSql("create index download_links_file_id_index on download_links (file_id)");
    this.addSql("create index download_links_expires_at_index on download_links (expires_at)");
  }
}
