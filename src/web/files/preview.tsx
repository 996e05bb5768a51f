import "./preview.css";
import { useEffect, useState } from "react";
import { pageFetch } from "../connection/page-fetch.ts";
import type { ListedFileFragment } from "../graphql/operations.ts";
import { formatBytes } from "../ui/format.ts";
import { previewKind } from "./preview-kind.ts";

/** Bytes of a text that are shown. */
const MOST_TEXT = 256 * 1024;

const inlineUrl = (file: ListedFileFragment) => `${file.downloadUrl}?disposition=inline`;

export function Preview({ file }: { file: ListedFileFragment }) {
  const kind = previewKind(file);
  const [failed, setFailed] = useState(false);
  if (failed) return <p className="preview-note muted">This browser can't show the file. Download it instead.</p>;
  const onError = () => setFailed(true);
  switch (kind) {
    case "image":
      return <img className="preview-image" src={inlineUrl(file)} alt={file.filename} onError={onError} />;
    case "video":
      return (
        // biome-ignore lint/a11y/useMediaCaption: whoever stored the film stored no captions beside it
        <video className="preview-video" src={inlineUrl(file)} controls preload="metadata" onError={onError} />
      );
    case "audio":
      // biome-ignore lint/a11y/useMediaCaption: as for films
      return <audio className="preview-audio" src={inlineUrl(file)} controls preload="metadata" onError={onError} />;
    case "pdf":
      return <PdfPreview file={file} />;
    case "text":
      return <TextPreview file={file} />;
    case null:
      return <p className="preview-note muted">There is no preview for this kind of file.</p>;
  }
}

function PdfPreview({ file }: { file: ListedFileFragment }) {
  if (!navigator.pdfViewerEnabled) {
    return <p className="preview-note muted">This browser shows no PDF inside a page. Download it instead.</p>;
  }
  return <iframe className="preview-pdf" src={inlineUrl(file)} title={file.filename} />;
}

/** Fetched and shown as text, whatever it says it is: a page that somebody stored stays its own source. */
function TextPreview({ file }: { file: ListedFileFragment }) {
  const [text, setText] = useState<string | null>();
  useEffect(() => {
    const stopped = new AbortController();
    readText(file, stopped.signal).then(setText, () => {
      if (!stopped.signal.aborted) setText(null);
    });
    return () => stopped.abort();
  }, [file]);
  if (text === undefined) return <p className="preview-note muted">Loading …</p>;
  if (text === null) return <p className="preview-note problem">The text could not be loaded. Try again.</p>;
  if (text.includes("\0")) return <p className="preview-note muted">This is no text. Download it instead.</p>;
  return (
    <>
      <section className="preview-text" aria-label={`Contents of ${file.filename}`}>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, also by the keyboard */}
        <pre tabIndex={0}>{text}</pre>
      </section>
      {file.size > MOST_TEXT && <p className="muted">These are the first {formatBytes(MOST_TEXT)}.</p>}
    </>
  );
}

async function readText(file: ListedFileFragment, signal: AbortSignal): Promise<string> {
  if (file.size === 0) return "";
  const headers = { range: `bytes=0-${MOST_TEXT - 1}` };
  const response = await pageFetch(inlineUrl(file), { headers, signal });
  if (!response.ok) throw new Error(`The server answered ${response.status}.`);
  return new TextDecoder().decode(await response.arrayBuffer());
}
