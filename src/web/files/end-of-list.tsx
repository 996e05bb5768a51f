import { useEffect, useRef, useState } from "react";

/** How far below what is seen the next page is asked for. */
const AHEAD = "600px";
const RETRY_MS = 3_000;

interface Props {
  /** Asks for the next page. */
  onReached: () => Promise<unknown>;
}

/** Asks for more when it comes near, one page after the other; as a button, also for those who don't scroll. */
export function EndOfList({ onReached }: Props) {
  const button = useRef<HTMLButtonElement>(null);
  const [loading, setLoading] = useState(false);
  const reached = useRef(() => {});
  reached.current = () => {
    if (loading) return;
    setLoading(true);
    // A failure is shown by the banner.
    const failed = () => new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    void onReached()
      .catch(failed)
      .then(() => setLoading(false));
  };

  useEffect(() => {
    if (loading || button.current === null) return;
    // A new one tells where the button is now, be it that it never moved. Of several entries the last one is true.
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.at(-1)?.isIntersecting) reached.current();
      },
      { rootMargin: AHEAD },
    );
    observer.observe(button.current);
    return () => observer.disconnect();
  }, [loading]);

  return (
    <div className="end-of-list">
      <button
        ref={button}
        type="button"
        className="button small"
        aria-disabled={loading}
        onClick={() => reached.current()}
      >
        {loading ? "Loading …" : "Show more"}
      </button>
    </div>
  );
}
