"""compose.yaml starts what the command line knows, in the right order, without a default secret."""

from pathlib import Path
from typing import Any

import yaml

from salonos.cli import app

ROOT = Path(__file__).resolve().parents[1]


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return found


def commands() -> set[str]:
    return {
        each.name or str(getattr(each.callback, "__name__", "")).replace("_", "-") for each in app.registered_commands
    }


def test_the_services_run_commands_that_exist() -> None:
    services = compose()["services"]

    ours = {name: service["command"] for name, service in services.items() if "build" in service}
    assert ours == {"migrate": ["salonos", "migrate"], "api": ["salonos", "serve"], "worker": ["salonos", "worker"]}
    assert {command[1] for command in ours.values()} <= commands()


def test_api_and_worker_wait_for_the_migration_and_it_for_the_database() -> None:
    services = compose()["services"]

    assert services["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    for name in ("api", "worker"):
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_every_secret_has_to_be_given() -> None:
    text = (ROOT / "compose.yaml").read_text()

    for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "SECRET_KEY"):
        assert f"${{{name}:?}}" in text
        assert f"${{{name}}}" not in text


def test_no_proxy_is_trusted_that_was_not_named() -> None:
    for name in ("api", "worker", "migrate"):
        assert compose()["services"][name]["environment"]["SALONOS_TRUSTED_PROXIES"] == "${SALONOS_TRUSTED_PROXIES:-}"


def test_the_image_holds_what_the_commands_need() -> None:
    text = (ROOT / "Dockerfile").read_text()

    for folder in ("salonos", "worker", "migrations"):
        assert f"COPY {folder} {folder}" in text
        assert (ROOT / folder).is_dir()
    assert "--require-hashes requirements.lock" in text
    assert "USER salonos" in text
