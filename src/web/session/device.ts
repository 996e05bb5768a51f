const PROGRAMS: [pattern: RegExp, name: string][] = [
  [/Edg\//, "Edge"],
  [/OPR\//, "Opera"],
  [/Firefox\//, "Firefox"],
  [/Chrom(e|ium)\//, "Chrome"],
  [/Safari\//, "Safari"],
  [/^curl\//, "curl"],
  [/^node|undici/i, "A program on Node"],
];
const SYSTEMS: [pattern: RegExp, name: string][] = [
  [/iPhone|iPad/, "iOS"],
  [/Android/, "Android"],
  [/Windows/, "Windows"],
  [/Mac OS X/, "macOS"],
  [/Linux/, "Linux"],
];

/** Names a browser and its system for a person, such as `Firefox on Windows`, from its User-Agent header. */
export function deviceOf(userAgent: string | null): string {
  if (userAgent === null) return "An unknown program";
  const named = (all: [RegExp, string][]) => all.find(([pattern]) => pattern.test(userAgent))?.[1];
  const [program, system] = [named(PROGRAMS), named(SYSTEMS)];
  if (program === undefined) return userAgent;
  return system === undefined ? program : `${program} on ${system}`;
}
