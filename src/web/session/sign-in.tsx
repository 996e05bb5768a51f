import "./sign-in.css";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { Brand } from "../ui/brand.tsx";
import { Field, textOf } from "../ui/field.tsx";
import { count } from "../ui/format.ts";
import { Store, useStore } from "../ui/store.ts";
import type { UploadItem } from "../uploads/upload-item.ts";
import { register, SessionError, signIn } from "./session-api.ts";

type Mode = "sign-in" | "register";

const NONE = new Store<readonly UploadItem[]>([]);

interface Props {
  /** What the end of a session has stopped. */
  uploads?: Store<readonly UploadItem[]> | undefined;
  onSignedIn: () => Promise<unknown>;
}

export function SignIn({ uploads = NONE, onSignedIn }: Props) {
  const stopped = useStore(uploads).filter(({ state }) => state === "waiting" || state === "running").length;
  const [mode, setMode] = useState<Mode>("sign-in");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<SessionError>();
  const form = useRef<HTMLFormElement>(null);

  const registering = mode === "register";
  const fieldError = (name: string) => (error?.field === name ? error.message : undefined);
  const names = registering ? ["username", "email", "password"] : ["login", "password"];

  // biome-ignore lint/correctness/useExhaustiveDependencies: the other form is another one to begin with
  useEffect(() => form.current?.querySelector("input")?.focus(), [mode]);
  useEffect(() => {
    if (error?.field !== undefined) form.current?.querySelector<HTMLInputElement>(`[name="${error.field}"]`)?.focus();
  }, [error]);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const text = (name: string) => textOf(form, name);
    setBusy(true);
    setError(undefined);
    try {
      const password = text("password");
      if (registering) await register({ username: text("username"), email: text("email"), password });
      else await signIn(text("login"), password);
      await onSignedIn();
    } catch (reason) {
      setError(reason instanceof SessionError ? reason : new SessionError("Something went wrong. Try again."));
    } finally {
      setBusy(false);
    }
  }

  return (
    <main className="sign-in">
      <div className="sign-in-intro">
        <Brand />
        <p className="muted">Large files, uploaded in pieces. An interruption costs nothing.</p>
      </div>
      {stopped > 0 && (
        <p role="status" className="card sign-in-stopped">
          Your session has ended. {count(stopped, "upload")} {stopped === 1 ? "goes" : "go"} on when you sign in again.
        </p>
      )}
      <form ref={form} className="card sign-in-card" onSubmit={submit} key={mode}>
        <h1>{registering ? "Create an account" : "Sign in"}</h1>
        {registering ? (
          <>
            <Field
              name="username"
              label="Username"
              autoComplete="username"
              hint="3 to 32 letters, digits, “_”, “.” or “-”"
              error={fieldError("username")}
            />
            <Field name="email" label="Email address" type="email" autoComplete="email" error={fieldError("email")} />
            <Field
              name="password"
              label="Password"
              type="password"
              autoComplete="new-password"
              minLength={8}
              hint="At least 8 characters"
              error={fieldError("password")}
            />
          </>
        ) : (
          <>
            <Field name="login" label="Username or email address" autoComplete="username" error={fieldError("login")} />
            <Field
              name="password"
              label="Password"
              type="password"
              autoComplete="current-password"
              error={fieldError("password")}
            />
          </>
        )}
        <div role="alert">
          {error !== undefined && !names.includes(error.field ?? "") && <p className="problem">{error.message}</p>}
        </div>
        <button type="submit" className="button primary" disabled={busy}>
          {busy ? "One moment …" : registering ? "Create account" : "Sign in"}
        </button>
        <p className="switch muted">
          {registering ? "Have an account already?" : "New here?"}{" "}
          <button
            type="button"
            className="text-button"
            onClick={() => {
              setError(undefined);
              setMode(registering ? "sign-in" : "register");
            }}
          >
            {registering ? "Sign in" : "Create an account"}
          </button>
        </p>
      </form>
    </main>
  );
}
