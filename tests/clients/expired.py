"""Prints the access token on standard input as it is twenty minutes later: the salon's own signature, and expired.

Clients have to be seen refreshing a token whose time is over, and nobody waits fifteen minutes for that.
"""

import sys
from dataclasses import replace
from datetime import timedelta

from salonos.identity import rules
from salonos.identity.queries import token_key
from salonos.kernel import clock, crypto
from salonos.settings import Settings

AGO = timedelta(minutes=20)


def main() -> None:
    """Reads a token, writes the other."""
    crypto.configure(crypto.Keyring(Settings.read().secret.encode()))
    claims = rules.decode(sys.stdin.read().strip(), token_key(), now=clock.utc_now())
    older = replace(claims, issued_at=claims.issued_at - AGO, expires_at=claims.expires_at - AGO)
    sys.stdout.write(rules.encode(older, token_key()))


if __name__ == "__main__":
    main()
