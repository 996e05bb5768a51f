import { Migration } from "@mikro-orm/migrations";

const options = "default character set utf8mb4 collate utf8mb4_bin engine = InnoDB";

/** Each statement may run again: MySQL commits them one by one, and a start may be killed between two. */
export class Migration20261122000000Initial extends Migration {
  override up(): void {
    this.addSql(`create table if not exists users (
      id varchar(36) not null,
      username varchar(32) not null,
      username_key varchar(32) not null,
      email varchar(254) not null,
      email_key varchar(254) not null,
      password_hash varchar(255) not null,
      role varchar(16) not null,
      file_count int not null default 0,
      created_at datetime(3) not null,
      primary key (id),
      unique index users_username_key_unique (username_key),
      unique index users_email_key_unique (email_key)
    ) ${options}`);
    this.addSql(`create table if not exists access_tokens (
      id varchar(36) not null,
      user_id varchar(36) not null,
      token_hash binary(32) not null,
      created_at datetime(3) not null,
      expires_at datetime(3) not null,
      last_used_at datetime(3) null,
      primary key (id),
      index access_tokens_user_id_index (user_id),
      unique index access_tokens_token_hash_unique (token_hash),
      index access_tokens_expires_at_index (expires_at),
      constraint access_tokens_user_id_foreign foreign key (user_id) references users (id) on delete cascade
    ) ${options}`);
    this.addSql(`create table if not exists files (
      id varchar(36) not null,
      owner_id varchar(36) not null,
      filename varchar(255) not null,
      filename_key varchar(512) not null,
      content_type varchar(255) not null,
      size bigint not null,
      chunk_size int not null,
      status varchar(16) not null,
      received_chunks int not null,
      received_bytes bigint not null,
      digest binary(32) null,
      resume_key binary(32) null,
      created_at datetime(3) not null,
      completed_at datetime(3) null,
      expires_at datetime(3) not null,
      freed_at datetime(3) null,
      primary key (id),
      index files_by_id (owner_id, status, id),
      index files_by_filename (owner_id, status, filename_key, id),
      index files_by_size (owner_id, status, size, id),
      index files_by_expiry (status, expires_at),
      index files_by_freeing (status, freed_at),
      unique index files_resume_key (owner_id, resume_key),
      constraint files_owner_id_foreign foreign key (owner_id) references users (id)
    ) ${options}`);
    this.addSql(`create table if not exists chunks (
      id varchar(36) not null,
      size int not null,
      sha256 binary(32) not null,
      block_checksums varbinary(1024) not null,
      created_at datetime(3) not null,
      primary key (id)
    ) ${options}`);
    this.addSql(`create table if not exists chunk_replicas (
      chunk_id varchar(36) not null,
      node varchar(64) not null,
      primary key (chunk_id, node),
      index chunk_replicas_by_node (node, chunk_id),
      constraint chunk_replicas_chunk_id_foreign foreign key (chunk_id) references chunks (id)
    ) ${options}`);
    this.addSql(`create table if not exists file_chunks (
      file_id varchar(36) not null,
      \`offset\` bigint not null,
      chunk_id varchar(36) not null,
      primary key (file_id, \`offset\`),
      index file_chunks_chunk_id_index (chunk_id),
      constraint file_chunks_file_id_foreign foreign key (file_id) references files (id),
      constraint file_chunks_chunk_id_foreign foreign key (chunk_id) references chunks (id)
    ) ${options}`);
    this.addSql(`create table if not exists download_links (
      id varchar(36) not null,
      file_id varchar(36) not null,
      secret_hash binary(32) not null,
      created_at datetime(3) not null,
      expires_at datetime(3) not null,
      primary key (id),
      index download_links_file_id_index (file_id),
      index download_links_expires_at_index (expires_at),
      constraint download_links_file_id_foreign foreign key (file_id) references files (id) on delete cascade
    ) ${options}`);
  }
}
