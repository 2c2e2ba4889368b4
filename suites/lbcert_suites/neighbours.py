"""What clients and routers know of the segment: nothing when a case begins."""

from lbcert_fixtures.testbeds import Testbed


def forget_neighbours(testbed: Testbed) -> None:
    """Empty the neighbour caches of every place but the nodes.

    Any node forwards what is sent to it. So a client that learnt an address from the case before reaches a Service that
    nobody announces, for as long as TCP confirms the entry.
    """
    nodes = {node.name for node in testbed.nodes}
    for place in testbed.places:
        if place not in nodes:
            testbed.run(place, ["ip", "neigh", "flush", "all"])
