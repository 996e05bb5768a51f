import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { expect } from "vitest";
import { Client } from "../support/client.ts";

export const PASSWORD = "correct horse";
/** Where to leave a picture of every state that is checked, for a person to look at; none when it is not set. */
const SCREENSHOTS = process.env["TEST_SCREENSHOTS"];

/** What alone may be true in one color scheme and not in the other. */
const RULES_ON_COLORS = ["color-contrast", "link-in-text-block"];

/** Bytes a second: a line of a few megabytes shows an upload on its way. */
const SLOW = 4 * 1024 * 1024;
/** In which a chunk takes longer than any test. */
export const STANDSTILL = 1024;
export const UNBOUNDED = -1;

/** Runs in the page. The browser hands every byte of other bodies to the tests, which takes four times the upload's time. */
const SEND_BYTES_AS_BLOBS = `
  const { send } = XMLHttpRequest.prototype;
  XMLHttpRequest.prototype.send = function (body) {
    send.call(this, ArrayBuffer.isView(body) ? new Blob([body]) : body);
  };`;

/** A person at the web page, and what their browser complained of. */
export class WebPage {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly url: string;
  /** What the browser printed as an error: violations of the page's policy are among it. */
  readonly complaints: string[] = [];
  client: Client;

  private constructor(context: BrowserContext, page: Page, url: string) {
    this.context = context;
    this.page = page;
    this.url = url;
    this.client = new Client(url);
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("console", (message) => {
      // Each refused or unanswered request is one too: the page's own words about those are tested where they belong.
      if (message.type() !== "error" || message.text().startsWith("Failed to load resource")) return;
      this.complaints.push(message.text());
    });
  }

  /** @param address what is in the browser's address bar, where it is not the server's own URL */
  static async open(browser: Browser, url: string, address = url): Promise<WebPage> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
    await context.addInitScript(SEND_BYTES_AS_BLOBS);
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    const person = new WebPage(context, page, url);
    await page.goto(address);
    return person;
  }

  /** Registers by the form; `client` then calls the API as the same person. */
  async register(username = `user-${Math.random().toString(36).slice(2, 12)}`): Promise<void> {
    const { page } = this;
    await page.getByRole("button", { name: "Create an account" }).click();
    await page.getByLabel("Username").fill(username);
    await page.getByLabel("Email address").fill(`${username}@example.org`);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Create account" }).click();
    await page.getByRole("heading", { name: "Your files" }).waitFor();
    this.client = await Client.register(this.url, username);
  }

  /** Chooses files, as the browser's dialog would. */
  choose(files: string | string[] | { name: string; mimeType: string; buffer: Buffer }[]): Promise<void> {
    return this.page.getByTestId("files").setInputFiles(files);
  }

  /** What is told without being asked for. */
  status(text: string | RegExp) {
    return this.page.getByRole("status").filter({ hasText: text }).first();
  }

  row(filename: string) {
    return this.page.getByRole("region", { name: "Files" }).getByRole("listitem").filter({ hasText: filename });
  }

  /** The line between page and server, from now on a slow one. */
  async slowLine() {
    const devtools = await this.context.newCDPSession(this.page);
    const set = (offline: boolean, uploadThroughput: number) =>
      devtools.send("Network.emulateNetworkConditions", {
        offline,
        latency: 0,
        downloadThroughput: -1,
        uploadThroughput,
      });
    await devtools.send("Network.enable");
    await set(false, SLOW);
    return { cut: () => set(true, 0), uploadsAt: (bytesPerSecond: number) => set(false, bytesPerSecond) };
  }

  /** Leaves a picture of what is seen, where those are wanted. */
  async picture(name: string): Promise<void> {
    if (SCREENSHOTS === undefined) return;
    mkdirSync(SCREENSHOTS, { recursive: true });
    await this.page.screenshot({ path: join(SCREENSHOTS, `${name.replace(/\W+/g, "-")}.png`) });
  }

  /** Checks the page as it is now, by axe, light and dark. */
  async expectAccessible(state: string): Promise<void> {
    const { page } = this;
    for (const colorScheme of ["dark", "light"] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await this.picture(`${state}-${colorScheme}`);
      // Its other mode opens a page besides, for frames of other origins.
      const axe = new AxeBuilder({ page }).setLegacyMode();
      if (colorScheme === "light") axe.withRules(RULES_ON_COLORS);
      const { violations } = await axe.analyze();
      const faults = violations.map(
        ({ id, nodes }) =>
          `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join("; ")}`,
      );
      expect(faults, `${state}, ${colorScheme}`).toEqual([]);
    }
  }

  async close(): Promise<void> {
    await this.context.close();
    expect(this.complaints).toEqual([]);
  }
}
