import { Migration } from "@mikro-orm/migrations";

export class Migration20261122140000SequentialUploads extends Migration {
  override up(): void {
    this.addSql("alter table files add column is_sequential integer not null default false");
    this.addSql("alter table files add column is_part integer not null default false");
    this.addSql("alter table files add column size_known integer not null default true");
    this.addSql(`create table tus_uploads (
      file_id text not null primary key,
      metadata text not null,
      concat text not null,
      final_id text not null,
      constraint tus_uploads_file_id_foreign foreign key (file_id) references files (id) on delete cascade
    )`);
  }
}
