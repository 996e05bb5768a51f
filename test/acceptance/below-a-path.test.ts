import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { buffer, text } from "node:stream/consumers";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { StowageClient } from "../../src/client/node.ts";
import { launchBrowser } from "../support/browser.ts";
import { Client } from "../support/client.ts";
import { freePort } from "../support/mysql-server.ts";
import { startNginx } from "../support/nginx.ts";
import { INTEROP, ResumableRequests } from "../support/resumable-requests.ts";
import { Workspace } from "../support/workspace.ts";
import { WebPage } from "../web/web-page.ts";

const cleanUps: (() => Promise<void>)[] = [];
/** As the world sees it, and as nginx does. */
let publicUrl: string;
let innerUrl: string;
let browser: Browser;

beforeAll(async () => {
  const port = await freePort();
  const nginx = await startNginx(`
    client_max_body_size 64m;
    location /stowage/ {
      proxy_pass http://127.0.0.1:${port}/;
      proxy_set_header Host $http_host;
      proxy_request_buffering off;
    }`);
  cleanUps.push(nginx.stop);
  publicUrl = `${nginx.url}/stowage`;
  const settings = { PORT: String(port), PUBLIC_URL: `${publicUrl}/` };
  const workspace = await Workspace.create("sqlite", settings, (cleanUp) => cleanUps.push(cleanUp));
  innerUrl = (await workspace.start()).url;
  browser = await launchBrowser();
  cleanUps.push(() => browser.close());
});
afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

const absolute = (url: string) => new URL(url, publicUrl);

test("links are whole URLs, and downloadUrl is where the file is found", async () => {
  const client = await Client.register(publicUrl);
  const stowage = new StowageClient({ url: publicUrl, token: client.token as string });
  const file = await stowage.upload(new Blob(["all of it"]), { filename: "all.txt" }).done;
  expect(file.downloadUrl).toBe(`/stowage/files/download/${file.id}`);
  const download = await fetch(absolute(file.downloadUrl), { headers: client.authorization });
  expect(await download.text()).toBe("all of it");
  const { stream } = await stowage.download(file.id);
  expect(await text(stream)).toBe("all of it");

  const { createDownloadLink } = await client.data(`mutation { createDownloadLink(fileId: "${file.id}") { url } }`);
  expect(createDownloadLink.url).toMatch(`${publicUrl}/files/download/${file.id}?secret=`);
  const link = await stowage.createDownloadLink(file.id);
  for (const url of [createDownloadLink.url, link.url]) expect(await (await fetch(url)).text()).toBe("all of it");
});

test("tus and the IETF's draft tell addresses at which an upload goes on", async () => {
  const client = await Client.register(publicUrl);
  const tus = { ...client.authorization, "tus-resumable": "1.0.0" };
  const created = await fetch(`${publicUrl}/tus`, { method: "POST", headers: { ...tus, "upload-length": "3" } });
  const location = created.headers.get("location") as string;
  expect(location).toMatch(/^\/stowage\/tus\/[\w-]+$/);
  const headers = { ...tus, "upload-offset": "0", "content-type": "application/offset+octet-stream" };
  const patched = await fetch(absolute(location), { method: "PATCH", headers, body: "tus" });
  expect({ status: patched.status, offset: patched.headers.get("upload-offset") }).toEqual({
    status: 204,
    offset: "3",
  });

  const requests = new ResumableRequests(client);
  const begun = await fetch(`${publicUrl}/uploads/resumable`, {
    method: "POST",
    headers: { ...client.authorization, "upload-complete": "?0" },
    body: "one ",
  });
  const path = begun.headers.get("location") as string;
  expect(path).toMatch(/^\/stowage\/uploads\/resumable\/[\w-]+$/);
  const ended = await requests.append(path, 4, "?1", Buffer.from("two"));
  expect(ended.status).toBe(201);
  expect(ended.headers.get("location")).toBe(path);

  // This nginx passes no interim response on.
  const interim = request(`${innerUrl}/uploads/resumable`, {
    method: "POST",
    headers: { ...client.authorization, ...INTEROP, "upload-complete": "?1" },
  });
  const [[told], [answer]] = await Promise.all([
    once(interim, "information") as Promise<[{ statusCode: number; headers: Record<string, string> }]>,
    once(interim, "response") as Promise<[IncomingMessage]>,
    interim.end("three"),
  ]);
  await buffer(answer);
  expect(told.statusCode).toBe(104);
  expect(told.headers["location"]).toMatch(/^\/stowage\/uploads\/resumable\//);
});

test("the page works from signing in to a download", async () => {
  const person = await WebPage.open(browser, publicUrl);
  await person.register();
  await person.choose([{ name: "below.txt", mimeType: "text/plain", buffer: Buffer.from("below a path") }]);
  await person.row("below.txt").waitFor();
  const downloading = person.page.waitForEvent("download");
  await person.row("below.txt").getByRole("link", { name: "Download" }).click();
  const stream = await (await downloading).createReadStream();
  expect(await text(stream)).toBe("below a path");
  await person.page.getByRole("button", { name: "Copy a link to below.txt" }).click();
  await person.page.getByRole("button", { name: "Create and copy link" }).click();
  const link = await person.page.getByLabel("The link").inputValue();
  expect(await (await fetch(link)).text()).toBe("below a path");
  await person.close();
});

test("the playground asks the server, and the documentation of routes is there", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const asked = page.waitForResponse(
    (response) => response.url() === `${publicUrl}/graphql` && response.request().method() === "POST",
  );
  await page.goto(`${publicUrl}/graphql`);
  expect((await asked).status()).toBe(200);
  await page.getByText("CompleteUpload").first().waitFor();
  await page.getByText("Altair AI").first().waitFor({ state: "hidden" });
  await page.goto(`${publicUrl}/docs`);
  await page.getByText("/files/download/{id}").first().waitFor();
  expect(await page.getByRole("combobox").first().textContent()).toContain(publicUrl);
  await context.close();
});
