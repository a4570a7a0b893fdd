"""A process and its manifest: the documents of our own clients are known from the start, a wrong manifest ends it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from salonos.graph.trusted import Manifest, TrustedDocument, id_of
from salonos.settings import USAGE_EXIT
from tests import servers
from tests.faults import served as serving

ME = "query Me { viewer { username } }"
OLD = "query Old { viewer { shoeSize } }"


def manifest(*texts: str, only_for: frozenset[str] = frozenset()) -> bytes:
    return Manifest(tuple(TrustedDocument(id_of(text), text.split()[1], text) for text in texts), only_for).written()


def test_a_process_knows_its_manifest_and_holds_roles_to_it(tmp_path: Path) -> None:
    path = tmp_path / "trusted.json"
    path.write_bytes(manifest(ME, only_for=frozenset({"STAFF"})))

    with serving.alone(tmp_path, SALONOS_TRUSTED_DOCUMENTS=str(path)) as served:
        stylist = {"authorization": f"Bearer {served.sign_in('stylist')}"}
        by_id = served.post(json.dumps({"documentId": f"sha256:{id_of(ME)}"}).encode(), **stylist)
        in_another_layout = served.ask(ME.replace(" ", "\n"), **stylist)
        other = served.ask("{ viewer { username } }", **stylist)
        owners = served.ask("{ viewer { username } }", authorization=f"Bearer {served.owner}")
        told = served.client.get(f"{served.address}/metrics").text

    assert by_id.json() == in_another_layout.json() == {"data": {"viewer": {"username": "stylist"}}}
    assert other.json()["errors"][0]["extensions"] == {"code": "FORBIDDEN"}
    assert owners.json() == {"data": {"viewer": {"username": "owner"}}}
    assert 'salonos_operations_total{kind="query",name="Me",outcome="answered"} 2.0' in told


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[]", 'it is not of format "apollo-persisted-query-manifest", version 1'),
        (manifest(OLD), "Old is refused by the schema: Cannot query field 'shoeSize' on type 'Viewer'."),
        (
            manifest(ME, only_for=frozenset({"RECEPTION"})),
            "'RECEPTION' is no built-in role; those are OWNER, MANAGER, RECEPTIONIST, STAFF, ACCOUNTANT",
        ),
        (None, "[Errno 2] No such file or directory: '{path}'"),
    ],
)
def test_a_process_does_not_start_on_a_manifest_that_can_not_be_used(
    database_url: str, tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "trusted.json"
    if content is not None:
        path.write_bytes(content)
    environment = os.environ | {
        "SALONOS_HOME": str(tmp_path),
        "DATABASE_URL": database_url,
        "REDIS_URL": os.environ[servers.REDIS],
        "SECRET_KEY": serving.SECRET,
        "SALONOS_TRUSTED_DOCUMENTS": str(path),
    }

    ended = subprocess.run(
        [sys.executable, *serving.SERVE], env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert ended.returncode == USAGE_EXIT
    assert f"SALONOS_TRUSTED_DOCUMENTS={path} can't be used: {said.format(path=path)}\n" in ended.stderr
    assert "Traceback" not in ended.stderr
