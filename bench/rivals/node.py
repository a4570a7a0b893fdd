"""The rivals that run on Node: one set of packages, its Node among them, and a folder with `server.js` for each."""

import json
from pathlib import Path

FOLDER = Path(__file__).parent
PACKAGES = FOLDER / "node_modules"


def command(name: str) -> tuple[str, ...]:
    """What starts the server of a folder."""
    return str(PACKAGES / ".bin" / "node"), str(FOLDER / name / "server.js")


def versions(*names: str) -> str:
    """What is installed, as `mercurius 16.10.1, graphql-jit 0.8.9`."""
    found = {name: json.loads((PACKAGES / name / "package.json").read_text())["version"] for name in names}
    return ", ".join(f"{name} {version}" for name, version in found.items())
