"""BGP sessions that an earlier case left behind."""

from collections.abc import Sequence
from typing import Final

from lbcert_fixtures.probes.sessions import Session, SessionWatch
from lbcert_fixtures.testbeds import PreconditionUnmetError, Testbed

CLOSING_SECONDS: Final = 20.0
"""How long sessions of an earlier case may take to close: as long as the slowest built-in profile may take for a change
of what it announces."""

AGAIN_SECONDS: Final = 2.0
"""How long is waited for that once it was in vain."""


def are_closed(rows: Sequence[Session]) -> bool:
    """No session is established."""
    return "Established" not in {row["peer"]: row["state"] for row in rows}.values()


class Leftovers:
    """Sessions with the router that nobody declares any more.

    An implementation that does not close them fails the case that is about it. Over sessions that are left from a
    case before, others would see nothing of what they announce.
    """

    def __init__(self) -> None:
        self._are_known_to_end = False
        self._budget = CLOSING_SECONDS

    def until_closed(self, testbed: Testbed) -> bool:
        """Wait until no session is open; returns whether that came."""
        with SessionWatch(testbed, "router") as sessions:
            were_open = not are_closed(sessions.rows())
            closed = sessions.until(are_closed, self._budget)
        self._are_known_to_end |= were_open and closed
        self._budget = CLOSING_SECONDS if closed else AGAIN_SECONDS
        return closed

    def insist(self, testbed: Testbed) -> None:
        """Insist that the implementation closes sessions, until it was once seen to.

        To wait each time would cost an implementation that gathers changes several seconds before each case.

        Raises:
            PreconditionUnmetError: sessions are open.
        """
        if not self._are_known_to_end and not self.until_closed(testbed):
            raise PreconditionUnmetError("sessions of an earlier case are still open, long after their BGPPeer is gone")
