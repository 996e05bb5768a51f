import Uppy from "@uppy/core";
import Tus from "@uppy/tus";

/** As docs/clients.md has it, but for the delays. */
function uploadPicked(endpoint: string, token: string): void {
  const uppy = new Uppy().use(Tus, {
    endpoint,
    headers: { Authorization: `Bearer ${token}` },
    retryDelays: [0, 100, 500, 1000, 3000, 5000],
  });
  const tell = (text: string) => {
    document.title = text;
  };
  uppy.on("complete", ({ successful = [], failed = [] }) => {
    if (failed.length > 0) tell(`failed: ${failed[0]?.error}`);
    else tell(`done: ${successful[0]?.tus?.uploadUrl}`);
  });
  const input = document.querySelector("input") as HTMLInputElement;
  input.addEventListener("change", () => {
    for (const data of input.files ?? []) uppy.addFile({ name: data.name, type: data.type, data });
    void uppy.upload();
  });
}

Object.assign(window, { uploadPicked });
