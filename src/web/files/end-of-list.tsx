import { useEffect, useRef } from "react";

/** How far below what is seen the next page is asked for. */
const AHEAD = "600px";

interface Props {
  loading: boolean;
  onReached: () => Promise<unknown>;
}

/** Asks for more when it comes near; as a button, also for those who don't scroll and after a failure. */
export function EndOfList({ loading, onReached }: Props) {
  const button = useRef<HTMLButtonElement>(null);
  const reached = useRef(onReached);
  reached.current = onReached;

  useEffect(() => {
    if (loading || button.current === null) return;
    const observer = new IntersectionObserver(
      ([entry]) => {
        // A failure is shown by the banner; the button is still there.
        if (entry?.isIntersecting) reached.current().catch(() => {});
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
        onClick={() => {
          if (!loading) onReached().catch(() => {});
        }}
      >
        {loading ? "Loading …" : "Show more"}
      </button>
    </div>
  );
}
