import { forgetAllPaths, forgetPath } from "./kept-paths.ts";

/** What is kept of an upload over a reload, in browsers whose file handles can be. */
export interface KeptHandle {
  uploadId: string;
  userId: string;
  handle: FileSystemFileHandle;
}

const DATABASE = "stowage";
const STORE = "handles";

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function withStore<T>(mode: IDBTransactionMode, use: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "uploadId" });
  const database = await done(opening);
  try {
    return await done(use(database.transaction(STORE, mode).objectStore(STORE)));
  } finally {
    database.close();
  }
}

// A private window may have no database: the file is chosen again then. So no failure here is worth a message.

export async function keepHandle(kept: KeptHandle): Promise<void> {
  await withStore("readwrite", (store) => store.put(kept)).catch(() => {});
}

export async function forgetHandle(uploadId: string): Promise<void> {
  forgetPath(uploadId);
  await withStore("readwrite", (store) => store.delete(uploadId)).catch(() => {});
}

export async function forgetAllHandles(): Promise<void> {
  forgetAllPaths();
  await withStore("readwrite", (store) => store.clear()).catch(() => {});
}

export async function keptHandles(userId: string): Promise<KeptHandle[]> {
  const all = await withStore<KeptHandle[]>("readonly", (store) => store.getAll()).catch(() => []);
  return all.filter((kept) => kept.userId === userId);
}

/** @param ask whether the browser may ask the person: only while a click is handled */
export async function mayRead(handle: FileSystemFileHandle, ask = false): Promise<boolean> {
  const mode = { mode: "read" } as const;
  const answer = ask ? handle.requestPermission?.(mode) : handle.queryPermission?.(mode);
  return (await answer?.catch(() => "denied")) === "granted";
}
