import { expect, onTestFinished, test } from "vitest";
import { Client } from "../support/client.ts";
import { dialects } from "../support/databases.ts";
import { startService } from "../support/service.ts";

test.for(dialects)("%s: what costs no quota has bounds, which settings say", async (dialect) => {
  const limits = {
    MAX_FILES: "3",
    MAX_OPEN_UPLOADS: "2",
    MAX_LINKS: "2",
    MAX_TOKENS: "2",
    REGISTRATIONS_PER_HOUR: "3",
  };
  const service = await startService(dialect, limits);
  onTestFinished(() => service.stop());
  const ada = await Client.register(service.url, "ada");
  const begin = 'mutation { beginUpload(input: { filename: "f", size: 1 }) { id } }';
  const [one] = [await ada.data(begin), await ada.data(begin)];
  expect(await ada.failure(begin)).toMatchObject({ code: "QUOTA_EXCEEDED", limit: 2 });
  await ada.data("mutation ($id: ID!) { abortUpload(uploadId: $id) }", { id: one.beginUpload.id });
  const files = [];
  for (const name of ["a", "b", "c"]) files.push(await ada.upload(name, Buffer.from(name)));
  expect(await ada.failure(begin)).toMatchObject({ code: "QUOTA_EXCEEDED", limit: 3 });

  const link = "mutation ($id: ID!) { createDownloadLink(fileId: $id) { id } }";
  const { id } = files[0] as { id: string };
  const first = await ada.data(link, { id });
  await ada.data(link, { id });
  expect(await ada.failure(link, { id })).toMatchObject({ code: "QUOTA_EXCEEDED", limit: 2 });
  await ada.data("mutation ($id: ID!) { revokeDownloadLink(id: $id) }", { id: first.createDownloadLink.id });
  await ada.data(link, { id });

  const nobody = new Client(service.url);
  const login = 'mutation { login(input: { login: "ada", password: "correct horse" }) { token } }';
  const tokens = [ada.token];
  for (let i = 0; i < 2; i++) tokens.push((await nobody.data(login)).login.token);
  const me = async (token: string | undefined) => (await new Client(service.url, token).data("{ me { username } }")).me;
  expect(await Promise.all(tokens.map(me))).toEqual([null, { username: "ada" }, { username: "ada" }]);

  for (const name of ["eve", "bob"]) await Client.register(service.url, name);
  await expect(Client.register(service.url, "mallory")).rejects.toThrow(/accounts within an hour/);
});
