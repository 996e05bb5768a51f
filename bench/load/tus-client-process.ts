// Uploads a file by tus-js-client, in as few requests as it makes, and prints how long it took.
import { createReadStream } from "node:fs";
import { Upload } from "tus-js-client";

const [endpoint = "", path = ""] = process.argv.slice(2);
const start = performance.now();
await new Promise((resolve, reject) => {
  const options = { endpoint, onSuccess: resolve, onError: reject, chunkSize: Number.POSITIVE_INFINITY };
  new Upload(createReadStream(path), options).start();
});
console.log(JSON.stringify({ seconds: (performance.now() - start) / 1000 }));
