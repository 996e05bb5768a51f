import "./files.css";
import { useApolloClient, useQuery } from "@apollo/client/react";
import { useEffect, useId, useMemo, useRef, useState } from "react";
import { errorMessage } from "../graphql/apollo.ts";
import { type FileOrder, FilesDocument, type ListedFileFragment } from "../graphql/operations.ts";
import { count } from "../ui/format.ts";
import { Icon } from "../ui/icon.tsx";
import { useStore } from "../ui/store.ts";
import type { UploadQueue } from "../uploads/upload-queue.ts";
import { EndOfList } from "./end-of-list.tsx";
import { FileDialog } from "./file-dialog.tsx";
import { FileRow, type RowActions } from "./file-row.tsx";
import { LinkDialog } from "./link-dialog.tsx";
import type { PendingDeletions } from "./pending-deletions.ts";
import { loadedFiles, MOST_AT_ONCE, refreshFiles } from "./refresh-files.ts";

const PAGE = 50;
const SEARCH_DELAY_MS = 200;
const REFRESH_DELAY_MS = 300;

const orders: [FileOrder, string][] = [
  ["CREATED_AT_DESC", "Newest first"],
  ["CREATED_AT_ASC", "Oldest first"],
  ["FILENAME_ASC", "Name, A to Z"],
  ["FILENAME_DESC", "Name, Z to A"],
  ["SIZE_DESC", "Largest first"],
  ["SIZE_ASC", "Smallest first"],
];

type OpenDialog = { kind: "file" | "link"; file: ListedFileFragment } | undefined;

interface Props {
  deletions: PendingDeletions;
  queue: UploadQueue;
}

