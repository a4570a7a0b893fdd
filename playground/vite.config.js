import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// Built files are committed, so that a salon needs neither Node nor the internet; names carry content hashes.
export default defineConfig({
  base: "/playground/",
  plugins: [react()],
  build: {
    outDir: "../salonos/edge/static/playground",
    emptyOutDir: true,
    chunkSizeWarningLimit: 8192,
    modulePreload: { polyfill: false },
  },
  worker: { format: "es" },
});
