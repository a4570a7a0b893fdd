"""Pure decisions: access tokens, refresh tokens, throttling, passwords, and what one role is against another.

An access token is a JWT (HS256) with exactly the claims and headers that `encode` writes. After the signature has been
verified, the token is written anew from its claims and must be equal byte for byte: repeated claims, further headers
and other spellings of the same content are refused without being looked for one by one.
"""

import enum
import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from salonos.kernel.permissions import ROLES, Permission, RoleRights, wider_than_own

ACCESS_TOKEN_LIFE = timedelta(minutes=15)
ACCESS_TOKEN_CHARACTERS_MAX = 1024
REFRESH_TOKEN_IDLE = timedelta(days=7)
SESSION_LIFE = timedelta(days=30)
SHARED_DEVICE_IDLE = timedelta(hours=12)
"""A tablet that everybody uses: whoever was signed in yesterday is not today."""
LOST_RESPONSE_GRACE = timedelta(seconds=10)
CLOCK_LEEWAY = timedelta(seconds=10)
"""How far the clocks of two API processes may lie apart: so far ahead a token may have been issued. Its end is its end."""

OWNER = "OWNER"
USERNAME_CHARACTERS_MIN, USERNAME_CHARACTERS_MAX = 3, 64
PASSWORD_CHARACTERS_MIN, PASSWORD_CHARACTERS_MAX = 8, 128
DISPLAY_NAME_CHARACTERS_MAX = 100
DEVICE_NAME_CHARACTERS_MAX = 100
DEVICE_ID_CHARACTERS_MIN, DEVICE_ID_CHARACTERS_MAX = 16, 128
SESSIONS_MAX = 20
"""Live sessions of one person; a further one ends the longest unused."""
BRANCHES_MAX = 100
TABLETS_MAX = 100
"""Enrolled at one branch."""
ROLE_NAME_CHARACTERS_MAX = 50

# --- access tokens

_ALGORITHM = "HS256"
_TYPE = "at+jwt"
_ISSUER = "salonos"
_AUDIENCE = "salonos/graphql"
_CLAIMS = ("exp", "iat", "nbf", "iss", "aud", "sub", "jti", "sid", "ver")
_DECODER = jwt.PyJWT(options={"enforce_minimum_key_length": True})
_INSTANT_MAX = 2**33


@dataclass(frozen=True)
class TokenKey:
    """A key of access tokens and the name by which a token's header says which key it was signed with."""

    key: bytes

    @property
    def kid(self) -> str:
        """Sixteen hex digits of the key's hash."""
        return hashlib.sha256(b"kid" + self.key).hexdigest()[:16]


@dataclass(frozen=True)
class Claims:
    """What an access token says. `version` is that of the person's rights when it was issued."""

    staff_id: UUID
    session_id: UUID
    token_id: UUID
    version: int
    issued_at: datetime
    expires_at: datetime


class TokenRefused(Exception):  # noqa: N818  a decision
    """This is no access token of ours, or not for now. `is_expired` says that it was one until its time ended."""

    def __init__(self, *, is_expired: bool = False) -> None:
        super().__init__("not an access token")
        self.is_expired = is_expired


def new_claims(*, staff_id: UUID, session_id: UUID, token_id: UUID, version: int, now: datetime) -> Claims:
    """The claims of a token issued now; its instants are whole seconds."""
    issued_at = now.replace(microsecond=0)
    return Claims(staff_id, session_id, token_id, version, issued_at, issued_at + ACCESS_TOKEN_LIFE)


def encode(claims: Claims, key: TokenKey) -> str:
    """The access token with these claims: the same one each time."""
    payload = {
        "iss": _ISSUER,
        "aud": _AUDIENCE,
        "sub": claims.staff_id.hex,
        "sid": claims.session_id.hex,
        "jti": claims.token_id.hex,
        "ver": claims.version,
        "iat": int(claims.issued_at.timestamp()),
        "nbf": int(claims.issued_at.timestamp()),
        "exp": int(claims.expires_at.timestamp()),
    }
    return jwt.encode(payload, key.key, algorithm=_ALGORITHM, headers={"kid": key.kid, "typ": _TYPE})


