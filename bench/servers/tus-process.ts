import { FileStore } from "@tus/file-store";
import { Server } from "@tus/server";

const [directory = "", port = "0"] = process.argv.slice(2);
new Server({ path: "/files", datastore: new FileStore({ directory }), respectForwardedHeaders: false }).listen({
  host: "127.0.0.1",
  port: Number(port),
});
