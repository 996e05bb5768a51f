import Fastify, { type FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DataUnavailableError, NotFoundError, UnauthenticatedError } from "../../../src/errors.ts";
import { handleError } from "../../../src/http/error-mapping.ts";

const FAILURES: Record<string, Error> = {
  gone: new NotFoundError("There is no file <here>."),
  away: new DataUnavailableError(),
  private: new UnauthenticatedError(),
  malformed: Object.assign(new Error("That is malformed."), { statusCode: 400 }),
  broken: new Error("its cause is for the log"),
};
const BROWSER = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" };

let app: FastifyInstance;
let url: string;

beforeAll(async () => {
  app = Fastify();
  app.setErrorHandler((error: Error, request, reply) => handleError(error, request, reply));
  for (const path of ["/files/download/:failure", "/other/:failure"]) {
    app.get<{ Params: { failure: string } }>(path, async (request, reply) => {
      void reply.header("vary", "Origin");
      throw FAILURES[request.params.failure];
    });
  }
  url = await app.listen({ port: 0, host: "127.0.0.1" });
});

afterAll(() => app.close());

describe("a file's link that fails", () => {
  test.for([
    ["gone", 404, "Ask whoever sent you the link"],
    ["private", 401, "sign in if the file is yours"],
    ["away", 503, "Try again in a little while"],
    ["malformed", 400, "Ask whoever sent you the link"],
    ["broken", 500, "Try again in a little while"],
  ] as const)("%s: tells a person what to do, and a program the code", async ([failure, status, advice]) => {
    const page = await fetch(`${url}/files/download/${failure}`, { headers: BROWSER });
    expect([page.status, page.headers.get("content-type")]).toEqual([status, "text/html; charset=utf-8"]);
    expect(await page.text()).toContain(advice);
    const json = await fetch(`${url}/files/download/${failure}`);
    expect([json.status, await json.json()]).toEqual([status, expect.objectContaining({ code: expect.any(String) })]);
    // Caches keep the two apart, and the answers of other origins.
    for (const answer of [page, json]) expect(answer.headers.get("vary")).toBe("Origin, accept");
  });

  test("shows the message as text, and nothing of what is for the log", async () => {
    const page = async (failure: string) =>
      (await fetch(`${url}/files/download/${failure}`, { headers: BROWSER })).text();
    expect(await page("gone")).toContain("There is no file &#60;here&#62;.");
    expect(await page("broken")).not.toContain("its cause");
    expect(await page("private")).not.toContain("Bearer");
  });

  test("elsewhere a browser gets JSON as all others do", async () => {
    const answer = await fetch(`${url}/other/gone`, { headers: BROWSER });
    expect(await answer.json()).toMatchObject({ code: "NOT_FOUND" });
  });
});
