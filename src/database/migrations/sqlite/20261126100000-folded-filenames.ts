import { Migration } from "@mikro-orm/migrations";
import { foldFilenames } from "../fold-filenames.ts";

export class Migration20261126100000FoldedFilenames extends Migration {
  override async up(): Promise<void> {
    await foldFilenames(this);
  }
}
