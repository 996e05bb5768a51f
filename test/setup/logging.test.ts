import { afterAll, beforeAll, expect, test } from "vitest";
import { startService, type TestService } from "../support/service.ts";

let service: TestService;
beforeAll(async () => {
  service = await startService("sqlite");
});
afterAll(() => service.stop());

test.each([
  "/files/download/01a218c4-05a0-7220-9427-a0e0a6c02e94?secret=s3cretOfALink",
  "/files/download/01a218c4-05a0-7220-9427-a0e0a6c02e94%3Fsecret=s3cretOfALink",
  "/files/download/01a218c4-05a0-7220-9427-a0e0a6c02e94;secret=s3cretOfALink",
  "/files/download/01a218c4-05a0-7220-9427-a0e0a6c02e94&secret=s3cretOfALink",
  "/files/download/01a218c4-05a0-7220-9427-a0e0a6c02e94%3Fs3cretOfALink",
  "/nowhere/secret=s3cretOfALink",
  "/tus/stw_s3cretOfALink_0123456789_0123456789_0123456789",
])("%s is logged without what may be a secret", async (path) => {
  await fetch(service.url + path);
  await expect.poll(() => service.log.filter(({ msg }) => msg === "request completed").length).toBeGreaterThan(0);
  expect(JSON.stringify(service.log)).not.toContain("s3cretOfALink");
});

test("a route and the ids in its path are logged", async () => {
  await fetch(`${service.url}/files/download/01a218c4-05a0-7220-9427-a0e0a6c02e94`);
  const path = "/files/download/01a218c4-05a0-7220-9427-a0e0a6c02e94";
  await expect
    .poll(() => service.log)
    .toContainEqual(expect.objectContaining({ req: expect.objectContaining({ path }) }));
});
