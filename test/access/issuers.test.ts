import { exportSPKI, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from "jose";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { Issuers } from "../../src/access/issuers.ts";
import { Client } from "../support/client.ts";
import { dialects } from "../support/databases.ts";
import { startService, type TestService } from "../support/service.ts";
import { AUDIENCE, type Pair, Provider } from "./provider.ts";

const SECRET = "a secret of at least thirty-two bytes";

describe.each(dialects)("issuers on %s", (dialect) => {
  const provider = new Provider();
  let service: TestService;

  beforeAll(async () => {
    await provider.start();
    const claims = { name: "preferred_username", email: "email", admin: "roles=boss" };
    const issuers = [
      { issuer: provider.url, audience: AUDIENCE, claims },
      { issuer: "small-app", audience: AUDIENCE, secret: SECRET },
    ];
    service = await startService(dialect, { REGISTRATION: "closed", AUTH_ISSUERS: JSON.stringify(issuers) });
  });
  afterAll(async () => {
    await service.stop();
    provider.stop();
  });

  const client = (token: string) => new Client(service.url, token);
  const me = async (token: string) => (await client(token).data("{ me { id username email role } }")).me;

  test("make a user at first sight, once, who is the same ever after, by every way", async () => {
    const claims = { sub: "ada", preferred_username: "Ada Lovelace", email: "ada@example.org" };
    const tokens = await Promise.all(Array.from({ length: 10 }, () => provider.token(claims)));
    const seen = await Promise.all(tokens.map(me));
    expect(new Set(seen.map(({ id }) => id)).size).toBe(1);
    expect(seen[0]).toMatchObject({ username: "Ada_Lovelace", email: "ada@example.org", role: "USER" });
    const ada = client(tokens[0] as string);
    const { id } = await ada.upload("f.txt", Buffer.from("bytes"));
    expect((await ada.download(id)).status).toBe(200);
    const renamed = await me(await provider.token({ ...claims, preferred_username: "countess" }));
    expect(renamed).toEqual({ ...seen[0], username: "countess" });
  });

  test("have names that local users may have, too", async () => {
    const admin = await service.administrator().catch(() => null);
    expect(admin).toBeNull();
    const input = { sub: "twin-1", preferred_username: "twin", email: "twin@example.org" };
    const [one, other] = [
      await me(await provider.token(input)),
      await me(await provider.token({ ...input, sub: "twin-2" })),
    ];
    expect([one.username, other.username]).toEqual(["twin", "twin"]);
    expect(one.id).not.toBe(other.id);
  });

  test("say who is an administrator, and who is none any more", async () => {
    const nodes = async (roles: string[]) =>
      client(await provider.token({ sub: "chief", roles })).send("{ storageNodes { name } }");
    expect((await nodes(["boss", "other"])).errors).toBeUndefined();
    expect((await nodes(["other"])).errors?.[0]?.extensions).toMatchObject({ code: "FORBIDDEN", needed: "ADMIN" });
  });

  test("with a shared secret sign by it alone", async () => {
    const sign = (secret: string) =>
      new SignJWT({ sub: "7", preferred_username: "seven" })
        .setProtectedHeader({ alg: "HS256" })
        .setIssuer("small-app")
        .setAudience(AUDIENCE)
        .setExpirationTime("1h")
        .sign(Buffer.from(secret));
    expect(await me(await sign(SECRET))).toMatchObject({ username: "seven" });
    expect(await me(await sign("another secret of thirty-two bytes"))).toBeNull();
  });

  test("see to no account by their tokens", async () => {
    const someone = client(await provider.token({ sub: "someone" }));
    for (const query of ["{ sessions { id } }", "{ apiKeys { id } }", "mutation { logout }"]) {
      expect(await someone.failure(query)).toMatchObject({ code: "FORBIDDEN", needed: "SESSION" });
    }
  });

  test("refuse what is forged, of others, for others, too old, too early or too long", async () => {
    const good = await provider.token({ sub: "x" });
    const [header = "", payload = "", signature = ""] = good.split(".");
    const stranger = await generateKeyPair("RS256", { extractable: true });
    const { publicKey } = provider.keys.get("first") as Pair;
    const by = (alg: string, key: Pair["privateKey"] | Uint8Array, claims: JWTPayload = {}) =>
      new SignJWT({ sub: "x", iss: provider.url, aud: AUDIENCE, ...claims })
        .setProtectedHeader({ alg, kid: "first" })
        .setExpirationTime("1h")
        .sign(key);
    const hourAgo = Math.floor(Date.now() / 1000) - 3600;
    const bad = [
      await by("RS256", stranger.privateKey),
      // The public key as a secret: the confusion of HMAC and RSA.
      await by("HS256", Buffer.from(await exportSPKI(publicKey))),
      new UnsecuredJWT({ sub: "x" }).setIssuer(provider.url).setAudience(AUDIENCE).setExpirationTime("1h").encode(),
      await provider.token({ sub: "x", aud: "another" }),
      await provider.token({ sub: "x", iss: "http://elsewhere.example" }),
      await provider.token({ sub: "x" }, { expires: hourAgo }),
      await provider.token({ sub: "x", nbf: hourAgo + 7200 }),
      await provider.token({ sub: "" }),
      await provider.token({ sub: "s".repeat(300) }),
      await provider.token({ sub: "x", more: "m".repeat(7000) }),
      `${header}.${payload}.`,
      `${header}.${Buffer.from('{"sub":"y"}').toString("base64url")}.${signature}`,
      `${header}.e30.${signature}`,
      "a.b.c",
      `${"a".repeat(6000)}.b.c`,
    ];
    for (const token of bad) {
      const answer = await client(token).send("{ files { totalCount } }");
      expect(answer.errors?.[0]?.extensions.code, token.slice(0, 60)).toBe("UNAUTHENTICATED");
    }
    expect(await me(good)).not.toBeNull();
    expect(service.log.filter(({ level }) => Number(level) >= 50)).toEqual([]);
  });

  test("refuse subjects that a database may take for another's", async () => {
    await me(await provider.token({ sub: "5abc" }));
    for (const sub of [5, 0, false, ["5abc"], {}, null, "5abc ", " 5abc", "\ud800", "a\0b"]) {
      const answer = await client(await provider.token({ sub } as unknown as JWTPayload)).send("{ me { id } }");
      expect(answer, JSON.stringify(sub)).toMatchObject({ data: { me: null } });
    }
    expect(service.log.filter(({ level }) => Number(level) >= 50)).toEqual([]);
  });

  test("lose nothing of a user by a token that says less, and take no address that is none", async () => {
    const whole = await provider.token({ sub: "less", preferred_username: "more", email: "more@example.org" });
    const seen = await me(whole);
    expect(await me(await provider.token({ sub: "less" }))).toEqual(seen);
    expect(await me(await provider.token({ sub: "less", email: "evil\u001b[2J@x" }))).toEqual(seen);
  });

  test("neither lend a name to sign in by a password, nor tell by it who there is", async () => {
    await me(await provider.token({ sub: "no-password" }));
    const [{ username_key: key } = { username_key: "" }] = await service.database((em) =>
      em.execute<{ username_key: string }[]>("select username_key from users where username_key like '@%' limit 1"),
    );
    const login = "mutation ($input: LoginInput!) { login(input: $input) { token } }";
    for (const name of [key, "@nobody"]) {
      const failure = await new Client(service.url).failure(login, { input: { login: name, password: "none none" } });
      expect(failure).toMatchObject({ code: "UNAUTHENTICATED" });
    }
  });

  test("don't count where the last administrator is asked for, since an issuer may take its own away", async () => {
    const token = await provider.token({ sub: "boss-1", roles: ["boss"] });
    await me(token);
    const update = "mutation ($id: ID!) { updateUser(id: $id, input: { role: USER }) { id } }";
    const { id } = await me(token);
    expect(await client(token).failure(update, { id })).toMatchObject({ code: "FORBIDDEN", needed: "SESSION" });
  });

  test("that differ a little by the clock are taken", async () => {
    const soon = Math.floor(Date.now() / 1000) + 30;
    expect(await me(await provider.token({ sub: "early", nbf: soon, iat: soon }))).not.toBeNull();
    expect(await me(await provider.token({ sub: "late" }, { expires: soon - 60 }))).not.toBeNull();
  });

  test("that are away stop nobody whose key is known", async () => {
    const known = await provider.token({ sub: "known" });
    expect(await me(known)).not.toBeNull();
    provider.isAway = true;
    try {
      expect(await me(known)).not.toBeNull();
    } finally {
      provider.isAway = false;
    }
  });

  test("whose user is disabled let nobody in", async () => {
    const token = await provider.token({ sub: "out" });
    const { id } = await me(token);
    await service.database((em) =>
      em.execute("update users set disabled_at = ? where id = ?", [new Date(), id], "run"),
    );
    expect(await me(token)).toBeNull();
  });
});

test("known keys are waited for by nobody while an issuer stalls, and what strangers name isn't looked for each time", async () => {
  const provider = new Provider();
  await provider.start();
  const issuers = [{ issuer: provider.url, audience: AUDIENCE }];
  const service = await startService("sqlite", { AUTH_ISSUERS: JSON.stringify(issuers) });
  const now = Date.now;
  try {
    const token = await provider.token({ sub: "known" });
    const isIn = async (one: string) => (await new Client(service.url, one).data("{ me { id } }")).me !== null;
    expect(await isIn(token)).toBe(true);
    provider.stall();
    // The keys are older than what is read anew by itself.
    Date.now = () => now() + 11 * 60_000;
    expect(await isIn(token)).toBe(true);
    expect(provider.isGivenUp).toBe(false);
    const { asked } = provider;
    await provider.rotate("strange");
    const strange = await provider.token({ sub: "x" }, { kid: "strange" });
    expect(await Promise.all(Array.from({ length: 10 }, () => isIn(strange)))).toEqual(Array(10).fill(false));
    for (let i = 0; i < 3; i++) expect(await isIn(strange)).toBe(false);
    expect(provider.asked - asked).toBeLessThanOrEqual(1);
  } finally {
    Date.now = now;
    await service.stop();
    provider.stop();
  }
});

test.each([
  ["groups=team=admin", ["team"], false],
  ["groups=team=admin", ["team=admin"], true],
  ["realm_access.roles=boss", undefined, true],
  ["__proto__=[object Object]", ["x"], false],
  ["missing=undefined", ["x"], false],
] as const)("%s makes administrators of whom it means", async (admin, groups, isAdmin) => {
  const secret = Buffer.from(SECRET);
  const issuers = new Issuers([{ issuer: "app", audience: AUDIENCE, secret: SECRET, claims: { admin } }]);
  const token = await new SignJWT({ sub: "1", groups, realm_access: { roles: ["boss"] } })
    .setProtectedHeader({ alg: "HS256" })
    .setIssuer("app")
    .setAudience(AUDIENCE)
    .setExpirationTime("1h")
    .sign(secret);
  expect(await issuers.verify(token)).toMatchObject({ isAdmin });
});

test("keys are rotated without a restart, and looked for no more often than they may be", async () => {
  const provider = new Provider();
  await provider.start();
  const issuers = [{ issuer: provider.url, audience: AUDIENCE, jwks: `${provider.url}/keys` }];
  await provider.rotate("second");
  const service = await startService("sqlite", { AUTH_ISSUERS: JSON.stringify(issuers) });
  try {
    for (const kid of ["first", "second"]) {
      const token = await provider.token({ sub: kid }, { kid });
      expect((await new Client(service.url, token).data("{ me { id } }")).me).not.toBeNull();
    }
    await provider.rotate("third");
    const token = await provider.token({ sub: "third" }, { kid: "third" });
    const isIn = async () => (await new Client(service.url, token).data("{ me { id } }")).me !== null;
    for (let i = 0; i < 5; i++) expect(await isIn()).toBe(false);
    expect(provider.asked).toBe(1);
    const now = Date.now;
    Date.now = () => now() + 31_000;
    onTestFinished(() => {
      Date.now = now;
    });
    expect(await isIn()).toBe(true);
    expect(provider.asked).toBe(2);
  } finally {
    await service.stop();
    provider.stop();
  }
});
