import { v7 } from "uuid";
import { describe, expect, test } from "vitest";
import { rankNodes, type WeightedNode } from "../../src/storage/cluster/placement.ts";

const ids = Array.from({ length: 20_000 }, () => v7());
const equal = (...names: string[]): WeightedNode[] => names.map((name) => ({ name, weight: 1e12 }));

/** The share of the ids whose first place each node has. */
function shares(nodes: WeightedNode[]): Record<string, number> {
  const counts: Record<string, number> = Object.fromEntries(nodes.map(({ name }) => [name, 0]));
  for (const id of ids) {
    const [first] = rankNodes(id, nodes);
    if (first !== undefined) counts[first] = (counts[first] ?? 0) + 1 / ids.length;
  }
  return counts;
}

describe("rankNodes", () => {
  test("ranks every node once, always the same way, whatever their order", () => {
    const id = "01980000-0000-7000-8000-0123456789ab";
    const ranked = rankNodes(id, equal("a", "b", "c", "d"));
    expect([...ranked].sort()).toEqual(["a", "b", "c", "d"]);
    expect(rankNodes(id, equal("d", "c", "b", "a"))).toEqual(ranked);
    // Written down: another order would be another placement after an upgrade.
    expect(ranked).toEqual(["c", "b", "d", "a"]);
    expect(rankNodes(id, [])).toEqual([]);
  });

  test("spreads evenly over nodes of equal weight", () => {
    for (const share of Object.values(shares(equal("a", "b", "c", "d")))) {
      expect(share).toBeGreaterThan(0.23);
      expect(share).toBeLessThan(0.27);
    }
  });

  test("gives each node its share by weight", () => {
    const { a, b } = shares([
      { name: "a", weight: 3e12 },
      { name: "b", weight: 1e12 },
    ]);
    expect(a).toBeCloseTo(0.75, 1);
    expect(b).toBeCloseTo(0.25, 1);
  });

  test("a new node takes its share and moves nothing between the others", () => {
    const before = equal("a", "b", "c");
    const after = equal("a", "b", "c", "d");
    let moved = 0;
    for (const id of ids) {
      const ranked = rankNodes(id, after);
      if (ranked[0] === "d") moved++;
      expect(ranked.filter((name) => name !== "d")).toEqual(rankNodes(id, before));
    }
    expect(moved / ids.length).toBeCloseTo(0.25, 1);
  });

  test("nodes of weight 0 come last, and share what falls to them", () => {
    const nodes = [...equal("a"), { name: "b", weight: 0 }, { name: "c", weight: 0 }];
    const seconds = new Set<string | undefined>();
    for (const id of ids.slice(0, 100)) {
      const ranked = rankNodes(id, nodes);
      expect(ranked[0]).toBe("a");
      seconds.add(ranked[1]);
    }
    expect(seconds).toEqual(new Set(["b", "c"]));
  });
});
