"""Settings are read once, and what is wrong is said by name."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from salonos import keyfile
from salonos.settings import STATE_EXIT, Settings, SettingWrong

STRONG = "correct horse battery staple 0123456789"


def test_defaults_are_for_one_pc(tmp_path: Path) -> None:
    settings = Settings.read({"SALONOS_HOME": str(tmp_path), "SECRET_KEY": STRONG})

    assert (settings.host, settings.port, settings.database_url, settings.is_demo) == ("127.0.0.1", 8000, None, False)
    assert settings.address == "http://127.0.0.1:8000"
    assert settings.allowed_origins == ("http://127.0.0.1:8000", "http://localhost:8000")


@pytest.mark.parametrize("secret", ["", "short", "x" * 64, "abc" * 20])
def test_a_weak_or_absent_secret_stops_the_start(tmp_path: Path, secret: str) -> None:
    with pytest.raises(SettingWrong, match="SECRET_KEY"):
        Settings.read({"SALONOS_HOME": str(tmp_path), "SECRET_KEY": secret})


def test_a_demonstration_makes_and_keeps_its_own_secret(tmp_path: Path) -> None:
    environment = {"SALONOS_HOME": str(tmp_path), "SALONOS_DEMO": "1"}
    first = Settings.read(environment)

    assert Settings.read(environment).secret == first.secret
    assert Settings.read({"SALONOS_HOME": str(tmp_path)}).secret == first.secret
    assert (tmp_path / "keys" / "secret").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SALONOS_PORT", "0"),
        ("SALONOS_PORT", "65536"),
        ("SALONOS_PORT", "８０"),
        ("SALONOS_DEMO", "maybe"),
        ("SALONOS_SET_CLOCK", "2026-11-23T21:45:00+05:30"),
        ("SALONOS_ORIGINS", "*"),
        ("SALONOS_HOSTS", "salon.example,*"),
        ("SALONOS_DATABASE_POOL", "many"),
        ("SALONOS_METRICS_TOKEN", "short"),
        ("SALONOS_METRICS_TOKEN", "with a line\nbreak in it"),
        ("SALONOS_WORKER_METRICS_PORT", "65536"),
        ("SALONOS_TRUSTED_PROXIES", "*"),
        ("SALONOS_TRUSTED_PROXIES", "proxy.lan"),
        ("SALONOS_TRUSTED_PROXIES", "10.0.0.1, 10.0.0.1/8"),
        ("SALONOS_TRUSTED_PROXIES", "10.0.0.1:443"),
        ("SALONOS_TRUSTED_PROXIES", "0.0.0.0/0"),
        ("SALONOS_TRUSTED_PROXIES", "10.0.0.1, ::/0"),
    ],
)
def test_a_setting_that_can_not_be_used_is_named(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(SettingWrong, match=name):
        Settings.read({"SALONOS_HOME": str(tmp_path), "SECRET_KEY": STRONG, name: value})


def test_trusted_proxies_are_addresses_and_networks_and_none_by_default(tmp_path: Path) -> None:
    environment = {"SALONOS_HOME": str(tmp_path), "SECRET_KEY": STRONG}
    named = Settings.read({**environment, "SALONOS_TRUSTED_PROXIES": " 10.0.0.1,192.168.0.0/16 , fd00::/8,"})

    assert Settings.read(environment).trusted_proxies == ()
    assert [str(each) for each in named.trusted_proxies] == ["10.0.0.1/32", "192.168.0.0/16", "fd00::/8"]


def test_the_clock_is_set_in_demonstrations_only(tmp_path: Path) -> None:
    environment = {"SALONOS_HOME": str(tmp_path), "SALONOS_DEMO": "1"}
    settings = Settings.read({**environment, "SALONOS_SET_CLOCK": "2026-11-23T21:45:00+05:30"})

    assert settings.set_clock is not None
    assert settings.set_clock.isoformat() == "2026-11-23T16:15:00+00:00"
    with pytest.raises(SettingWrong, match="SALONOS_SET_CLOCK"):
        Settings.read({**environment, "SALONOS_SET_CLOCK": "2026-11-23T21:45:00"})


def test_of_many_that_make_a_folders_secret_at_once_all_get_the_one_that_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "secret"
    program = (
        "import sys; from pathlib import Path; from salonos import keyfile; print(keyfile.kept(Path(sys.argv[1])))"
    )

    def make(_number: int) -> str:
        command = [sys.executable, "-c", program, str(path)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    with ThreadPoolExecutor(6) as makers:
        assert set(makers.map(make, range(6))) == {keyfile.kept(path)}
    assert [each.name for each in path.parent.iterdir()] == ["secret"]


def test_a_folder_that_can_not_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SettingWrong, match="can't be used: Not a directory") as wrong:
        Settings.read({"SALONOS_HOME": str(tmp_path / "file"), "SALONOS_DEMO": "1"})
    assert wrong.value.exit_code == STATE_EXIT
