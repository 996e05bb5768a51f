import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";

/** The long form: `npm run test:faults -- --faults 1000 --seed 42`. */
const { values } = parseArgs({ options: { faults: { type: "string" }, seed: { type: "string" } } });
const faults = values.faults ?? process.env["FAULTS"] ?? "1000";
const seed = values.seed ?? process.env["FAULT_SEED"] ?? "";

// Two runs side by side keep two cores busy; more would only make each other slow.
const { status } = spawnSync("vitest", ["run", "test/faults/faults.test.ts", "--maxConcurrency=2"], {
  stdio: "inherit",
  env: { ...process.env, FAULTS: faults, FAULT_SEED: seed },
});
process.exitCode = status ?? 1;
