import "./connection-banner.css";
import { Icon } from "../ui/icon.tsx";
import { useStore } from "../ui/store.ts";
import { connection } from "./connection.ts";

export function ConnectionBanner() {
  const state = useStore(connection);
  return (
    <div role="status" className={`connection ${state}`}>
      {state === "lost" && (
        <>
          <Icon name="offline" size={18} />
          <span>
            <strong>The connection is lost.</strong> What is under way carries on when it is back.
          </span>
        </>
      )}
      {state === "back" && (
        <>
          <Icon name="check" size={18} />
          <span>Connected again.</span>
        </>
      )}
    </div>
  );
}
