import type { QuotaService } from "../accounts/quota-service.ts";
import { ApiError } from "../errors.ts";

/**
 * What this process is taking in of uploads whose size isn't known: it lies on the nodes before a quota has counted it, so
 * it is held against the quota here, by user.
 */
export class UnreservedBytes {
  readonly #quotas: QuotaService;
  readonly #held = new Map<string, number>();

  constructor(quotas: QuotaService) {
    this.#quotas = quotas;
  }

  /**
   * Runs the work with as many bytes as may come in, and holds those that are expected until it ends.
   * @param wanted at most so many
   * @throws ApiError QUOTA_EXCEEDED, before the work or where it takes in more than the quota leaves
   */
  async hold(userId: string, wanted: number, expected: number, work: (limit: number) => Promise<void>): Promise<void> {
    const usage = await this.#quotas.usage(userId);
    const held = this.#held.get(userId) ?? 0;
    const left = (usage.quotaBytes ?? Number.MAX_SAFE_INTEGER) - usage.usedBytes - usage.reservedBytes - held;
    const limit = Math.min(wanted, Math.max(0, left));
    const refusal = () => {
      const message = `These bytes don't fit in your quota, of which ${Math.max(0, left)} bytes are left.`;
      return new ApiError("QUOTA_EXCEEDED", message, { ...usage, requested: expected });
    };
    if (limit < wanted && (limit === 0 || expected > limit)) throw refusal();
    const holding = Math.min(expected, limit);
    this.#held.set(userId, held + holding);
    try {
      await work(limit);
    } catch (error) {
      const isTooMuch = error instanceof ApiError && error.code === "FILE_TOO_LARGE";
      throw isTooMuch && limit < wanted ? refusal() : error;
    } finally {
      const rest = (this.#held.get(userId) ?? 0) - holding;
      if (rest > 0) this.#held.set(userId, rest);
      else this.#held.delete(userId);
    }
  }
}
