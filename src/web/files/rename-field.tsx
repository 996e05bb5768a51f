import { useMutation } from "@apollo/client/react";
import { type KeyboardEvent, useEffect, useId, useRef } from "react";
import { errorMessage } from "../graphql/apollo.ts";
import { type ListedFileFragment, RenameFileDocument } from "../graphql/operations.ts";

interface Props {
  file: ListedFileFragment;
  /** Called when there is nothing more to type: renamed, or given up. */
  onDone: () => void;
  onRenamed: () => void;
}

/** A file's name as a field: Enter takes what was typed, so does leaving it; Escape doesn't. */
export function RenameField({ file, onDone, onRenamed }: Props) {
  const input = useRef<HTMLInputElement>(null);
  const done = useRef(false);
  const errorId = useId();
  const [rename, { loading, error }] = useMutation(RenameFileDocument);

  useEffect(() => {
    input.current?.focus();
    const dot = file.filename.lastIndexOf(".");
    // Without the extension, which mostly stays.
    input.current?.setSelectionRange(0, dot > 0 ? dot : file.filename.length);
  }, [file.filename]);

  function finish() {
    done.current = true;
    onDone();
  }

  async function save() {
    const filename = input.current?.value.trim() ?? "";
    if (done.current || loading) return;
    if (filename === "" || filename === file.filename) return finish();
    const answer = await rename({ variables: { id: file.id, filename } }).catch(() => undefined);
    if (!answer?.data) return;
    finish();
    onRenamed();
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.key === "Enter" && !event.nativeEvent.isComposing) void save();
    if (event.key === "Escape") finish();
  }

  return (
    <div className="rename">
      <input
        ref={input}
        className="text-field"
        aria-label={`New name of ${file.filename}`}
        aria-invalid={error !== undefined}
        aria-describedby={error && errorId}
        defaultValue={file.filename}
        maxLength={255}
        spellCheck={false}
        onKeyDown={onKeyDown}
        onBlur={save}
      />
      <span role="alert" id={errorId} className="field-error">
        {error && errorMessage(error)}
      </span>
    </div>
  );
}
