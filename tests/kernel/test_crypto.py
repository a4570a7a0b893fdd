"""Sealed personal data opens at its own place under its own key, and nowhere else."""

import pytest

from salonos.kernel import crypto
from salonos.kernel.crypto import Keyring, SealBroken, place_of

PLACE = place_of("customers", "phone_sealed", "00")


def ring(byte: bytes = b"k") -> Keyring:
    return Keyring(byte * 32)


def test_a_seal_opens_at_its_place() -> None:
    keys = ring()
    wrapped = keys.new_person_key()

    assert keys.open(wrapped, keys.seal(wrapped, "+919876543210", place=PLACE), place=PLACE) == "+919876543210"
    assert Keyring(b"k" * 32).open(wrapped, keys.seal(wrapped, "x", place=PLACE), place=PLACE) == "x"


def test_a_seal_does_not_open_elsewhere_or_under_another_key() -> None:
    keys = ring()
    wrapped = keys.new_person_key()
    blob = keys.seal(wrapped, "+919876543210", place=PLACE)

    for attempt in (
        lambda: keys.open(wrapped, blob, place=place_of("customers", "phone_sealed", "01")),
        lambda: keys.open(keys.new_person_key(), blob, place=PLACE),
        lambda: keys.open(wrapped, blob[:-1] + bytes([blob[-1] ^ 1]), place=PLACE),
        lambda: ring(b"x").open(wrapped, blob, place=PLACE),
    ):
        with pytest.raises(SealBroken):
            attempt()


def test_equal_text_seals_differently_and_indexes_alike() -> None:
    keys = ring()
    wrapped = keys.new_person_key()

    assert keys.seal(wrapped, "x", place=PLACE) != keys.seal(wrapped, "x", place=PLACE)
    assert keys.index("phone", "x") == keys.index("phone", "x") != keys.index("email", "x")
    assert len(keys.index("phone", "x")) == 32


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Keyring(b"short")


def test_a_process_without_keys_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crypto, "_configured", [])
    with pytest.raises(RuntimeError, match="not configured"):
        crypto.keyring()

    crypto.configure(ring())
    assert crypto.keyring().key("x") == ring().key("x")
