/** The address at which clients find the service: perhaps through a proxy, and below a path there. */
export class PublicUrl {
  /** Such as `https://example.org`; undefined where nobody said. */
  readonly origin: string | undefined;
  /** What stands before each route, such as `/stowage`; empty for nothing. */
  readonly #base: string;

  /** @param url undefined where clients find the service as itself */
  constructor(url?: string) {
    this.origin = url && new URL(url).origin;
    this.#base = url === undefined ? "" : new URL(url).pathname.replace(/\/+$/, "");
  }

  /** An absolute path. @param route as the service itself knows it */
  path(route: string): string {
    return this.#base + route;
  }

  /** A whole URL where that is known; an absolute path otherwise. */
  url(route: string): string {
    return (this.origin ?? "") + this.path(route);
  }
}
