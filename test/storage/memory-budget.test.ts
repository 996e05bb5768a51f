import { describe, expect, onTestFinished, test, vi } from "vitest";
import { LARGEST_RESERVATION, MemoryBudget } from "../../src/storage/s3/memory-budget.ts";
import { memoryFor } from "../../src/storage/s3/s3-writer.ts";

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
    const large = budget.reserve("large", 10, { signal: controller.signal });
    const small = budget.reserve("small", 5);
    controller.abort(reason);
    await expect(large).rejects.toBe(reason);
    await small;
    expect(budget.held).toBe(10);
    await expect(budget.reserve("x", 1, { signal: controller.signal })).rejects.toBe(reason);
    expect(budget.waiting).toBe(0);
  });

  test("no owner holds more than half while others come, and next is the one who holds least", async () => {
    const budget = new MemoryBudget(40);
    const order: string[] = [];
    const reserve = (blob: string, owner: string) => budget.reserve(blob, 10, { owner }).then(() => order.push(blob));
    const asked = ["a1", "a2", "a3", "a4"].map((blob) => reserve(blob, "a"));
    await settled();
    expect(order).toEqual(["a1", "a2"]);
    asked.push(reserve("b1", "b"), reserve("c1", "c"), reserve("b2", "b"));
    await settled();
    expect(order).toEqual(["a1", "a2", "b1", "c1"]);
    budget.release("a1");
    await settled();
    expect(order.at(-1)).toBe("a3");
    budget.release("c1");
    await settled();
    expect(order.at(-1)).toBe("b2");
  });

  test("a wait ends, with a word of trying again", async () => {
    const budget = new MemoryBudget(10, 1, 20);
    await budget.reserve("a", 10);
    await expect(budget.reserve("b", 1)).rejects.toThrow("Try again later");
    expect(budget.waiting).toBe(0);
    budget.release("a");
    await budget.reserve("c", 10);
  });

  test("while somebody waits, the slowest sender gives way, and neither a fast one nor one who waits for the node", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "setTimeout", "performance"] });
    onTestFinished(() => void vi.useRealTimers());
    const budget = new MemoryBudget(40);
    const gaveWay: string[] = [];
    const writer = (blob: string, received: number, awaitsSender = true) => {
      const giveWay = () => {
        gaveWay.push(blob);
        budget.release(blob, holder);
      };
      const holder = { received, awaitsSender, giveWay };
      budget.use(blob, holder);
    };
    for (const blob of ["fast", "slow", "slower", "held up"]) await budget.reserve(blob, 10);
    writer("fast", 10_000_000);
    writer("slow", 2000);
    writer("slower", 1000);
    writer("held up", 0, false);
    vi.advanceTimersByTime(20_000);
    expect(gaveWay).toEqual([]);
    const waiting = budget.reserve("next", 10);
    vi.advanceTimersByTime(1000);
    await waiting;
    vi.advanceTimersByTime(10_000);
    expect(gaveWay).toEqual(["slower"]);
  });
});

test("a blob reserves what its writer uses: itself up to 8 MiB, all parts in memory beyond", () => {
  const MIB = 1024 * 1024;
  for (const size of [1, 5 * MIB, 8 * MIB]) expect(memoryFor(size)).toBe(size);
  for (const size of [8 * MIB + 1, 9 * MIB, 64 * MIB]) expect(memoryFor(size)).toBe(LARGEST_RESERVATION);
});
