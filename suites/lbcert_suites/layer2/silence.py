"""Whether addresses that nobody holds are silent: else nothing is shown by one that is not."""

from collections.abc import Sequence

from lbcert_fixtures.probes.layer2 import Asking
from lbcert_fixtures.testbeds import PreconditionUnmetError, Testbed

FREE = ("172.30.0.203", "fd00:30::203")
"""Addresses of the pools of layer 2 that no Service of these cases gets: the lowest are given first, and few are."""

LISTENING_SECONDS = 1.0


def insist_on_silence(testbed: Testbed, addresses: Sequence[str] = FREE) -> None:
    """Insist that nobody answers for addresses that nobody holds.

    Raises:
        PreconditionUnmetError: somebody does.
    """
    with Asking(testbed, "client", addresses, every=0.1) as asking:
        if asking.until(lambda rows: any(row["form"] != "asked" for row in rows), LISTENING_SECONDS):
            raise PreconditionUnmetError(f"{' or '.join(addresses)} is answered although nobody holds it")
