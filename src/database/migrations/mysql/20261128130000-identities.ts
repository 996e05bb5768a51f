import { Migration } from "@mikro-orm/migrations";

/** May run again. */
export class Migration20261128130000Identities extends Migration {
  override up(): void {
    this.addSql(`create table if not exists identities (
      issuer varchar(255) not null,
      subject varchar(255) not null,
      user_id varchar(36) not null,
      primary key (issuer, subject),
      index identities_user_id_index (user_id),
      constraint identities_user_id_foreign foreign key (user_id) references users (id) on delete cascade
    ) default character set utf8mb4 collate utf8mb4_bin engine = InnoDB`);
  }
}
