/** The download route's address, as an absolute path. */
export function downloadPath(fileId: string, secret?: string): string {
  return `/files/download/${fileId}${secret === undefined ? "" : `?secret=${secret}`}`;
}
