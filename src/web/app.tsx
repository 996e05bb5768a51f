import { ApolloProvider, useApolloClient, useQuery } from "@apollo/client/react";
import { useEffect, useRef, useState } from "react";
import { connection } from "./connection/connection.ts";
import { ConnectionBanner } from "./connection/connection-banner.tsx";
import { createApollo, errorMessage } from "./graphql/apollo.ts";
import { MeDocument } from "./graphql/operations.ts";
import { Home } from "./home.tsx";
import { SignIn } from "./session/sign-in.tsx";
import { Brand } from "./ui/brand.tsx";
import { Toasts } from "./ui/toasts.tsx";
import { UploadQueue } from "./uploads/upload-queue.ts";

const RETRY_MS = 3_000;

export function App() {
  const [apollo] = useState(createApollo);
  // What could not be asked while the connection was lost is asked again.
  useEffect(
    () =>
      connection.subscribe(() => {
        if (connection.get() === "back") void apollo.refetchQueries({ include: "active" });
      }),
    [apollo],
  );
  return (
    <ApolloProvider client={apollo}>
      <ConnectionBanner />
      <Session />
      <Toasts />
    </ApolloProvider>
  );
}

function Session() {
  const apollo = useApolloClient();
  const { data, error, refetch } = useQuery(MeDocument);
  const queue = useRef<UploadQueue>(undefined);
  // A server that answers may have no database at the moment.
  useEffect(() => {
    if (data !== undefined || error === undefined) return;
    const timer = setTimeout(() => refetch().catch(() => {}), RETRY_MS);
    return () => clearTimeout(timer);
  }, [data, error, refetch]);
  if (data === undefined) {
    return (
      <main className="splash">
        <h1>
          <Brand />
        </h1>
        <p role="status" className="muted">
          {error === undefined ? "Loading …" : `${errorMessage(error)} Trying again …`}
        </p>
      </main>
    );
  }
  // With nothing left of whoever was signed in before, but for uploads that wait for the same person.
  if (data.me === null) {
    return <SignIn uploads={queue.current?.items} onSignedIn={() => apollo.resetStore()} />;
  }
  if (queue.current?.userId !== data.me.id) {
    void queue.current?.forget();
    queue.current = new UploadQueue(apollo, data.me.id);
  }
  return <Home key={data.me.id} user={data.me} queue={queue.current} />;
}
