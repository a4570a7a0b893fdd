#!/usr/bin/env bash
# The Node packages of the rivals that run on Node, with a Node of their own: PostGraphile 5 wants 22 or later.
set -euo pipefail
cd "$(dirname "$0")"

command -v npm >/dev/null || { echo "Install Node with npm: the bench's rivals are npm packages."; exit 1; }
# Not `npm ci`: it fails where a registry lacks other machines' binaries. The lock is held to all the same.
npm install --silent --no-save --no-audit --no-fund
node_modules/.bin/node --version >/dev/null
