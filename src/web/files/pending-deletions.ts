import type { ApolloClient } from "@apollo/client";
import { print } from "graphql";
import { pageFetch } from "../connection/page-fetch.ts";
import { errorCode, errorMessage } from "../graphql/apollo.ts";
import { DeleteFileDocument, type ListedFileFragment, MeDocument } from "../graphql/operations.ts";
import { Store } from "../ui/store.ts";
import { showToast } from "../ui/toasts.tsx";

/** Files that are out of sight, and are deleted when the time to undo it is over. */
export class PendingDeletions {
  /** The ids of files not to be shown. */
  readonly hidden = new Store<ReadonlySet<string>>(new Set());
  readonly #apollo: ApolloClient;
  readonly #pending = new Set<string>();

  constructor(apollo: ApolloClient) {
    this.#apollo = apollo;
  }

  /** @param onUndone called when the file is in sight again */
  delete(file: ListedFileFragment, onUndone: () => void): void {
    this.#pending.add(file.id);
    this.#hide(file.id, true);
    showToast(`“${file.filename}” is deleted.`, {
      action: {
        label: "Undo",
        isUndo: true,
        run: () => {
          this.#pending.delete(file.id);
          this.#hide(file.id, false);
          onUndone();
        },
      },
      onGone: () => void this.#commit(file),
    });
  }

  /** Deletes at once what could still be undone: nobody will be there to do it. */
  async flush(): Promise<void> {
    const query = print(DeleteFileDocument);
    const headers = { "content-type": "application/json" };
    const ids = [...this.#pending];
    this.#pending.clear();
    await Promise.allSettled(
      ids.map((id) => {
        const body = JSON.stringify({ query, variables: { id } });
        // Outlives the page.
        return pageFetch("graphql", { method: "POST", headers, body, keepalive: true });
      }),
    );
  }

  async #commit(file: ListedFileFragment): Promise<void> {
    if (!this.#pending.delete(file.id)) return;
    try {
      await this.#apollo.mutate({
        mutation: DeleteFileDocument,
        variables: { id: file.id },
        refetchQueries: [MeDocument],
        update: (cache) => {
          cache.modify({
            fields: {
              files: (files) =>
                typeof files.totalCount === "number" ? { ...files, totalCount: files.totalCount - 1 } : files,
            },
          });
          cache.evict({ id: cache.identify({ __typename: "File", id: file.id }) ?? "" });
          cache.gc();
        },
      });
    } catch (error) {
      if (errorCode(error) !== "NOT_FOUND") {
        const again = () => this.delete(file, () => {});
        showToast(`“${file.filename}” is not deleted. ${errorMessage(error)}`, {
          problem: true,
          action: { label: "Try again", run: again },
        });
      }
    }
    this.#hide(file.id, false);
  }

  #hide(id: string, hide: boolean): void {
    const hidden = new Set(this.hidden.get());
    if (hide) hidden.add(id);
    else hidden.delete(id);
    this.hidden.set(hidden);
  }
}
