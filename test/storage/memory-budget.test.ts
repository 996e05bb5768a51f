import { describe, expect, test } from "vitest";
import { MemoryBudget } from "../../src/storage/memory-budget.ts";

/** Lets everything happen that doesn't wait for anything else. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("MemoryBudget", () => {
  test("grants in the order of asking, a small one not before a large one", async () => {
    const budget = new MemoryBudget(10);
    await budget.reserve("a", 8);
    const order: string[] = [];
    const waiting = [
      budget.reserve("large", 9).then(() => order.push("large")),
      budget.reserve("small", 1).then(() => order.push("small")),
    ];
    await settled();
    expect(order).toEqual([]);
    expect(budget.held).toBe(8);
    expect(budget.waiting).toBe(2);
    budget.release("a");
    await Promise.all(waiting);
    expect(order).toEqual(["large", "small"]);
    expect(budget.held).toBe(10);
  });

  test("the copies of one blob share a grant, so that none waits for what another holds", async () => {
    const budget = new MemoryBudget(20, 2);
    const blobs = ["a", "b", "c"];
    const first = blobs.map((blob) => budget.reserve(blob, 10));
    await first[0];
    const second = blobs.map((blob) => budget.reserve(blob, 10));
    for (const [index, blob] of blobs.entries()) {
      await Promise.all([first[index], second[index]]);
      expect(budget.held).toBe(20);
      budget.release(blob);
      await settled();
      expect(budget.held).toBe(10);
      budget.release(blob);
    }
    expect(budget.held).toBe(0);
  });

  test("more than all of it is granted when nobody else holds any", async () => {
    const budget = new MemoryBudget(10);
    await budget.reserve("a", 1);
    const large = budget.reserve("large", 11);
    await settled();
    expect(budget.waiting).toBe(1);
    budget.release("a");
    await large;
    expect(budget.held).toBe(11);
  });

  test("an aborted wait ends with the signal's reason, and the next in line gets its turn", async () => {
    const budget = new MemoryBudget(10);
    await budget.reserve("a", 5);
    const controller = new AbortController();
    const reason = new Error("the client left");
    const large = budget.reserve("large", 10, controller.signal);
    const small = budget.reserve("small", 5);
    controller.abort(reason);
    await expect(large).rejects.toBe(reason);
    await small;
    expect(budget.held).toBe(10);
    await expect(budget.reserve("x", 1, controller.signal)).rejects.toBe(reason);
    expect(budget.waiting).toBe(0);
  });
});
