/** The browser's Back closes what is open rather than leaving the page. */

/** An entry of the history whose dialog has closed, and which the next one may take over. */
let isSpare = false;

/** @param onBack called when Back was pressed. @returns to be called when it has closed otherwise, or is gone */
export function closeOnBack(onBack: () => void): () => void {
  if (isSpare) isSpare = false;
  else history.pushState(null, "");
  let isOver = false;
  const onPop = () => {
    isOver = true;
    onBack();
  };
  window.addEventListener("popstate", onPop, { once: true });
  return () => {
    window.removeEventListener("popstate", onPop);
    if (isOver) return;
    isOver = true;
    isSpare = true;
    // A dialog that opens in its place comes first.
    setTimeout(() => {
      if (!isSpare) return;
      isSpare = false;
      history.back();
    });
  };
}
