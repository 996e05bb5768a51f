// The stock way to take a file by GraphQL: graphql-upload-ts before Apollo Server, the part piped to a file with SHA-256.
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { ApolloServer, HeaderMap } from "@apollo/server";
import { type FileUpload, GraphQLUpload, processRequest } from "graphql-upload-ts";

const [folder = "", port = "0"] = process.argv.slice(2);
let count = 0;

const apollo = new ApolloServer({
  typeDefs: "scalar Upload type Query { ok: Boolean } type Mutation { upload(file: Upload!): String! }",
  resolvers: {
    Upload: GraphQLUpload,
    Mutation: {
      async upload(_root: unknown, { file }: { file: Promise<FileUpload> }) {
        const { createReadStream } = await file;
        const hash = createHash("sha256");
        const hashing = new Transform({
          transform(chunk, _encoding, done) {
            hash.update(chunk);
            done(null, chunk);
          },
        });
        await pipeline(createReadStream(), hashing, createWriteStream(join(folder, String(count++))));
        return hash.digest("hex");
      },
    },
  },
});
await apollo.start();

createServer(async (request, response) => {
  if (request.method !== "POST") return void response.end();
  const headers = new HeaderMap(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
  const body = await processRequest(request, response, { maxFileSize: 1e9 });
  const answer = await apollo.executeHTTPGraphQLRequest({
    httpGraphQLRequest: { body, method: "POST", headers, search: "" },
    context: async () => ({}),
  });
  const text = answer.body.kind === "complete" ? answer.body.string : "";
  response.writeHead(answer.status ?? 200, { "content-length": Buffer.byteLength(text) }).end(text);
}).listen(Number(port), "127.0.0.1");
