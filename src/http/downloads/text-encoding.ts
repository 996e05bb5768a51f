/** What is looked at of a file: enough to tell texts apart, and a few reads at most. */
export const SAMPLE_BYTES = 64 * 1024;

/** @param isWhole whether the sample is all there is; otherwise its end may be within a character */
export function isUtf8(sample: Uint8Array, isWhole: boolean): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(sample, { stream: !isWhole });
    return true;
  } catch {
    return false;
  }
}
