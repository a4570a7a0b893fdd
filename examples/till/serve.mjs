// Builds the till and serves it on this machine: SALON_ADDRESS=http://127.0.0.1:8000 PORT=8080 npm start.
// The salon has to know the page's origin: SALONOS_ORIGINS="http://127.0.0.1:8000,http://127.0.0.1:8080".

import { fileURLToPath } from "node:url";

import { context } from "esbuild";

const folder = fileURLToPath(new URL(".", import.meta.url));
const salon = process.env.SALON_ADDRESS ?? "http://127.0.0.1:8000";
const builder = await context({
  absWorkingDir: folder,
  entryPoints: ["src/main.jsx", "src/page.css"],
  outdir: "build",
  bundle: true,
  format: "esm",
  jsx: "automatic",
  minify: true,
  target: "es2022",
  define: { SALON_ADDRESS: JSON.stringify(salon) },
});
await builder.rebuild(); // says at once what does not build
const { port } = await builder.serve({ host: "127.0.0.1", port: Number(process.env.PORT ?? 8080), servedir: folder });
console.log(`The till of ${salon} is at http://127.0.0.1:${port}`);
