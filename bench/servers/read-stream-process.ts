// The plain way to serve a file from Node: createReadStream piped to the response.
import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { pipeline } from "node:stream";

const [folder = "", port = "0"] = process.argv.slice(2);
createServer((request, response) => {
  if (request.url === "/") return void response.end();
  const path = join(folder, "file");
  const { size } = statSync(path);
  const range = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "");
  const [start, end] = range ? [Number(range[1]), Number(range[2])] : [0, size - 1];
  response.writeHead(range ? 206 : 200, { "content-length": end - start + 1 });
  pipeline(createReadStream(path, { start, end }), response, () => {});
}).listen(Number(port), "127.0.0.1");
