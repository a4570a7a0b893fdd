"""Text that people typed: made safe once, where it comes in, and compared in one normal form."""

import unicodedata

_LINE_BREAKS = frozenset("\n\t")
_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_INVISIBLE = frozenset("\u200b\u2060\ufeff")
BYTES_PER_CHARACTER_MAX = 4


def safe_text(value: str, *, characters_max: int, is_multiline: bool = False) -> str:
    """The text in NFC without white space around it.

    Zero-width joiners stay, since Indian scripts need them; combining marks are bounded by the length.

    Raises: ValueError, with a sentence for the person who typed it, for text longer than `characters_max` and for
    NUL, control characters, surrogates, invisible spaces and marks that turn the direction of writing.
    """
    if len(value) > characters_max * 4:
        raise ValueError(f"This is longer than {characters_max} characters.")
    text = unicodedata.normalize("NFC", value).strip()
    for character in text:
        if is_multiline and character in _LINE_BREAKS:
            continue
        if unicodedata.category(character) in {"Cc", "Cs", "Cn", "Co"} or character in _BIDI_CONTROLS | _INVISIBLE:
            raise ValueError("This holds characters that can't be printed.")
    if len(text) > characters_max:
        raise ValueError(f"This is longer than {characters_max} characters.")
    return text


def login_key(username: str) -> str:
    """The form in which sign-in names are compared and kept unique."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", username).casefold()).strip()


def search_key(name: str) -> str:
    """The form in which names are searched: without case, compatibility forms and double spaces."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).split())


def like_prefix(text: str) -> str:
    """A LIKE pattern for what begins with the text, whose own wildcards stand for themselves (escape is the backslash)."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"{escaped}%"
