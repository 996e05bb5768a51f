const PREFIX = "stowage-upload:";

/** Locks that tell other tabs which uploads are under way. Over plain http, other than to localhost, browsers have none, and uploads of another tab are listed as open. */
const locks = navigator.locks as LockManager | undefined;

/** Other tabs leave the upload alone until the promise is settled. */
export function holdUpload(uploadId: string, until: Promise<unknown>): void {
  locks?.request(PREFIX + uploadId, () => until).catch(() => {});
}

/** The ids of uploads that a tab of this browser is at. */
export async function heldUploads(): Promise<ReadonlySet<string>> {
  const { held = [] } = (await locks?.query()) ?? {};
  return new Set(held.map(({ name = "" }) => name.slice(PREFIX.length)));
}
