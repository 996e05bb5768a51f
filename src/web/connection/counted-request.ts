interface CountedInit {
  method: string;
  headers: Headers;
  body: XMLHttpRequestBodyInit;
  signal?: AbortSignal | null | undefined;
  /** Called with the bytes of the body that were sent. */
  onSent: (bytes: number) => void;
}

/** Sends a request like fetch(), which doesn't tell how much of a body is sent. Redirects are refused. */
export function countedRequest(url: string, { method, headers, body, signal, onSent }: CountedInit): Promise<Response> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const request = new XMLHttpRequest();
    request.open(method, url);
    for (const [name, value] of headers) request.setRequestHeader(name, value);
    request.responseType = "arraybuffer";
    request.upload.onprogress = ({ loaded }) => onSent(loaded);
    request.onload = () => {
      if (request.responseURL !== url) return reject(new TypeError("The request was redirected."));
      const { status, response } = request;
      const isBare = status === 204 || status === 304;
      resolve(new Response(isBare ? null : response, { status, headers: headersOf(request) }));
    };
    request.onerror = () => reject(new TypeError("The request failed."));
    request.onabort = () => reject(signal?.reason);
    const abort = () => request.abort();
    signal?.addEventListener("abort", abort, { once: true });
    request.onloadend = () => signal?.removeEventListener("abort", abort);
    request.send(body);
  });
}

function headersOf(request: XMLHttpRequest): Headers {
  const lines = request.getAllResponseHeaders().split("\r\n").filter(Boolean);
  return new Headers(lines.map((line) => line.split(/: (.*)/s, 2) as [string, string]));
}
