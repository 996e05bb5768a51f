import { ApolloProvider, useApolloClient, useQuery } from "@apollo/client/react";
import { useEffect, useState } from "react";
import { connection } from "./connection/connection.ts";
import { ConnectionBanner } from "./connection/connection-banner.tsx";
import { createApollo } from "./graphql/apollo.ts";
import { MeDocument } from "./graphql/operations.ts";
import { Home } from "./home.tsx";
import { SignIn } from "./session/sign-in.tsx";
import { Toasts } from "./ui/toasts.tsx";

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
  const { data, error } = useQuery(MeDocument);
  if (data === undefined) {
    return (
      <main className="splash">
        <p role="status" className="muted">
          {error === undefined ? "Loading …" : "The server can't be reached. Trying again …"}
        </p>
      </main>
    );
  }
  // With nothing left of whoever was signed in before.
  if (data.me === null) return <SignIn onSignedIn={() => apollo.resetStore()} />;
  return <Home key={data.me.id} user={data.me} />;
}
