import "./account.css";
import type { SignedInUser } from "../home.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { ApiKeys } from "./api-keys.tsx";
import { PasswordForm } from "./password-form.tsx";
import { SessionList } from "./session-list.tsx";

/** Where a person sees to their password, to where they are signed in, and to keys for programs. */
export function AccountDialog({ user, onClosed }: { user: SignedInUser; onClosed: () => void }) {
  return (
    <Dialog title="Your account" onClosed={onClosed}>
      {() => (
        <>
          <p className="muted">
            {user.username}, {user.email}
          </p>
          <SessionList />
          <ApiKeys />
          <PasswordForm />
        </>
      )}
    </Dialog>
  );
}
