import { type KeyboardEvent, memo, useEffect, useRef, useState } from "react";
import type { ListedFileFragment } from "../graphql/operations.ts";
import { Dialog } from "../ui/dialog.tsx";
import { formatBytes, formatDate, formatTime } from "../ui/format.ts";
import { Icon } from "../ui/icon.tsx";
import { IconButton } from "../ui/icon-button.tsx";
import { iconFor } from "./preview-kind.ts";
import { RenameField } from "./rename-field.tsx";

export interface RowActions {
  open: (file: ListedFileFragment) => void;
  share: (file: ListedFileFragment) => void;
  remove: (file: ListedFileFragment) => void;
  renamed: () => void;
}

interface Props {
  file: ListedFileFragment;
  actions: RowActions;
}

export const FileRow = memo(function FileRow({ file, actions }: Props) {
  const onShare = () => actions.share(file);
  const onDelete = () => actions.remove(file);
  const [renaming, setRenaming] = useState(false);
  const [menuOpen, setMenuOpen] = useState(false);
  const name = useRef<HTMLButtonElement>(null);

  const wasRenaming = useRef(false);

  useEffect(() => {
    // With its field gone, the focus is nowhere, unless somebody has put it elsewhere.
    const isNowhere = document.activeElement === document.body;
    if (wasRenaming.current && !renaming && isNowhere) name.current?.focus();
    wasRenaming.current = renaming;
  }, [renaming]);

  function onKeyDown(event: KeyboardEvent) {
    if (event.key === "F2") setRenaming(true);
    else if (event.key === "Delete") onDelete();
    else return;
    event.preventDefault();
  }

  const inMenu = (close: () => void, action: () => void) => () => {
    close();
    action();
  };
  const { filename } = file;
  return (
    <li className="file" data-file={file.id}>
      <span className="file-icon">
        <Icon name={iconFor(file)} />
      </span>
      <div className="file-main">
        {renaming ? (
          <RenameField file={file} onDone={() => setRenaming(false)} onRenamed={actions.renamed} />
        ) : (
          <button
            ref={name}
            type="button"
            className="file-name"
            onClick={() => actions.open(file)}
            onKeyDown={onKeyDown}
          >
            {filename}
          </button>
        )}
        <span className="file-facts">
          <span>{formatBytes(file.size)}</span>
          <time dateTime={file.createdAt} title={formatTime(file.createdAt)}>
            {formatDate(file.createdAt)}
          </time>
        </span>
      </div>
      <div className="file-actions">
        <a
          className="icon-button"
          href={file.downloadUrl}
          download={filename}
          aria-label={`Download ${filename}`}
          title="Download"
        >
          <Icon name="download" />
        </a>
        <IconButton icon="link" label={`Copy a link to ${filename}`} title="Copy link" onClick={onShare} />
        <IconButton icon="rename" label={`Rename ${filename}`} title="Rename (F2)" onClick={() => setRenaming(true)} />
        <IconButton icon="trash" className="danger" label={`Delete ${filename}`} title="Delete" onClick={onDelete} />
      </div>
      <IconButton
        icon="more"
        className="file-more"
        label={`Actions for ${filename}`}
        title="Actions"
        aria-haspopup="dialog"
        onClick={() => setMenuOpen(true)}
      />
      {menuOpen && (
        <Dialog title={filename} onClosed={() => setMenuOpen(false)}>
          {(close) => (
            <div className="file-menu">
              <a className="button" href={file.downloadUrl} download={filename} onClick={close}>
                <Icon name="download" /> Download
              </a>
              <button type="button" className="button" onClick={inMenu(close, onShare)}>
                <Icon name="link" /> Copy link
              </button>
              <button type="button" className="button" onClick={inMenu(close, () => setRenaming(true))}>
                <Icon name="rename" /> Rename
              </button>
              <button type="button" className="button danger" onClick={inMenu(close, onDelete)}>
                <Icon name="trash" /> Delete
              </button>
            </div>
          )}
        </Dialog>
      )}
    </li>
  );
});