/** The list of files, with search and order. */
export function FileBrowser({ deletions, queue }: Props) {
  const searchId = useId();
  const orderId = useId();
  const [typed, setTyped] = useState("");
  const [search, setSearch] = useState<string | null>(null);
  const [orderBy, setOrderBy] = useState<FileOrder>("CREATED_AT_DESC");
  const [dialog, setDialog] = useState<OpenDialog>();
  const list = useRef<HTMLUListElement>(null);
  const hidden = useStore(deletions.hidden);
  const uploading = useStore(queue.items).some(({ state }) => state === "running" || state === "waiting");

  useEffect(() => {
    const timer = setTimeout(() => setSearch(typed.trim() || null), SEARCH_DELAY_MS);
    return () => clearTimeout(timer);
  }, [typed]);

  const { data, previousData, error, fetchMore, refetch } = useQuery(FilesDocument, {
    variables: { first: PAGE, search, orderBy },
    fetchPolicy: "cache-and-network",
    nextFetchPolicy: "cache-first",
    notifyOnNetworkStatusChange: true,
  });
  // An uploaded or renamed file comes into the list where the order has it, with as much of the list as was there.
  const apollo = useApolloClient();
  const completed = useStore(queue.completed).files;
  const [renamed, setRenamed] = useState(0);
  useEffect(() => {
    if (completed + renamed === 0) return;
    const timer = setTimeout(() => {
      void refreshFiles(apollo, { search, orderBy }, PAGE).catch(() => {});
    }, REFRESH_DELAY_MS);
    return () => clearTimeout(timer);
  }, [apollo, completed, renamed, search, orderBy]);
  // While another search is under way its predecessor's files stay in sight; they are not its result, though.
  const files = data?.files ?? (error === undefined ? previousData?.files : undefined);
  const shown = files?.edges.map(({ node }) => node).filter(({ id }) => !hidden.has(id)) ?? [];
  const total = data && Math.max(0, data.files.totalCount - hidden.size);

  function focusRow(index: number) {
    requestAnimationFrame(() => {
      const rows = list.current?.querySelectorAll<HTMLElement>(".file-name") ?? [];
      (rows[Math.min(index, rows.length - 1)] ?? document.getElementById(searchId))?.focus();
    });
  }

  const remove = useRef<RowActions["remove"]>(() => {});
  remove.current = (file) => {
    const index = shown.indexOf(file);
    deletions.delete(file, () => focusRow(index));
    // What had the focus is gone; the next file's name takes it.
    focusRow(index);
  };
  // The same at each render: rows that haven't changed aren't rendered again, of which there may be thousands.
  const actions = useMemo<RowActions>(
    () => ({
      open: (file) => setDialog({ kind: "file", file }),
      share: (file) => setDialog({ kind: "link", file }),
      remove: (file) => remove.current(file),
      renamed: () => setRenamed((times) => times + 1),
    }),
    [],
  );

  /** Pages grow with the list: each time, all of it is merged and compared. */
  function loadMore() {
    const loaded = loadedFiles(apollo, { search, orderBy });
    const first = Math.min(MOST_AT_ONCE, Math.max(PAGE, loaded?.edges.length ?? 0));
    return fetchMore({ variables: { after: loaded?.pageInfo.endCursor ?? null, first } });
  }

  const isEmpty = files !== undefined && shown.length === 0;
  return (
    <section className="card files" aria-label="Files">
      <div className="files-tools">
        <div className="search">
          <Icon name="search" size={18} />
          <label htmlFor={searchId} className="visually-hidden">
            Search by name
          </label>
          <input
            id={searchId}
            type="search"
            className="text-field"
            placeholder="Search by name"
            value={typed}
            maxLength={255}
            onChange={(event) => setTyped(event.target.value)}
          />
        </div>
        <label htmlFor={orderId} className="visually-hidden">
          Order
        </label>
        <select
          id={orderId}
          className="text-field order"
          value={orderBy}
          onChange={(event) => setOrderBy(event.target.value as FileOrder)}
        >
          {orders.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
        <p role="status" className="files-count muted">
          {total === undefined ? "" : search === null ? count(total, "file") : `${count(total, "file")} found`}
        </p>
      </div>
      {files === undefined && error !== undefined && (
        <div className="files-note">
          <p className="problem">{errorMessage(error)}</p>
          <button type="button" className="button" onClick={() => refetch()}>
            Try again
          </button>
        </div>
      )}
      {files === undefined && error === undefined && <LoadingRows />}
      {isEmpty && search !== null && (
        <div className="files-note">
          <p>No file’s name has “{search}” in it.</p>
          <button type="button" className="button small" onClick={() => setTyped("")}>
            Show all files
          </button>
        </div>
      )}
      {isEmpty && search === null && <EmptyNote uploading={uploading} />}
      {shown.length > 0 && (
        <ul ref={list} className="file-list">
          {shown.map((file) => (
            <FileRow key={file.id} file={file} actions={actions} />
          ))}
        </ul>
      )}
      {files?.pageInfo.hasNextPage && <EndOfList key={`${orderBy} ${search}`} onReached={loadMore} />}
      {dialog?.kind === "file" && (
        <FileDialog
          file={dialog.file}
          onClosed={() => setDialog((now) => (now === dialog ? undefined : now))}
          onShare={() => setDialog({ kind: "link", file: dialog.file })}
        />
      )}
      {dialog?.kind === "link" && <LinkDialog file={dialog.file} onClosed={() => setDialog(undefined)} />}
    </section>
  );
}

function EmptyNote({ uploading }: { uploading: boolean }) {
  return (
    <div className="files-note">
      <span className="files-note-icon">
        <Icon name="upload" size={30} />
      </span>
      <h2>{uploading ? "Your first files are on their way" : "Nothing here yet"}</h2>
      <p className="muted">Drop files or folders anywhere on this page, or choose them with the button above.</p>
    </div>
  );
}

function LoadingRows() {
  return (
    <div className="loading-rows" aria-hidden="true">
      {["a", "b", "c", "d"].map((row) => (
        <div key={row} className="file">
          <span className="file-icon" />
          <span className="loading-line" />
        </div>
      ))}
    </div>
  );
}
