#!/usr/bin/env bash
# `make clients`: public GraphQL clients on the demo salon, each as its documentation says, and the example in Chromium.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v chromium >/dev/null && ! command -v google-chrome >/dev/null; then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null
fi
command -v npm >/dev/null || { echo "Install Node 20 or later with npm: the clients are npm packages."; exit 1; }
# Not `npm ci`: it fails where a registry lacks other machines' binaries. The lock is held to all the same.
npm install --silent --no-save --no-audit --no-fund --prefix tests/clients
npm install --silent --no-save --no-audit --no-fund --prefix examples/till
# An environment of its own: what a foreign program needs is no part of ours.
test -x tests/clients/.venv/bin/python || .venv/bin/uv venv --quiet --python .venv/bin/python tests/clients/.venv
.venv/bin/uv pip sync --quiet --python tests/clients/.venv/bin/python --require-hashes tests/clients/gql.lock

home=$(mktemp -d)
export SALONOS_HOME="$home/state" SALONOS_DEMO=1 SALONOS_DEMO_PASSWORD="nine purple umbrellas" SALONOS_PORT="${SALONOS_PORT:-8767}"
export SALON_ADDRESS="http://127.0.0.1:$SALONOS_PORT" TILL_ADDRESS="http://127.0.0.1:${TILL_PORT:-8768}"
export SALONOS_ORIGINS="$SALON_ADDRESS,$TILL_ADDRESS" # a page of another origin, as a front end of one's own is
.venv/bin/salonos up >"$home/log" 2>&1 &
house=$!
trap 'kill -TERM $house 2>/dev/null || true; wait $house 2>/dev/null || true; rm -rf "$home"' EXIT
for _ in $(seq 300); do
    grep -q "Ctrl-C stops it" "$home/log" && break
    kill -0 $house 2>/dev/null || { cat "$home/log"; exit 1; }
    sleep 1
done

# One file at a time: each hears every sale of the salon.
timeout 600 node --test --test-concurrency=1 --test-force-exit --test-reporter=spec tests/clients/*.test.mjs
timeout 300 tests/clients/.venv/bin/python -W error tests/clients/gql_client.py
timeout 300 node tests/clients/till.mjs "$TILL_ADDRESS" "${PICTURES:-}"
