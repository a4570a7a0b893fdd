"""What one operation knows while it is answered: who asks, where the data is, what was refused on the way."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from salonos.graph.directives import Denial
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database

if TYPE_CHECKING:
    from salonos.graph.execute import Engine


@dataclass(slots=True)
class RequestFacts:
    """What the edge tells of a request besides the operation. Nobody changes it any more once the engine has it.

    Not frozen, since that sets each field by a call, at every request.
    """

    id: str = ""
    idempotency_key: str | None = None
    address: str = ""
    user_agent: str = ""
    payer: str = ""
    """Whose budget pays when nobody is signed in."""


@dataclass
class Context:
    """One operation's context. It lives as long as the operation, holds no session, and nothing outlives it."""

    engine: "Engine"
    database: Database
    actor: Actor
    request: RequestFacts
    operation: Any = None
    """The operation under way (`execute.Operation`)."""
    variables: dict[str, Any] = field(default_factory=dict)
    """Its variables as they came."""
    denials: dict[str, Denial] = field(default_factory=dict)
    """One error for each coordinate that was denied inside payloads."""
    extensions: dict[str, Any] = field(default_factory=dict)
    """What the answer's `extensions` will say."""
    probes_reach: bool = False
    """Whether a payload's objects must all lie within reach for the answer to be sent: events."""
    is_within_reach: bool = True
    actor_names: frozenset[str] = frozenset()
    """Which of the actor's values the payload's plans bound."""
