import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { FastifyReply } from "fastify";
import { breathe } from "../../runtime/event-loop.ts";

interface ClientWatch {
  /** Aborted as soon as the connection is closed, by whichever side. */
  gone: AbortSignal;
  /** A connection outlives its requests: call this when the response is done. */
  stop(): void;
}

/**
 * Watches the socket and not the response: a pipelined response that still waits for its turn hears of no `close`, and
 * what is written to it has no callback then.
 */
export function watchClient(socket: Socket): ClientWatch {
  const controller = new AbortController();
  const onClose = () => controller.abort();
  if (socket.destroyed) onClose();
  socket.once("close", onClose);
  return { gone: controller.signal, stop: () => socket.removeListener("close", onClose) };
}

/** Passes on the source's buffers, and throws where they aren't `length` bytes in all: no byte beyond them is yielded. */
export async function* exactly(
  source: AsyncIterable<Uint8Array>,
  length: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let received = 0;
  for await (const buffer of source) {
    received += buffer.length;
    if (received > length) throw new Error(`The source gave more than the ${length} bytes asked for.`);
    if (buffer.length > 0) yield buffer;
  }
  if (received < length) throw new Error(`The source ended after ${received} of ${length} bytes.`);
}

/**
 * Answers with the body's buffers, of which `headers` has the Content-Length. The head goes out when the first buffer
 * is there: a failure until then leaves the reply untouched. Any later failure cuts the connection, so that no client
 * takes a part for the whole. The next buffer is asked for when the last one has left the process, so the body may use
 * its memory again. The body is closed when this settles.
 */
export async function streamBody(
  reply: FastifyReply,
  status: number,
  headers: Record<string, string | number>,
  body: AsyncGenerator<Uint8Array, void, undefined>,
  gone: AbortSignal,
): Promise<void> {
  const { raw } = reply;
  const first = await body.next();
  try {
    // Before the head as well: the pieces of hundreds of downloads may be read by the same turn of the event loop.
    await breathe();
    gone.throwIfAborted();
    // Hooks of others, such as CORS, left their headers in the reply: the raw response knows only those it is told of.
    reply.headers(headers).hijack();
    raw.writeHead(status, reply.getHeaders() as OutgoingHttpHeaders);
    for (let next = first; !next.done; next = await body.next()) {
      await breathe();
      await write(raw, next.value, gone);
    }
    raw.end();
  } catch (error) {
    if (reply.sent) reply.request.raw.socket.destroy();
    throw error;
  } finally {
    await body.return();
  }
}

/** Resolves when the kernel has the bytes, and rejects when the client is gone: there is no other way for it to fail. */
function write(raw: ServerResponse, buffer: Uint8Array, gone: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (gone.aborted) return reject(gone.reason);
    const onGone = () => reject(gone.reason);
    gone.addEventListener("abort", onGone, { once: true });
    raw.write(buffer, (error) => {
      // The socket destroys itself then, and its `close` is what rejects.
      if (error) return;
      gone.removeEventListener("abort", onGone);
      resolve();
    });
  });
}
