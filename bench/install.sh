#!/usr/bin/env bash
# What the bench needs besides the project: wrk, the load tool, and the rivals' Node packages.
set -euo pipefail
cd "$(dirname "$0")"

if ! command -v wrk >/dev/null; then
    command -v apt-get >/dev/null || { echo "Install wrk: the bench loads the servers with it."; exit 1; }
    [ "$(id -u)" = 0 ] || { echo "Run: sudo apt-get install wrk"; exit 1; }
    apt-get install --yes --quiet wrk >/dev/null
fi
if [ -x rivals/install.sh ]; then
    rivals/install.sh
fi
