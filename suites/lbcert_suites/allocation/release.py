"""Whether a deleted Service's address goes to one that waits: else nothing is shown by another that has to wait on."""

from lbcert_fixtures.cluster import Cluster
from lbcert_suites.allocation.conditions import warned

_ONE_ADDRESS = ("10.98.9.1/32", "fd00:98:9::1/128")


def insist_on_release(cluster: Cluster, family: str) -> None:
    """Insist that a Service that waits for any address gets the one of a Service that is deleted.

    Raises:
        PreconditionUnmetError: it does not in the declared time.
    """
    cluster.pool(*_ONE_ADDRESS, name="one-address")
    cluster.serve("first-in-queue", families=family)
    with cluster.watch_events() as events:
        second = cluster.serve("second-in-queue", families=family, wait=False)
        events.until(warned(second), cluster.profile.timers.assignment)
    cluster.delete_service("first-in-queue")
    cluster.await_address(second, budget=cluster.profile.timers.assignment)
    cluster.delete_service("second-in-queue")
    cluster.unconfigure("IPAddressPool", "one-address")
