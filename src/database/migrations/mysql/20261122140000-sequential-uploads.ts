import { Migration } from "@mikro-orm/migrations";
import { hasColumn } from "./has-column.ts";

/** May run again. */
export class Migration20261122140000SequentialUploads extends Migration {
  override async up(): Promise<void> {
    // MySQL, unlike MariaDB, knows no `add column if not exists`.
    if (!(await hasColumn(this, "files", "size_known"))) {
      this.addSql(`alter table files
        add column is_sequential tinyint(1) not null default false,
        add column is_part tinyint(1) not null default false,
        add column size_known tinyint(1) not null default true`);
    }
    this.addSql(`create table if not exists tus_uploads (
      file_id varchar(36) not null,
      metadata text not null,
      concat text not null,
      final_id varchar(36) not null,
      primary key (file_id),
      constraint tus_uploads_file_id_foreign foreign key (file_id) references files (id) on delete cascade
    ) default character set utf8mb4 collate utf8mb4_bin engine = InnoDB`);
  }
}
