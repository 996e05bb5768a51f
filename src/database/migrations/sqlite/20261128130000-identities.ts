import { Migration } from "@mikro-orm/migrations";

export class Migration20261128130000Identities extends Migration {
  override up(): void {
    this.addSql(`create table identities (
      issuer text not null,
      subject text not null,
      user_id text not null,
      primary key (issuer, subject),
      constraint identities_user_id_foreign foreign key (user_id) references users (id) on delete cascade
    )`);
    this.addSql("create index identities_user_id_index on identities (user_id)");
  }
}
