import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";

export type Pair = Awaited<ReturnType<typeof generateKeyPair>>;

/** What its tokens are for. */
export const AUDIENCE = "stowage";

/** An OpenID provider, as far as it matters here: what it says of itself, and its keys. */
export class Provider {
  readonly keys = new Map<string, Pair>();
  isAway = false;
  /** Whether somebody who was kept waiting went away. */
  isGivenUp = false;
  #stalls = false;
  asked = 0;
  readonly #server: Server;

  constructor() {
    this.#server = createServer(async (request, response) => {
      if (this.isAway) return void request.socket.destroy();
      if (this.#stalls) {
        this.asked++;
        response.once("close", () => {
          this.isGivenUp = true;
        });
        return;
      }
      response.setHeader("content-type", "application/json");
      if (request.url?.endsWith("/openid-configuration")) {
        return void response.end(JSON.stringify({ issuer: this.url, jwks_uri: `${this.url}/keys` }));
      }
      this.asked++;
      const keys = await Promise.all(
        [...this.keys].map(async ([kid, { publicKey }]) => ({ ...(await exportJWK(publicKey)), kid })),
      );
      response.end(JSON.stringify({ keys }));
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    await this.rotate("first");
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stall(): void {
    this.#stalls = true;
  }

  async rotate(kid: string): Promise<void> {
    this.keys.set(kid, await generateKeyPair("RS256", { extractable: true }));
  }

  token(claims: JWTPayload, { kid = "first", expires = "1h" }: { kid?: string; expires?: string | number } = {}) {
    return new SignJWT({ sub: "1", iss: this.url, aud: AUDIENCE, ...claims })
      .setProtectedHeader({ alg: "RS256", kid })
      .setIssuedAt()
      .setExpirationTime(expires)
      .sign((this.keys.get(kid) as Pair).privateKey);
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
