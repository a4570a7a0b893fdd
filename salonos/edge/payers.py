"""Whose budget pays for what a stranger asks, so that no stranger can spend what the salon signs in and refreshes with.

A stranger is an address, and a salon's guests and tablets often share one. So what asks to sign in is paid apart from all
else that the address asks; and once half of that is spent, whoever presents a secret that is known here pays alone. Until
then nothing is asked of the database.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from salonos.edge.budget import Budget
from salonos.graph import errors
from salonos.graph.limits import Limits
from salonos.identity.queries import Identity, Presented
from salonos.kernel.addresses import address_key

SIGN_IN = "sign-in"
CHARACTERS_MAX = 256
"""No secret of ours, and no name, is longer."""
_NAMES = {
    "refreshToken": "refresh_token",
    "tabletToken": "tablet_token",
    "deviceId": "device_id",
    "username": "username",
}
_WRITTEN = re.compile(rf"""\b({"|".join(_NAMES)})\s*:\s*(?:"([^"\\]*)"|\$(\w+))""")
"""A secret in a document: as it is, or the variable that holds it."""


@dataclass(eq=False)
class Payers:
    """Finds the budgets of one process's strangers."""

    identity: Identity
    budget: Budget

    async def of_stranger(self, query: str, variables: Mapping[str, Any], address: str) -> str:
        """What pays for an operation that came without a token.

        It is told by the text, since reading that is charged too: whoever writes a sign-in into another operation gains
        nothing but to have it paid from where sign-ins of the address are paid.
        """
        key = address_key(address)
        if not any(name in query for name in Limits.once):
            return key
        shared = f"{key}|{SIGN_IN}"
        if not self.budget.is_low(shared):
            return shared
        given = dict(presented(query, variables))
        if not given:
            return shared
        try:
            known = await self.identity.known_client(Presented(**given))
        except Exception as error:
            if errors.is_outage(error):
                return shared
            raise
        return known or shared


def presented(query: str, variables: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The secrets, and whose they are, in the variables, in an input among them, or in the document itself."""
    written = _WRITTEN.findall(query)
    found = [(name, variables.get(variable) if variable else literal) for name, literal, variable in written]
    for given in (variables, *variables.values()):
        if isinstance(given, dict):
            found += [(name, given.get(name)) for name in _NAMES]
    for name, text in found:
        if isinstance(text, str) and len(text) <= CHARACTERS_MAX:
            yield _NAMES[name], text
