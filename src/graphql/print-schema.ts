import { readFileSync, writeFileSync } from "node:fs";
import { printGraphQLSchema } from "./schema.ts";

const path = "schema.graphql";
const printed = printGraphQLSchema();
if (process.argv.includes("--check")) {
  if (readFileSync(path, "utf8") !== printed) {
    console.error(`${path} is not what the code gives. Run 'npm run schema' and commit it.`);
    process.exitCode = 1;
  }
} else {
  writeFileSync(path, printed);
}
