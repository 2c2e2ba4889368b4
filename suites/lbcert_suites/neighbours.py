"""What clients and routers know of the segment: nothing when a case begins."""

from lbcert_fixtures.testbeds import Testbed


def forget_neighbours(testbed: Testbed) -> None:
    """Empty the neighbour caches of clients and routers.

    Any node forwards what is sent to it. So a client that learnt an address from the case before reaches a Service that
    nobody announces, for as long as TCP confirms the entry.
    """
    cluster = {"control-plane", *(node.name for node in testbed.nodes)}
    for place in testbed.places:
        if place not in cluster:
            testbed.run(place, ["ip", "neigh", "flush", "all"])
