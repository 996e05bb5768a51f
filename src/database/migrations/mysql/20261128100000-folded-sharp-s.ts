import { Migration } from "@mikro-orm/migrations";
import { foldSharpS } from "../fold-filenames.ts";

export class Migration20261128100000FoldedSharpS extends Migration {
  override async up(): Promise<void> {
    await foldSharpS(this);
  }
}
