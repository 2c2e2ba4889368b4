"""Whether addresses that nobody holds are silent: else nothing is shown by one that is not."""

from collections.abc import Collection

from lbcert_fixtures.probes.layer2 import Asking
from lbcert_fixtures.testbeds import IPAddress, PreconditionUnmetError, Testbed
from lbcert_suites.layer2.addresses import expanded

POOL = ("172.30.0.200-172.30.0.206", "fd00:30::200-fd00:30::206")
"""Addresses that the pools of all these cases have in common; no case holds all of them."""

LISTENING_SECONDS = 1.0


def insist_on_silence(testbed: Testbed, held: Collection[IPAddress]) -> None:
    """Insist that nobody answers for an address of the pool that nobody holds, of each family.

    Args:
        testbed: where.
        held: the addresses that Services hold.

    Raises:
        PreconditionUnmetError: somebody does.
    """
    taken = {str(address) for address in held}
    free = [next(each for each in reversed(expanded(entry)) if each not in taken) for entry in POOL]
    with Asking(testbed, "client", free, every=0.1) as asking:
        if asking.until(lambda rows: any(row["form"] != "asked" for row in rows), LISTENING_SECONDS):
            raise PreconditionUnmetError(f"{' or '.join(free)} is answered although nobody holds it")
