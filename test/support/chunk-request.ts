import { Agent, type ClientRequest, type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import type { Client, GraphQLAnswer } from "./client.ts";

const BOUNDARY = "----stowage-acceptance";

/** An uploadChunk request on a keep-alive connection of its own, whose bytes are sent by and by. */
export class ChunkRequest {
  /** What the server says; rejects when the connection ends before it. */
  readonly answer: Promise<GraphQLAnswer>;
  readonly #request: ClientRequest;

  constructor(client: Client, uploadId: string, index: number) {
    const agent = new Agent({ keepAlive: true });
    this.#request = request(`${client.url}/graphql`, {
      method: "POST",
      agent,
      headers: {
        "content-type": `multipart/form-data; boundary=${BOUNDARY}`,
        "apollo-require-preflight": "true",
        ...client.authorization,
      },
    });
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      this.#request.once("response", resolve).once("error", reject);
    });
    this.answer = answered.then(async (response) => ({
      status: response.statusCode,
      ...JSON.parse(await text(response)),
    }));
    // The test may look at it only later.
    this.answer.catch(() => {});
    const query = `mutation ($id: ID!, $index: Int!, $chunk: Upload!) {
      uploadChunk(uploadId: $id, index: $index, chunk: $chunk) { receivedChunks }
    }`;
    const field = (name: string, value: unknown) =>
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${JSON.stringify(value)}\r\n`;
    this.#request.write(field("operations", { query, variables: { id: uploadId, index, chunk: null } }));
    this.#request.write(field("map", { 0: ["variables.chunk"] }));
    this.#request.write(
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="0"; filename="chunk"\r\n` +
        "Content-Type: application/octet-stream\r\n\r\n",
    );
  }

  send(bytes: Uint8Array): void {
    this.#request.write(bytes);
  }

  /** Sends the rest. */
  finish(bytes: Uint8Array): Promise<GraphQLAnswer> {
    this.#request.write(bytes);
    this.#request.end(`\r\n--${BOUNDARY}--\r\n`);
    return this.answer;
  }

  /** Leaves without a word. */
  drop(): void {
    this.#request.destroy();
  }
}
