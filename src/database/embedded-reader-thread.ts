// Runs in a thread of its own: reads an SQLite file, one statement after the other.
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import type { Answer, Question } from "./embedded-reader.ts";

const { path, patienceMs } = workerData as { path: string; patienceMs: number };
const database = new DatabaseSync(path, { readOnly: true, timeout: patienceMs });

function answerTo({ sql, values }: Question): Answer {
  try {
    return { rows: database.prepare(sql).all(...(values as SQLInputValue[])) };
  } catch (error) {
    const { message, code, errcode } = error as Error & { code?: string; errcode?: number };
    return { error: { message, ...(code !== undefined && { code }), ...(errcode !== undefined && { errcode }) } };
  }
}

parentPort?.on("message", (question: Question) => parentPort?.postMessage(answerTo(question)));
