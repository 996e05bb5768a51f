import { describe, expect, test } from "vitest";
import { BadUserInputError } from "../../src/errors.ts";
import { checkFilename, filenameKey } from "../../src/metadata/filename.ts";

describe("checkFilename", () => {
  test.each([
    "a",
    "a.tar.gz",
    ".hidden",
    "...",
    " a ",
    "日本語",
    "العربية",
    "e\u0301",
    "👩‍👩‍👧",
    "😀".repeat(255),
    "a:b*c?",
    "x".repeat(255),
  ])("takes %j", (filename) => {
    expect(() => checkFilename(filename)).not.toThrow();
  });

  test.each([
    ["", "can be seen"],
    ["   ", "can be seen"],
    ["\u3000", "can be seen"],
    ["\u200b\u200d", "can be seen"],
    ["x".repeat(256), "at most 255 characters; this one has 256"],
    ["😀".repeat(256), "at most 255 characters; this one has 256"],
    ["a/b", "without a path"],
    ["/", "without a path"],
    ["a\\b", "without a path"],
    [".", "other than"],
    ["..", "other than"],
    ["\udc00a", "surrogate"],
    ["a\ud800", "surrogate"],
    ["a\u2029b", "no control characters"],
    ["a\u2066b", "no control characters"],
  ])("refuses %j", (filename, why) => {
    expect(() => checkFilename(filename)).toThrow(why);
    expect(() => checkFilename(filename)).toThrow(BadUserInputError);
  });

  test("refuses every control character", () => {
    const codes = [...Array(32).keys(), 127, ...Array.from({ length: 32 }, (_, i) => 128 + i)];
    for (const code of codes) expect(() => checkFilename(`a${String.fromCharCode(code)}b`), `${code}`).toThrow();
  });
});

describe("filenameKey", () => {
  test("is the same for names that differ in case or in how accents are composed", () => {
    expect(filenameKey("CAF\u00c9")).toBe(filenameKey("cafe\u0301"));
    expect(filenameKey("ÅNGSTRÖM")).toBe(filenameKey("a\u030angstro\u0308m"));
    expect(filenameKey("МОСКВА")).toBe("москва");
    for (const name of ["GROẞ", "groß", "gross", "GROSS"]) expect(filenameKey(name)).toBe("gross");
  });

  test("is another for other names", () => {
    expect(filenameKey("café")).not.toBe(filenameKey("cafe"));
    expect(filenameKey("a")).not.toBe(filenameKey("ａ"));
  });

  test("fits its column whatever the name", () => {
    for (const letter of ["İ", "\ufb2c", "\u0390", "ﬃ", "\u0344"]) {
      expect(filenameKey(letter.repeat(255)).length).toBeLessThanOrEqual(512);
    }
  });
});
