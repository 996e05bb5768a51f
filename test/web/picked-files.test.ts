import { expect, test } from "vitest";
import { checkFilename } from "../../src/metadata/filename.ts";
import { filenameOf } from "../../src/web/uploads/picked-files.ts";

test.each([
  ["a.jpg", "a.jpg"],
  ["photos/2026/sea.jpg", "photos - 2026 - sea.jpg"],
  ["back\\slash\u202e.txt", "back_slash_.txt"],
  [`${"long/".repeat(60)}end.txt`, `${"long - ".repeat(60)}end.txt`.slice(-255)],
  [`${"🚢".repeat(300)}.txt`, `${"🚢".repeat(251)}.txt`],
])("%s: the name that it is stored under is one that the server takes", (path, filename) => {
  expect(filenameOf(path)).toBe(filename);
  expect(() => checkFilename(filename)).not.toThrow();
});
