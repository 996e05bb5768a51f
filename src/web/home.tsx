import "./home.css";
import { useApolloClient } from "@apollo/client/react";
import { useEffect, useState } from "react";
import { FileBrowser } from "./files/file-browser.tsx";
import { PendingDeletions } from "./files/pending-deletions.ts";
import type { MeQuery } from "./graphql/operations.ts";
import { AccountDialog } from "./session/account-dialog.tsx";
import { signOut } from "./session/session-api.ts";
import { StorageMeter } from "./session/storage-meter.tsx";
import { Brand } from "./ui/brand.tsx";
import { IconButton } from "./ui/icon-button.tsx";
import { clearToasts, showToast } from "./ui/toasts.tsx";
import { DropZone } from "./uploads/drop-zone.tsx";
import { UploadButtons } from "./uploads/upload-buttons.tsx";
import { UploadPanel } from "./uploads/upload-panel.tsx";
import type { UploadQueue } from "./uploads/upload-queue.ts";

export type SignedInUser = NonNullable<MeQuery["me"]>;

const SESSIONS = "stowage-sessions";

function tellOtherTabs(): void {
  const others = new BroadcastChannel(SESSIONS);
  others.postMessage("changed");
  others.close();
}

/** What a signed-in person sees. */
export function Home({ user, queue }: { user: SignedInUser; queue: UploadQueue }) {
  const apollo = useApolloClient();
  const [isAccountOpen, setIsAccountOpen] = useState(false);
  const [deletions] = useState(() => new PendingDeletions(apollo));

  useEffect(() => {
    void queue.restore();
    return () => queue.hold();
  }, [queue]);
  useEffect(() => {
    const flush = () => void deletions.flush();
    window.addEventListener("pagehide", flush);
    return () => window.removeEventListener("pagehide", flush);
  }, [deletions]);

  // Another tab signed out, or in as somebody else: the cookie is the same.
  useEffect(() => {
    const others = new BroadcastChannel(SESSIONS);
    others.onmessage = () => void queue.forget().then(() => apollo.resetStore());
    return () => others.close();
  }, [apollo, queue]);

  async function leave() {
    await deletions.flush();
    try {
      await signOut();
      tellOtherTabs();
      clearToasts();
      await queue.forget();
      await apollo.resetStore();
    } catch (error) {
      showToast(error instanceof Error ? error.message : String(error), { problem: true });
    }
  }

  return (
    <>
      <header className="top">
        <Brand />
        <StorageMeter storage={user.storage} />
        <div className="top-user">
          <span className="top-name">{user.username}</span>
          <IconButton icon="user" label="Your account" onClick={() => setIsAccountOpen(true)} />
          <IconButton icon="signOut" label="Sign out" onClick={leave} />
        </div>
      </header>
      <main className="home">
        <div className="home-title">
          <h1>Your files</h1>
          <UploadButtons queue={queue} />
        </div>
        <UploadPanel queue={queue} />
        <FileBrowser deletions={deletions} queue={queue} />
      </main>
      <DropZone queue={queue} />
      {isAccountOpen && <AccountDialog user={user} onClosed={() => setIsAccountOpen(false)} />}
    </>
  );
}
