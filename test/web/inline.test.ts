import { expect, test } from "vitest";
import { servePage } from "./page-suite.ts";
import { PNG, pdf, wav } from "./sample-files.ts";

const at = servePage();

test("a file of each kind opens in a tab of its own, by the cookie and by a link", async () => {
  const { person } = at;
  await person.register();
  const upload = (name: string, bytes: Buffer, contentType: string) =>
    person.client.upload(name, bytes, { contentType });
  const kinds = {
    sound: await upload("sound.wav", wav(2), "audio/wav"),
    film: await upload("film.wav", wav(2), "video/mp4"),
    picture: await upload("dot.png", PNG, "image/png"),
    text: await upload("text.txt", Buffer.from("käse 奶酪"), "text/plain"),
    page: await upload(
      "page.html",
      Buffer.from("<p>hello</p><script>document.body.textContent = 'hacked'</script>"),
      "text/html",
    ),
    paper: await upload("paper.pdf", pdf("Stowed"), "application/pdf"),
  };
  const link = async (id: string) => {
    const made = await person.client.data("mutation ($id: ID!) { createDownloadLink(fileId: $id) { url } }", { id });
    return new URL(`${made.createDownloadLink.url}&disposition=inline`, person.url).href;
  };
  for (const [kind, { id }] of Object.entries(kinds)) {
    for (const url of [`${person.url}/files/download/${id}?disposition=inline`, await link(id)]) {
      // A stranger's browser has no cookie.
      const byLink = url.includes("secret");
      const context = byLink ? await person.page.context().browser()?.newContext() : person.page.context();
      const tab = await (context as NonNullable<typeof context>).newPage();
      // As typed into the address bar.
      await tab.goto(url).catch((error: Error) => expect(error.message).toMatch(/Download is starting/));
      if (kind === "sound" || kind === "film") {
        const duration = () => tab.locator("video").evaluate((player: HTMLMediaElement) => player.duration);
        await expect.poll(duration, { message: `${kind} at ${url}` }).toBeCloseTo(2);
      } else if (kind === "picture") {
        const width = () => tab.locator("img").evaluate((picture: HTMLImageElement) => picture.naturalWidth);
        await expect.poll(width).toBeGreaterThan(0);
      } else if (kind === "text") await tab.getByText("käse 奶酪").waitFor();
      else if (kind === "page") expect(await tab.locator("body").textContent()).not.toBe("hacked");
      await tab.close();
      if (byLink) await context?.close();
    }
  }
});
