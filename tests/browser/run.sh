#!/usr/bin/env bash
# `make browser`: the committed playground is what its sources build, and works in headless Chromium on the demo salon.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v chromium >/dev/null && ! command -v google-chrome >/dev/null; then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null
fi
# Not `npm ci`: it fails where a registry lacks other machines' binaries. The lock is held to all the same.
npm install --silent --no-save --no-audit --no-fund --prefix playground
npm install --silent --no-save --no-audit --no-fund --prefix tests/browser
npm run --silent --prefix playground build >/dev/null
git diff --exit-code --stat -- salonos/edge/static || { echo "Commit what the playground's sources build."; exit 1; }

home=$(mktemp -d)
export SALONOS_HOME="$home/state" SALONOS_DEMO=1 SALONOS_DEMO_PASSWORD="nine purple umbrellas" SALONOS_PORT="${SALONOS_PORT:-8765}"
.venv/bin/salonos up >"$home/log" 2>&1 &
house=$!
trap 'kill -TERM $house 2>/dev/null || true; wait $house 2>/dev/null || true; rm -rf "$home"' EXIT
for _ in $(seq 300); do
    grep -q "Ctrl-C stops it" "$home/log" && break
    kill -0 $house 2>/dev/null || { cat "$home/log"; exit 1; }
    sleep 1
done
node tests/browser/playground.mjs "http://127.0.0.1:$SALONOS_PORT" "$SALONOS_DEMO_PASSWORD" "${PICTURES:-}"
