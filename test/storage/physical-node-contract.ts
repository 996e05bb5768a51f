import { v7 } from "uuid";
import { describe, expect, test } from "vitest";
import { BLOCK_SIZE, type NodeIdentity, type PhysicalNode } from "../../src/storage/storage-node.ts";
import { idsOf, makeBlob, readAll, store } from "./blobs.ts";

/** A place of its own for each test, which nobody has claimed. */
export interface PlaceHarness {
  /** Each call gives another object for the same place, as another process has. */
  open(): Promise<PhysicalNode>;
  /** Takes the place's identity away, or puts another one there. */
  disguise(identity: NodeIdentity | null): Promise<unknown>;
}

const newIdentity = (): NodeIdentity => ({ id: v7(), deployment: v7(), name: "node1" });

async function asideOf(node: PhysicalNode): Promise<Set<string>> {
  return new Set(await Array.fromAsync(node.listAside()));
}

/** What a node that is one place must do beside the storage node contract. */
export function describePhysicalNode(what: string, place: () => Promise<PlaceHarness>): void {
  describe(`${what} keeps the physical node contract`, () => {
    test("an unclaimed place has no identity, fails the probe and takes no blob", async () => {
      const node = await (await place()).open();
      expect(await node.identity()).toBeNull();
      await expect(node.probe()).rejects.toThrow();
      await expect(node.create(v7(), 1)).rejects.toThrow();
      expect(await node.identity()).toBeNull();
    });

    test("a claimed place says who it is, to every process", async () => {
      const { open } = await place();
      const node = await open();
      const identity = newIdentity();
      await node.claim(identity);
      await node.claim(identity);
      await node.probe();
      const other = await open();
      expect(await other.identity()).toEqual(identity);
      await other.claim(identity);
      await other.probe();
      const blob = await store(other, 1000);
      expect((await readAll(node, blob)).equals(blob.bytes)).toBe(true);
    });

    test("a place with another identity refuses the claim and stays what it was", async () => {
      const { open } = await place();
      const node = await open();
      const identity = newIdentity();
      await node.claim(identity);
      await expect(node.claim({ ...identity, id: v7() })).rejects.toThrow("of this deployment");
      await expect(node.claim({ ...identity, deployment: v7() })).rejects.toThrow("belongs to another deployment");
      expect(await node.identity()).toEqual(identity);
      await node.probe();
    });

    test("of claims at once one wins, and all of the same identity do", async () => {
      for (let round = 0; round < 10; round++) {
        const { open } = await place();
        const identities = [newIdentity(), newIdentity()] as const;
        const claims = [0, 1, 0, 1].map(async (index) => (await open()).claim(identities[index as 0 | 1]));
        const outcomes = (await Promise.allSettled(claims)).map(({ status }) => status === "fulfilled");
        const found = await (await open()).identity();
        expect(outcomes).toEqual([0, 1, 0, 1].map((index) => identities[index as 0 | 1].id === found?.id));
      }
    });

    test("the probe fails as soon as the place is not the node any more", async () => {
      const { open, disguise } = await place();
      const node = await open();
      const identity = newIdentity();
      await node.claim(identity);
      const blob = { id: v7(), nodes: [] };
      await disguise(null);
      await expect(node.probe()).rejects.toThrow("identity");
      await disguise({ ...identity, deployment: v7() });
      await expect(node.probe()).rejects.toThrow("another deployment");
      await expect(idsOf(node)).rejects.toThrow("another deployment");
      await expect(node.remove(blob)).rejects.toThrow("another deployment");
      await disguise(identity);
      await node.probe();
      await node.remove(blob);
    });

    test("a node that wasn't told who it is touches nothing in a claimed place", async () => {
      const { open } = await place();
      const node = await open();
      const identity = newIdentity();
      await node.claim(identity);
      const blob = await store(node, 1000);
      const other = await open();
      await expect(other.claim({ ...identity, id: v7() })).rejects.toThrow();
      await expect(other.probe()).rejects.toThrow();
      await expect(other.create(v7(), 1)).rejects.toThrow();
      await expect(idsOf(other)).rejects.toThrow();
      await expect(other.remove({ id: v7(), nodes: [] })).rejects.toThrow();
      expect(await idsOf(node)).toEqual(new Set([blob.id]));
    });

    test("a blob set aside is neither read nor listed, and its id may be written again", async () => {
      const node = await (await place()).open();
      await node.claim(newIdentity());
      const blob = await store(node, BLOCK_SIZE + 1);
      expect(await asideOf(node)).toEqual(new Set());
      await node.setAside(blob.id);
      expect(await asideOf(node)).toEqual(new Set([blob.id]));
      expect(await idsOf(node)).toEqual(new Set());
      await expect(readAll(node, blob)).rejects.toThrow();
      const again = { ...makeBlob(1000), id: blob.id };
      const writer = await node.create(again.id, again.size);
      await writer.write([again.bytes]);
      await writer.commit();
      await node.setAside(blob.id);
      expect(await asideOf(node)).toEqual(new Set([blob.id]));
      const third = await node.create(again.id, again.size);
      await third.write([again.bytes]);
      await third.commit();
      await node.removeAside(blob.id);
      await node.removeAside(blob.id);
      expect(await asideOf(node)).toEqual(new Set());
      expect((await readAll(node, again)).equals(again.bytes)).toBe(true);
      expect(await idsOf(node)).toEqual(new Set([blob.id]));
    });

    test("setting aside what isn't there, twice or never stored, does nothing", async () => {
      const node = await (await place()).open();
      await node.claim(newIdentity());
      const blob = await store(node, 1);
      await node.setAside(blob.id);
      await node.setAside(blob.id);
      await node.setAside(v7());
      await node.removeAside(v7());
    });
  });
}
