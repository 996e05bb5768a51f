import { distance } from "fastest-levenshtein";

const SHORT_NAME = 5;

function resembles(name: string, setting: string): boolean {
  if (name.replace(/^STOWAGE_/i, "").toUpperCase() === setting) return true;
  const isSwapped = [...name].sort().join() === [...setting].sort().join();
  return isSwapped || distance(name, setting) <= (setting.length > SHORT_NAME ? 2 : 1);
}

/** A line for each variable that is no setting, but looks as if it was meant to be one. */
export function misspelledSettings(names: readonly string[], settings: readonly string[]): string[] {
  return names
    .filter((name) => !settings.includes(name))
    .flatMap((name) => {
      const meant = settings.find((setting) => resembles(name, setting));
      return meant === undefined ? [] : [`${name} is not a setting of Stowage; did you mean ${meant}?`];
    });
}
