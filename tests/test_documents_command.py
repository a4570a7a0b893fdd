"""`salonos documents` makes the manifest of a client's folder, or says in which line it can't."""

import subprocess
import sys
from pathlib import Path

import pytest

from salonos import documents
from salonos.documents import FolderWrong, manifest_of
from salonos.graph.trusted import Manifest, id_of

BILLS = """fragment Card on Bill { id customer { ...Person } }
query Latest($first: Int!) { bills(first: $first) { nodes { ...Card } } }
"""
APP = """import { gql } from 'urql'
const Person = gql`fragment Person on Customer { id name }`
export const Me = gql`
  query Me { viewer { username } }
  ${Person}
`
const Sold = /* GraphQL */ `subscription Sold { billPosted { cursor } }`
const url = `${ADDRESS}/graphql`
const other = `in the ${KIND}graphql`
const css = styled`query { nothing }`
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "src" / "bills.graphql").write_text(BILLS)
    (tmp_path / "src" / "app.tsx").write_text(APP)
    (tmp_path / "node_modules" / "other.graphql").write_text("query { unknown }")
    return tmp_path


def test_operations_carry_the_fragments_that_they_need(folder: Path) -> None:
    made = manifest_of(folder, frozenset({"STAFF"}))

    assert [each.name for each in made.documents] == ["Latest", "Me", "Sold"]
    assert [each.text.count("fragment ") for each in made.documents] == [2, 0, 0]
    assert all(each.id == id_of(each.text) for each in made.documents)
    assert made.only_for == {"STAFF"}


def test_the_command_writes_the_same_file_each_time(folder: Path) -> None:
    command = [sys.executable, "-m", "salonos", "documents", str(folder), "--out", str(folder / "out.json")]

    told = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2)]

    assert told == [f"{folder / 'out.json'}: 3 operations.\n"] * 2
    assert Manifest.read((folder / "out.json").read_bytes()) == manifest_of(folder)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "a.graphql",
            "query Latest { viewer { username } }",
            r"bills.graphql:2: Latest is defined already, at .*a.graphql:1",
        ),
        ("a.graphql", "\nquery { viewer { username } }", r"a.graphql:2: a trusted operation has a name"),
        ("a.graphql", "query A { viewer { ...Gone } }", r"a.graphql:1: there is no fragment Gone"),
        ("a.graphql", "query A { viewer { nothing } }", r"a.graphql:1: A: Cannot query field 'nothing'"),
        ("a.ts", "\n\nconst A = gql`\n  query A {\n`", r"a.ts:5: Syntax Error"),
        ("a.ts", "gql(`query A($a: Int) { viewer { username } }`)", r"a.ts:1: A: Variable '\$a' is never used"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(folder: Path, name: str, content: str, said: str) -> None:
    (folder / "src" / name).write_text(content)

    with pytest.raises(FolderWrong, match=said):
        manifest_of(folder)


def test_a_role_that_there_is_not_by_nature_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        documents.main(str(folder), str(folder / "out.json"), "STAFF", "RECEPTION")

    assert ended.value.code == 64
    assert capsys.readouterr().err == (
        "'RECEPTION' is no built-in role; those are OWNER, MANAGER, RECEPTIONIST, STAFF, ACCOUNTANT.\n"
    )
    assert not (folder / "out.json").exists()


def test_typename_is_added_where_apollo_adds_it(folder: Path) -> None:
    (folder / "src" / "more.graphql").write_text("""
        query Has { node(id: "x") { __typename ... on Bill { kind: __typename id } ...Card } }
    """)

    made = {each.name: each.text for each in manifest_of(folder, adds_typename=True).documents}

    assert made["Sold"] == "subscription Sold {\n  billPosted {\n    cursor\n    __typename\n  }\n}"
    assert " ".join(made["Has"].split()) == (
        'query Has { node(id: "x") { __typename ... on Bill { kind: __typename id } ...Card } } '
        "fragment Card on Bill { id customer { ...Person __typename } __typename } "
        "fragment Person on Customer { id name __typename }"
    )


def test_the_command_adds_typename_when_it_is_told_to(folder: Path) -> None:
    command = [sys.executable, "-m", "salonos", "documents", str(folder), "--out", str(folder / "out.json")]

    subprocess.run([*command, "--add-typename", "--only-for", "STAFF"], capture_output=True, check=True)

    written = Manifest.read((folder / "out.json").read_bytes())
    assert written == manifest_of(folder, frozenset({"STAFF"}), adds_typename=True)
    assert written != manifest_of(folder, frozenset({"STAFF"}))


def test_a_folder_without_operations_is_no_client(tmp_path: Path) -> None:
    with pytest.raises(FolderWrong, match="has no operation"):
        manifest_of(tmp_path)


def test_the_command_ends_with_the_sentence_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        documents.main(str(tmp_path), str(tmp_path / "out.json"))

    assert ended.value.code == 64
    assert capsys.readouterr().err.startswith(str(tmp_path))
    assert not (tmp_path / "out.json").exists()
