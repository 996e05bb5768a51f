import { gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

/** Compresses files once, at build time, instead of for each visitor. */
const gzip: Plugin = {
  name: "gzip",
  generateBundle: {
    order: "post",
    handler(_options, bundle) {
      for (const item of Object.values(bundle)) {
        if (!/\.(js|css|svg)$/.test(item.fileName)) continue;
        const source = gzipSync(item.type === "chunk" ? item.code : item.source, { level: 9 });
        this.emitFile({ type: "asset", fileName: `${item.fileName}.gz`, source });
      }
    },
  },
};

// Whatever the surroundings are called, such as "test": the page gets React's small and fast build.
process.env["NODE_ENV"] = "production";

export default defineConfig({
  root: import.meta.dirname,
  // The page may be below a path.
  base: "./",
  build: {
    outDir: "../../dist/web",
    emptyOutDir: true,
    target: "es2023",
    // The page's policy allows nothing inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  // Pages of `vite dev` talk to a server that runs beside it.
  server: {
    proxy: Object.fromEntries(
      ["/graphql", "/session", "/registration", "/files", "/uploads", "/health"].map((path) => [
        path,
        { target: "http://127.0.0.1:4000", changeOrigin: false },
      ]),
    ),
  },
  plugins: [gzip],
});
