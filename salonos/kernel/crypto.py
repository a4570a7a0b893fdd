"""Sealed personal data: a key per person, wrapped by a key outside the database, and keyed hashes to search by.

AES-256-GCM with a random 96-bit nonce. The associated data of a seal is its place (table, column, row, key version), so
that a value copied to another row or column does not open. Destroying a person's wrapped key destroys what it sealed.
"""

import hashlib
import hmac
import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SECRET_BYTES_MIN = 32
_NONCE_BYTES = 12
_KEY_BYTES = 32
_WRAP_PLACE = b"person key|1"
_OPEN_KEYS_MAX = 4096


class SealBroken(Exception):  # noqa: N818  a state of the data, found when it is opened
    """A sealed value that does not open at this place: it was moved, changed, or sealed under another key."""


class Keyring:
    """The process's keys, all derived from one secret; each has one purpose."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < SECRET_BYTES_MIN:
            raise ValueError(f"The secret has at least {SECRET_BYTES_MIN} bytes.")
        self._secret = secret
        self._wrapping = AESGCM(self.key("person keys"))
        self._person = lru_cache(maxsize=_OPEN_KEYS_MAX)(self._unwrap)

    def key(self, purpose: str) -> bytes:
        """32 bytes for a purpose, by HKDF-SHA-256: access tokens, idempotency fingerprints, a search index."""
        return HKDF(hashes.SHA256(), _KEY_BYTES, salt=b"salonos", info=purpose.encode()).derive(self._secret)

    def new_person_key(self) -> bytes:
        """A new person's key, wrapped: the form in which it is stored beside the person."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._wrapping.encrypt(nonce, AESGCM.generate_key(_KEY_BYTES * 8), _WRAP_PLACE)

    def _unwrap(self, wrapped: bytes) -> AESGCM:
        try:
            return AESGCM(self._wrapping.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], _WRAP_PLACE))
        except InvalidTag as error:
            raise SealBroken("A person's key does not open under this secret.") from error

    def seal(self, wrapped: bytes, text: str, *, place: str) -> bytes:
        """Text sealed under a person's wrapped key at a place (`table|column|row id hex|key version`)."""
        return self.seal_bytes(wrapped, text.encode(), place=place)

    def seal_bytes(self, wrapped: bytes, content: bytes, *, place: str) -> bytes:
        """As `seal`, of what is no text."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._person(wrapped).encrypt(nonce, content, place.encode())

    def open(self, wrapped: bytes, blob: bytes, *, place: str) -> str:
        """The text of a seal.

        Raises: SealBroken when it does not open at this place.
        """
        return self.open_bytes(wrapped, blob, place=place).decode()

    def open_bytes(self, wrapped: bytes, blob: bytes, *, place: str) -> bytes:
        """As `open`, of what is no text.

        Raises: SealBroken.
        """
        try:
            return self._person(wrapped).decrypt(blob[:_NONCE_BYTES], blob[_NONCE_BYTES:], place.encode())
        except InvalidTag as error:
            raise SealBroken("A sealed value does not open at this place.") from error

    def index(self, purpose: str, text: str) -> bytes:
        """HMAC-SHA-256 of a normal form under the purpose's own key: equality can be searched, nothing else."""
        return hmac.new(self._index_key(purpose), text.encode(), hashlib.sha256).digest()

    @lru_cache(maxsize=32)  # noqa: B019  a ring lives as long as its process
    def _index_key(self, purpose: str) -> bytes:
        return self.key(f"index {purpose}")


def place_of(table: str, column: str, row_id_hex: str, *, key_version: int = 1) -> str:
    """Where a sealed value stands: what its seal is bound to."""
    return f"{table}|{column}|{row_id_hex}|{key_version}"


_configured: list[Keyring] = []


def configure(ring: Keyring) -> None:
    """Gives the process its keys; entry points call it once."""
    _configured[:] = [ring]


def keyring() -> Keyring:
    """The process's keys.

    Raises: RuntimeError before `configure`.
    """
    if not _configured:
        raise RuntimeError("The keys of this process are not configured.")
    return _configured[0]
