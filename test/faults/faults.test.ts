import { randomInt } from "node:crypto";
import { test } from "vitest";
import { runFaults } from "./run.ts";

/** The sequence of the faults and of each client's choices follow from it; how they meet in time is up to the machine. */
const seed = Number(process.env["FAULT_SEED"] || randomInt(2 ** 31));
/** In all; the long form has more, and both kinds of node sets on both databases. */
const faults = Number(process.env["FAULTS"] || 0);
const SHORT_FAULTS = 30;

const short = [
  { dialect: "sqlite", withS3: false, faults: SHORT_FAULTS },
  { dialect: "mysql", withS3: true, faults: SHORT_FAULTS },
] as const;
const long = [
  { dialect: "sqlite", withS3: false, faults: Math.ceil(faults / 4) },
  { dialect: "mysql", withS3: true, faults: Math.ceil(faults / 4) },
  { dialect: "sqlite", withS3: true, faults: Math.ceil(faults / 4) },
  { dialect: "mysql", withS3: false, faults: Math.ceil(faults / 4) },
] as const;

console.log(`FAULT_SEED=${seed} plans these faults again`);

test.concurrent.for(faults > 0 ? long : short)(
  `$dialect, S3 $withS3, $faults faults: nothing acknowledged is lost and nothing wrong is served (seed ${seed})`,
  { timeout: 600_000 + faults * 10_000 },
  async (run, { onTestFinished }) => {
    const report = await runFaults({ ...run, seed }, onTestFinished);
    console.log(String(report));
  },
);