def decode(token: str, key: TokenKey, *, now: datetime) -> Claims:
    """The claims of an access token.

    Times are compared here and not by PyJWT, so that a set clock holds for them too.

    Raises: TokenRefused for everything that `encode` did not write under this key, and outside its time.
    """
    if len(token) > ACCESS_TOKEN_CHARACTERS_MAX or not token.isascii():
        raise TokenRefused
    try:
        decoded = _DECODER.decode_complete(
            token,
            key.key,
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            issuer=_ISSUER,
            options={
                "require": list(_CLAIMS),
                "strict_aud": True,
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
        claims = _claims(decoded["payload"])
    except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise TokenRefused from error
    if not hmac.compare_digest(encode(claims, key), token):
        raise TokenRefused
    if claims.issued_at > now + CLOCK_LEEWAY or claims.expires_at - claims.issued_at != ACCESS_TOKEN_LIFE:
        raise TokenRefused
    if claims.expires_at <= now:
        raise TokenRefused(is_expired=True)
    return claims


def _claims(payload: Mapping[str, Any]) -> Claims:
    return Claims(
        staff_id=UUID(hex=_text(payload["sub"])),
        session_id=UUID(hex=_text(payload["sid"])),
        token_id=UUID(hex=_text(payload["jti"])),
        version=_whole(payload["ver"]),
        issued_at=datetime.fromtimestamp(_whole(payload["iat"]), UTC),
        expires_at=datetime.fromtimestamp(_whole(payload["exp"]), UTC),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value


def _whole(value: object) -> int:
    if type(value) is not int or not 0 <= value < _INSTANT_MAX:
        raise ValueError("not a whole number in range")
    return value


# --- refresh tokens


class Refresh(enum.Enum):
    """What becomes of a refresh token that was sent to us."""

    ROTATE = "ROTATE"
    """It is the live one: it is used up, and its successor made."""
    REPEAT = "REPEAT"
    """Its successor was made a moment ago, for this device, and the response got lost: the same successor again."""
    ENDED = "ENDED"
    """The session is over: signed out, disabled, or too long unused."""
    STOLEN = "STOLEN"
    """Somebody else has used it, or holds it: nobody can tell which of the two is the thief, so both are out."""


@dataclass(frozen=True)
class RefreshFacts:
    """A refresh token and its session as they lie in the database. Devices are keyed hashes."""

    generation: int
    expires_at: datetime
    used_at: datetime | None
    used_by: bytes | None
    session_generation: int
    session_expires_at: datetime
    bound_to: bytes | None
    """The device, where the session began with a device id."""
    is_ended: bool


def refresh_decision(facts: RefreshFacts, *, now: datetime, device: bytes) -> Refresh:
    """What to do with a refresh token that a device sent.

    A response is repeated only for the device that used the token, only for the immediate parent of the live token, and
    only for ten seconds. Whoever comes later, or with an older one, has somebody else's token.
    """
    if facts.is_ended or facts.session_expires_at <= now:
        return Refresh.ENDED
    if facts.bound_to is not None and facts.bound_to != device:
        return Refresh.STOLEN
    if facts.used_at is None:
        return Refresh.ROTATE if facts.expires_at > now else Refresh.ENDED
    is_parent_of_live = facts.generation == facts.session_generation - 1
    is_recent = now - facts.used_at <= LOST_RESPONSE_GRACE
    return Refresh.REPEAT if is_parent_of_live and is_recent and facts.used_by == device else Refresh.STOLEN


class SessionEnd(enum.Enum):
    """Why a session is over."""

    SIGNED_OUT = "SIGNED_OUT"
    STOLEN = "STOLEN"
    PASSWORD_CHANGED = "PASSWORD_CHANGED"  # noqa: S105  a reason, not a password
    DISABLED = "DISABLED"
    TOO_MANY_DEVICES = "TOO_MANY_DEVICES"
    PIN_CHANGED = "PIN_CHANGED"
    ANOTHER_SIGNED_IN = "ANOTHER_SIGNED_IN"
    TABLET_REVOKED = "TABLET_REVOKED"


class Notice(enum.Enum):
    """What the owner is told of."""

    SESSION_STOLEN = "SESSION_STOLEN"
    PIN_BLOCKED = "PIN_BLOCKED"


def token_hash(token: str) -> bytes:
    """All that is stored of a refresh token."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()


def seal_successor(successor: str, *, parent: str, key: bytes) -> bytes:
    """The successor, to be read only by who has the parent and our key."""
    nonce = os.urandom(12)
    return nonce + AESGCM(_successor_key(parent, key)).encrypt(nonce, successor.encode(), None)


def open_successor(sealed: bytes, *, parent: str, key: bytes) -> str:
    """The successor of a parent.

    Raises: ValueError when it is another one's.
    """
    try:
        return AESGCM(_successor_key(parent, key)).decrypt(sealed[:12], sealed[12:], None).decode()
    except (InvalidTag, ValueError) as error:
        raise ValueError("not this parent's successor") from error


def _successor_key(parent: str, key: bytes) -> bytes:
    return hmac.new(key, parent.encode(), hashlib.sha256).digest()


# --- throttling

LOCKED_FOR = timedelta(days=3650)


@dataclass(frozen=True)
class Count:
    """What is kept of a bucket's failures; attempts before `retry_at` are refused, and not counted.

    `last_at` is when the latest failed; of a quota, since when the earliest that is left is being forgotten.
    """

    failures: int
    last_at: datetime
    retry_at: datetime
    kept_until: datetime


@dataclass(frozen=True)
class Throttle:
    """How fast guesses are let through: some at once, then each failure doubles the wait up to a bound."""

    free: int
    wait_max: timedelta
    first_wait: timedelta = timedelta(seconds=1)
    forgotten_after: timedelta = timedelta(hours=24)
    """How long after the latest failure they count no more."""

    @property
    def is_lock(self) -> bool:
        """Whether time alone opens it no more."""
        return self.first_wait == LOCKED_FOR

    def wait_after(self, failures: int) -> timedelta:
        """How long after this many failures in a row the next attempt is refused."""
        if failures < self.free:
            return timedelta(0)
        doublings = min(failures - self.free, 20)
        return timedelta(seconds=min(self.first_wait.total_seconds() * 2**doublings, self.wait_max.total_seconds()))

    def after_failure(self, count: Count, *, now: datetime) -> Count:
        """One more."""
        failures = 1 if now > count.last_at + self.forgotten_after else count.failures + 1
        return Count(failures, now, now + self.wait_after(failures), now + self.forgotten_after)


@dataclass(frozen=True)
class Quota:
    """How many wrong guesses are looked at, whatever is right in between: some at once, one more for each forgotten.

    In any 24 hours at most `at_once + a_day - 1`. A lock is closed for good by the last that was at once.
    """

    at_once: int
    a_day: int
    """How many are forgotten in a day, one after the other."""
    is_lock: bool = False

    def after_failure(self, count: Count, *, now: datetime) -> Count:
        """One more."""
        every = timedelta(days=1) / self.a_day
        forgotten = min(max((now - count.last_at) // every, 0), count.failures)
        left = count.failures - forgotten
        last_at = count.last_at + forgotten * every if left else now
        failures = left + 1
        if failures < self.at_once:
            return Count(failures, last_at, now, last_at + failures * every)
        if self.is_lock:
            return Count(failures, last_at, now + LOCKED_FOR, now + LOCKED_FOR)
        return Count(failures, last_at, last_at + every, last_at + failures * every)


ACCOUNT_THROTTLE = Throttle(free=5, wait_max=timedelta(minutes=30))
"""Of one account in a row, from one device or session that it knows, or from all strangers together."""

STRANGERS_A_DAY = Quota(at_once=25, a_day=20)
"""Of one account's password, whatever is right in between, from all devices together that it does not know."""
TABLETS_A_DAY = Quota(at_once=10, a_day=8)
"""The same, from all enrolled tablets together."""
KNOWN_A_DAY = Quota(at_once=20, a_day=20)
"""The same, from all devices and sessions together that it knows. Added up, a hundred wrong guesses in any 24 hours."""
DEVICE_A_DAY = Quota(at_once=10, a_day=10)
"""The same, from one of these: nobody who has got hold of one shuts the others out with it."""

ADDRESS_THROTTLE = Throttle(free=40, wait_max=timedelta(minutes=5))
"""Of strangers' devices at one address, over all accounts: a salon's tablets share one."""

PIN_TRIES = 5
PIN_THROTTLE = Throttle(free=PIN_TRIES, first_wait=LOCKED_FOR, wait_max=LOCKED_FOR, forgotten_after=LOCKED_FOR)
"""Of one person's PIN, on all tablets together: five tries, then the password, whose success opens it again."""

PINS_A_DAY = Quota(at_once=12, a_day=6, is_lock=True)
"""Of one person's PIN, on all tablets together, also when it was right in between: a colleague who tries four each time
before its person signs in. It closes like the five in a row."""

TABLET_THROTTLE = Throttle(free=20, wait_max=timedelta(minutes=5))
"""Of one enrolled tablet, over the PINs and passwords of all people."""


# --- passwords

_COMMON_WORDS = """
password passwort passcode pass passw0rd secret letmein welcome admin administrator root user guest test testing
tester demo default changeme master manager owner login signin qwerty qwertyuiop qwertz azerty asdfgh asdfghjkl
zxcvbn zxcvbnm qazwsx iloveyou loveyou lovely sunshine princess dragon monkey football cricket baseball basketball
superman batman spiderman shadow michael jordan jennifer jessica charlie daniel hunter killer soccer hockey
freedom whatever trustno computer internet samsung android iphone google facebook instagram whatsapp youtube
abcdef abcdefg abcdefgh abcd abc alphabet abcabc hello hellohello summer winter spring autumn monday tuesday
wednesday thursday friday saturday sunday january february august september october november december
india bharat mumbai delhi newdelhi kolkata chennai bangalore bengaluru hyderabad pune ahmedabad jaipur lucknow
karnataka kerala tamilnadu maharashtra gujarat punjab hindustan jaihind vandemataram
krishna ganesh ganesha shiva mahadev jaishreeram shreeram sairam omsairam hanuman lakshmi saraswati allah jesus
sachin dhoni virat kohli bollywood
salon salonos saloon mysalon beauty beautiful beautyparlour beautyparlor parlour parlor spa barber barbershop
hairsalon hair haircut haircare hairstyle hairstylist stylist stylish style styling makeup bridal mehendi mehndi
facial manicure pedicure waxing threading massage scissors shampoo conditioner keratin lipstick nails nailart
receptionist reception accountant accounts staff cashier billing counter tablet branch customer
"""
_COMMON = frozenset(_COMMON_WORDS.split())
_LOOKALIKES = str.maketrans("@4301!5$7", "aaeoiisst")
_KEY_ROWS = ("01234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm")
_AROUND_WORDS = "0123456789 !@#$%^&*()-_=+.,;:?/'\"~`|<>[]{}\\"
_OWN_WORD_CHARACTERS_MIN = 4
_LISTED_CHARACTERS_MIN = 4
_PHONE_DIGITS_MAX = 12


class PasswordFault(enum.Enum):
    """Why a password is not accepted; the value is the sentence for the person who chose it."""

    TOO_SHORT = f"A password has at least {PASSWORD_CHARACTERS_MIN} characters."
    TOO_LONG = f"A password has at most {PASSWORD_CHARACTERS_MAX} characters."
    TOO_COMMON = "This password is among the first that others would try."


def password_fault(
    password: str, *, own_words: Iterable[str] = (), listed: frozenset[str] = frozenset()
) -> PasswordFault | None:
    """Why a new password is refused; None when it is good. Any characters will do, none is demanded.

    `own_words` are the person's names: a password made of one is the first guess of whoever knows them. `listed` are
    the `listed_cores` of passwords that became known elsewhere.
    """
    if len(password) < PASSWORD_CHARACTERS_MIN:
        return PasswordFault.TOO_SHORT
    if len(password) > PASSWORD_CHARACTERS_MAX:
        return PasswordFault.TOO_LONG
    own = {core for word in own_words if len(word) >= _OWN_WORD_CHARACTERS_MIN for core in _cores(word)}
    is_date_or_phone_number = password.isdecimal() and len(password) <= _PHONE_DIGITS_MAX
    cores = _cores(password)
    is_first_guess = not (cores.isdisjoint(_COMMON) and cores.isdisjoint(own) and cores.isdisjoint(listed))
    if is_date_or_phone_number or is_first_guess or _is_walk(password.casefold()):
        return PasswordFault.TOO_COMMON
    return None


def listed_cores(passwords: Iterable[str]) -> frozenset[str]:
    """What a list of known passwords refuses: each in any spelling, and with whatever digits and signs around it."""
    cores = (core for password in passwords for core in _cores(password))
    return frozenset(core for core in cores if len(core) >= _LISTED_CHARACTERS_MIN)


def _cores(password: str) -> set[str]:
    """What is left of a password with letters for their lookalikes, and without the digits and signs around it."""
    folded = password.casefold()
    bare = folded.strip(_AROUND_WORDS)
    return {
        "".join(letter for letter in text.translate(_LOOKALIKES) if letter.isalnum()) for text in (folded, bare)
    } - {""}


def _is_walk(text: str) -> bool:
    """Whether it repeats a short piece, or walks along a row of keys, the alphabet or the digits."""
    if any(text == (text[:size] * len(text))[: len(text)] for size in range(1, min(5, len(text) // 2 + 1))):
        return True
    rows = [*_KEY_ROWS, *(row[::-1] for row in _KEY_ROWS)]
    return any(text in row * 2 for row in rows)


# --- PINs

PIN_DIGITS_MIN, PIN_DIGITS_MAX = 4, 6
_KEYPAD_PINS = frozenset(
    [
        "2580",
        "0852",
        "1397",
        "3179",
        "7139",
        "9713",
        "1379",
        "9731",
        "1793",
        "3971",
        "1245",
        "2356",
        "4578",
        "5689",
        "1478",
        "3698",
        "1236",
        "7896",
        "7412",
        "9632",
        "147258",
        "258369",
        "369258",
        "258147",
        "159357",
        "357159",
        "159753",
        "753159",
        "147369",
        "147963",
        "123654",
        "321456",
        "456789",
        "789456",
        "741852",
        "852963",
    ]
)
_YEARS = range(1900, 2100)


class PinFault(enum.Enum):
    """Why a PIN is not accepted; the value is the sentence for the person who chose it."""

    NOT_DIGITS = f"A PIN has {PIN_DIGITS_MIN} to {PIN_DIGITS_MAX} digits."
    TOO_COMMON = "This PIN is among the first that others would try: no rows, no repetitions, no dates."


def pin_fault(pin: str) -> PinFault | None:
    """Why a new PIN is refused; None when it is good."""
    if not (pin.isascii() and pin.isdecimal() and PIN_DIGITS_MIN <= len(pin) <= PIN_DIGITS_MAX):
        return PinFault.NOT_DIGITS
    if _is_walk(pin) or _is_doubled(pin) or _is_like_a_date(pin) or pin in _KEYPAD_PINS:
        return PinFault.TOO_COMMON
    return None


def _is_doubled(pin: str) -> bool:
    """1122, 1221, 445566: halves that mirror one another, or pairs of the same digit; and all but one the same."""
    pairs = all(first == second for first, second in zip(pin[::2], pin[1::2], strict=False)) and len(pin) % 2 == 0
    return pairs or pin == pin[::-1] or len(set(pin)) <= 2  # noqa: PLR2004  two digits are as good as one


def _is_like_a_date(pin: str) -> bool:
    """A year, a day with its month, or both with the year: birthdays are known to colleagues."""
    if len(pin) == 4:  # noqa: PLR2004  day and month
        return int(pin) in _YEARS or _is_day(pin[:2], pin[2:]) or _is_day(pin[2:], pin[:2])
    if len(pin) == 6:  # noqa: PLR2004  with two digits of the year, or month and year
        first, second, third = pin[:2], pin[2:4], pin[4:]
        days = ((first, second), (second, first), (third, second))
        return any(_is_day(day, month) for day, month in days)
    return False


def _is_day(day: str, month: str) -> bool:
    return 1 <= int(day) <= 31 and 1 <= int(month) <= 12  # noqa: PLR2004  of a calendar


# --- approvals

APPROVAL_LIFE = timedelta(minutes=5)


class ApprovalAction(enum.Enum):
    """What somebody may be asked to approve."""

    BILL_DISCOUNT = "BILL_DISCOUNT"


@dataclass(frozen=True)
class ApprovalRule:
    """Which permission the approver holds, for more than own work, and whether it may be for a request of their own."""

    permission: Permission
    is_own_allowed: bool = False


APPROVALS: Mapping[ApprovalAction, ApprovalRule] = {
    ApprovalAction.BILL_DISCOUNT: ApprovalRule(Permission.BILL_DISCOUNT_APPROVE),
}


# --- roles

BUILT_IN_ROLE_IDS: Mapping[str, UUID] = {
    name: UUID(f"00000000-0000-7000-8000-{number:012d}") for number, name in enumerate(ROLES, start=1)
}
"""The ids under which the migration wrote the built-in roles."""


def missing_for(actor: RoleRights, granted: RoleRights) -> frozenset[Permission]:
    """The permissions that a person with `actor`'s rights can't grant, since they lack them or hold them for own work."""
    whole_work = actor.permissions - actor.own
    return (granted.permissions - granted.own - whole_work) | (granted.own - actor.permissions)


def rights_of(permissions: Iterable[str], own: Iterable[str]) -> RoleRights:
    """Rights as they are stored; names that this release does not know grant nothing.

    Nor does what would reach further than own work: a role that was stored before that was refused.
    """
    known = Permission.__members__
    held = frozenset(known[name] for name in permissions if name in known)
    rights = RoleRights(held, held & frozenset(known[name] for name in own if name in known))
    wider = {part for _, part in wider_than_own(rights)}
    return RoleRights(rights.permissions - wider, rights.own - wider)


def stored(permissions: Iterable[Permission]) -> list[str]:
    """A set of permissions as a role keeps it: names in the order of the permissions, each once."""
    held = frozenset(permissions)
    return [permission.name for permission in Permission if permission in held]


def permissions_markdown(roles: Mapping[str, RoleRights]) -> str:
    """A table of roles and permissions for people, in the order of the permissions."""
    lines = ["| permission | " + " | ".join(name.lower() for name in roles) + " |", "|---" * (len(roles) + 1) + "|"]
    for permission in Permission:
        cells = " | ".join(_cell(permission, rights) for rights in roles.values())
        lines.append(f"| {permission.value} | {cells} |")
    return "\n".join(lines) + "\n"


def _cell(permission: Permission, rights: RoleRights) -> str:
    if permission in rights.own:
        return "own"
    return "✓" if permission in rights.permissions else "–"
