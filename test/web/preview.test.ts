import { expect, test } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { servePage } from "./page-suite.ts";
import { PNG, pdf, wav } from "./sample-files.ts";

// Its PDF viewer is the whole browser's only.
const at = servePage(() => launchBrowser([], "chromium"));

test("pictures, films, sounds, texts and PDF are shown; what could run is shown as text", async () => {
  const { person } = at;
  const { page } = person;
  await person.register();
  const svg =
    '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="200"><rect width="300" height="200" fill="teal"/><script>parent.hacked = true</script></svg>';
  const html = "<script>window.hacked = true</script>hello";
  await person.client.upload("dot.png", PNG, { contentType: "image/png" });
  await person.client.upload("drawing.svg", Buffer.from(svg), { contentType: "image/svg+xml" });
  await person.client.upload("page.html", Buffer.from(html), { contentType: "text/html" });
  await person.client.upload("archive.zip", Buffer.alloc(20), { contentType: "application/zip" });
  await person.client.upload("sound.wav", wav(200), { contentType: "audio/wav" });
  await person.client.upload("film.mp4", wav(200), { contentType: "video/mp4" });
  await person.client.upload("paper.pdf", pdf("Stowed"), { contentType: "application/pdf" });
  await page.reload();

  const open = async (name: string) => {
    await page.getByRole("button", { name, exact: true }).click();
    return page.getByRole("dialog", { name });
  };
  const close = () => page.keyboard.press("Escape");
  for (const name of ["dot.png", "drawing.svg"]) {
    const picture = (await open(name)).getByRole("img", { name });
    await expect.poll(() => picture.evaluate((img: HTMLImageElement) => img.naturalWidth)).toBeGreaterThan(0);
    if (name === "drawing.svg") await person.expectAccessible("preview-picture");
    await close();
  }
  const text = await open("page.html");
  await text.getByText(html).waitFor();
  await person.expectAccessible("preview-text");
  await close();
  await (await open("archive.zip")).getByText("There is no preview").waitFor();
  await close();

  // Two hundred seconds: what lies at the end comes by a range of its own. The film has sound only, which is as well.
  const ranges: string[] = [];
  page.on("response", (response) => {
    if (response.status() === 206) ranges.push(response.headers()["content-range"] ?? "");
  });
  for (const [name, element] of [
    ["sound.wav", "audio"],
    ["film.mp4", "video"],
  ] as const) {
    const media = (await open(name)).locator(element);
    await expect.poll(() => media.evaluate((player: HTMLMediaElement) => player.duration)).toBeCloseTo(200);
    await media.evaluate((player: HTMLMediaElement) => {
      player.currentTime = 190;
    });
    const time = () => media.evaluate((player: HTMLMediaElement) => !player.seeking && player.currentTime);
    await expect.poll(time).toBe(190);
    if (element === "video") await person.expectAccessible("preview-video");
    await close();
  }
  expect(ranges.length).toBeGreaterThan(1);

  const paper = await open("paper.pdf");
  await paper.locator("iframe").waitFor();
  await expect.poll(() => page.frames().length).toBeGreaterThan(1);
  await person.expectAccessible("preview-pdf");
  await close();
  expect(await page.evaluate(() => "hacked" in window)).toBe(false);
});

test("a file's chunks are drawn on the nodes that hold them", async () => {
  const { person } = at;
  const { page } = person;
  await person.register();
  await person.client.upload("spread.bin", Buffer.alloc(20 * 65_536, 7), { chunkSize: 65_536 });
  await page.reload();
  await page.getByRole("button", { name: "spread.bin", exact: true }).click();
  const picture = page.getByRole("figure");
  await picture.getByText("20 chunks, from the file's beginning").waitFor();
  const sums = await picture.getByRole("listitem").allTextContents();
  expect(sums.map((text) => text.slice(0, 5))).toEqual(["node1", "node2", "node3"]);
  // Two copies of each.
  const chunks = sums.map((text) => Number(/(\d+) chunk/.exec(text.slice(5))?.[1]));
  expect(chunks.reduce((sum, number) => sum + number, 0)).toBe(40);
  await person.expectAccessible("nodes");
});
