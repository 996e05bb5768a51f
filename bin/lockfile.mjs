// Takes what packages say of engines out of package-lock.json; with --check, only tells whether it is there.
//
// npm judges it by the Node that npm itself runs on, while Stowage brings its own: it would warn of each package, and
// leave out optional ones, such as Vite's binary on Node 20.18 or 18, without which nothing can be built.
import { readFileSync, writeFileSync } from "node:fs";

const path = new URL("../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(path, "utf8"));
const others = Object.entries(lock.packages).filter(([folder]) => folder !== "");
const telling = others.filter(([, { engines }]) => engines !== undefined);
if (process.argv.includes("--check")) {
  if (telling.length > 0) {
    console.error("package-lock.json speaks of engines: npm run format takes that out.");
    process.exitCode = 1;
  }
} else if (telling.length > 0) {
  for (const [, described] of telling) delete described.engines;
  writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
}
