import { expect, test } from "vitest";
import { type Fault, planFaults, type Shape } from "./plan.ts";

const mixed: Shape = {
  nodes: [
    { name: "node1", kind: "LOCAL" },
    { name: "node2", kind: "LOCAL" },
    { name: "archive", kind: "S3" },
  ],
  servers: 2,
  hasDatabaseServer: true,
};
const simple: Shape = { nodes: mixed.nodes.slice(0, 2), servers: 1, hasDatabaseServer: false };
const seeds = Array.from({ length: 50 }, (_, index) => index * 7919);

test("a seed plans the same faults again, and another one others", () => {
  expect(planFaults(7, 100, mixed)).toEqual(planFaults(7, 100, mixed));
  expect(planFaults(7, 100, mixed)).not.toEqual(planFaults(8, 100, mixed));
});

test.for([1, 30, 250, 1000])("as many faults are planned as asked for: %i", (faults) => {
  for (const shape of [mixed, simple]) {
    const planned = planFaults(1, faults, shape).map(({ steps, ending }) => {
      return steps.filter(({ act }) => act.kind !== "relief").length + (ending === "restart" ? 1 : 0);
    });
    expect(planned.reduce((sum, count) => sum + count, 0)).toBe(faults);
  }
});

test("what can't be harmed isn't: no database server, no bucket that is full, no blobs on a node that is gone", () => {
  for (const seed of seeds) {
    for (const { node, steps } of planFaults(seed, 200, simple)) {
      let gone = false;
      for (const { act } of steps) {
        expect(act.kind).not.toMatch(/^database|^S3/);
        if (gone) expect(act.kind).not.toMatch(/^blobs|^bits|^node/);
        if (act.kind === "node gone") gone = true;
        if (act.kind === "relief") gone = false;
      }
      expect(["node1", "node2"]).toContain(node);
    }
    for (const { node, steps } of planFaults(seed, 200, mixed)) {
      const kinds = steps.map(({ act }) => act.kind);
      expect(kinds).not.toContain(node === "archive" ? "node full" : "S3 answers");
    }
  }
});

test("an epoch without a restart kills no server, nor lets the store stall: those are waited for too long", () => {
  for (const seed of seeds) {
    for (const { steps, ending } of planFaults(seed, 300, mixed)) {
      if (ending === "restart") continue;
      for (const { act } of steps) {
        expect(act.kind).not.toMatch(/servers? killed/);
        expect((act as Extract<Fault, { kind: "S3 answers" }>).how).not.toBe("stall");
      }
    }
  }
});

test("every kind of fault is planned, and each node has its turn", () => {
  const epochs = planFaults(3, 1000, mixed);
  const kinds = epochs.flatMap(({ steps }) => steps.map(({ act }) => ("how" in act ? `S3 ${act.how}` : act.kind)));
  expect([...new Set(kinds)].sort()).toEqual(
    [
      "S3 500",
      "S3 SlowDown",
      "S3 cut body",
      "S3 flipped bit",
      "S3 lost answer",
      "S3 stall",
      "all servers killed",
      "bits flipped",
      "blobs lost",
      "database killed",
      "database paused",
      "node full",
      "node gone",
      "relief",
      "server killed",
    ].sort(),
  );
  expect(new Set(epochs.map(({ node }) => node))).toEqual(new Set(["node1", "node2", "archive"]));
});
