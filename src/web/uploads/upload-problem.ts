import { StowageError } from "../../client/browser.ts";
import { formatBytes } from "../ui/format.ts";

/** Why an upload failed, for a person. */
export function uploadProblem(error: unknown): string {
  if (!(error instanceof StowageError)) return "Something went wrong in this page.";
  const { code, facts, message } = error;
  if (code === "QUOTA_EXCEEDED" && facts["quotaBytes"] !== undefined) {
    const [quota, used, reserved] = [facts["quotaBytes"], facts["usedBytes"], facts["reservedBytes"]].map(Number);
    const left = Math.max(0, (quota ?? 0) - (used ?? 0) - (reserved ?? 0));
    return `There is not enough room: ${formatBytes(left)} of your ${formatBytes(quota ?? 0)} are left. Delete files or cancel uploads, then try again.`;
  }
  if (code === "SOURCE_CHANGED") {
    return "The file was changed or removed since it was chosen. Choose it again, and it is uploaded as it is then.";
  }
  if (code === "INSUFFICIENT_STORAGE") return "The server has no room left at the moment. Try again later.";
  const { status } = error;
  if (code === "UNEXPECTED_ANSWER" && status !== 413) {
    const answered = status === undefined ? "" : ` (HTTP ${status})`;
    return `Something in front of Stowage answered in its place${answered}. Try again, or tell its operator.`;
  }
  return message;
}
