// Uploads a file by the client library, and prints what it was called and how long it took.
import { StowageClient } from "../../src/client/node.ts";

const [url = "", token = "", path = ""] = process.argv.slice(2);
const start = performance.now();
const { id } = await new StowageClient({ url, token }).upload(path, { resumeKey: null }).done;
console.log(JSON.stringify({ id, seconds: (performance.now() - start) / 1000 }));
