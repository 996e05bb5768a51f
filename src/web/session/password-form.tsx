import { CombinedGraphQLErrors } from "@apollo/client";
import { useMutation } from "@apollo/client/react";
import type { FormEvent } from "react";
import { errorMessage } from "../graphql/apollo.ts";
import { ApiKeysDocument, ChangePasswordDocument, SessionsDocument } from "../graphql/operations.ts";
import { Field, textOf } from "../ui/field.tsx";
import { showToast } from "../ui/toasts.tsx";

export function PasswordForm() {
  const [change, { error, loading }] = useMutation(ChangePasswordDocument, {
    refetchQueries: [SessionsDocument, ApiKeysDocument],
  });
  const field = CombinedGraphQLErrors.is(error) ? error.errors[0]?.extensions?.["field"] : undefined;
  const fieldError = (name: string) => (field === name && error !== undefined ? errorMessage(error) : undefined);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const input = { currentPassword: textOf(form, "currentPassword"), newPassword: textOf(form, "newPassword") };
    // What failed is shown.
    const answer = await change({ variables: { input } }).catch(() => undefined);
    if (answer?.data?.changePassword !== true) return;
    form.reset();
    showToast("Your password is changed, and you are signed out everywhere else.");
  }

  const isElsewhere = error !== undefined && !["currentPassword", "newPassword"].includes(String(field));
  return (
    <section className="account-part" aria-label="Password">
      <h3>Password</h3>
      <form className="account-form" onSubmit={submit}>
        <Field
          name="currentPassword"
          label="Your password"
          type="password"
          autoComplete="current-password"
          error={fieldError("currentPassword")}
        />
        <Field
          name="newPassword"
          label="New password"
          type="password"
          autoComplete="new-password"
          minLength={8}
          hint="At least 8 characters. Other sessions and all API keys end."
          error={fieldError("newPassword")}
        />
        <button type="submit" className="button" disabled={loading}>
          Change the password
        </button>
      </form>
      <div role="alert">{isElsewhere && <p className="problem">{errorMessage(error)}</p>}</div>
    </section>
  );
}
