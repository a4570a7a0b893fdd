"""The command line: `salonos up` runs everything on one PC; serve, worker, migrate and the rest run the parts apart.

Each part is a module of its own that this process becomes (`exec`), so that a command loads only what it needs and the
whole starts fast.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from salonos import up as house
from salonos.terminal import database_url, named_database_url, settings_or_exit

app = typer.Typer(
    help="The back office of a salon.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)


def become(module: str, *words: str) -> NoReturn:
    """Goes on as another program of ours, in this process."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *words])  # noqa: S606  our own interpreter and module


@app.command()
def up() -> None:
    """Run the salon on this PC: servers, migrations, demo data if there is no salon, API and worker."""
    house.run(settings_or_exit())


@app.command()
def serve() -> None:
    """Run one API process. Needs DATABASE_URL and REDIS_URL."""
    named_database_url(settings_or_exit())
    become("salonos.edge", "serve")


@app.command()
def worker() -> None:
    """Run one background worker. Needs DATABASE_URL and REDIS_URL."""
    named_database_url(settings_or_exit())
    become("worker")


@app.command()
def migrate() -> None:
    """Bring the database of DATABASE_URL up to date."""
    become("salonos.migrate")


@app.command()
def schema() -> None:
    """Print the schema's SDL."""
    become("salonos.edge", "schema")


@app.command()
def documents(
    folder: Annotated[Path, typer.Argument(help="The client's folder.", exists=True, file_okay=False)],
    out: Annotated[Path, typer.Option(help="The manifest to write.")] = Path("trusted-documents.json"),
    only_for: Annotated[
        list[str] | None, typer.Option(help="A role that may send nothing else; may be repeated.")
    ] = None,
    add_typename: Annotated[  # noqa: FBT002  an option
        bool,
        typer.Option("--add-typename", help="Add __typename as Apollo Client and urql's caches do before they send."),
    ] = False,
) -> None:
    """Write the manifest of a client's documents, for SALONOS_TRUSTED_DOCUMENTS."""
    how = ["--add-typename"] if add_typename else []
    become("salonos.documents", str(folder), str(out), *how, *(only_for or ()))


@app.command()
def demo() -> None:
    """Fill an empty database with the demo salon. Needs DATABASE_URL."""
    database_url(settings_or_exit())
    become("salonos.demo")


@app.command()
def doctor() -> None:
    """Look whether books, bills and stock agree, while `salonos up` runs or at DATABASE_URL. Ends with 1 when they don't."""
    database_url(settings_or_exit())
    become("salonos.doctor")


@app.command()
def tls(
    names: Annotated[list[str] | None, typer.Argument(help="Further names and addresses of this machine.")] = None,
) -> None:
    """Make a certificate for this machine, by a private authority that tablets install once."""
    become("salonos.authority", *(names or ()))


@app.command("create-owner")
def create_owner(
    username: Annotated[str, typer.Argument(help="The name to sign in with.")],
    display_name: Annotated[str, typer.Argument(help="The owner's name as others see it.")],
) -> None:
    """Create an owner's sign-in, while `salonos up` runs or at DATABASE_URL. The password is asked for, or read from SALONOS_OWNER_PASSWORD."""
    database_url(settings_or_exit())
    become("salonos.owner", username, display_name)


def main() -> None:
    """The entry point of the installed command."""
    app()
