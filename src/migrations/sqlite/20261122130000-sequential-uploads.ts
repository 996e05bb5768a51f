import { Migration } from "@mikro-orm/migrations";

export class Migration20261122130000SequentialUploads extends Migration {
  override up(): void {
    this.addSql("alter table files add column kind text not null default 'PLANNED'");
    this.addSql("alter table files add column size_known integer not null default true");
    this.addSql(`create table tus_uploads (
      file_id text not null primary key,
      metadata text null,
      concat text null,
      final_id text null,
      constraint tus_uploads_file_id_foreign foreign key (file_id) references files (id) on delete cascade
    )`);
  }
}
