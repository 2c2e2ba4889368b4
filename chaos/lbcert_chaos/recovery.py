"""Rollbacks: heal what still stands, and prove that the lab is as it was."""

from typing import Any, Final

from lbcert_chaos import arrangement
from lbcert_chaos.bench import current, is_set_up
from lbcert_chaos.steady_state import addresses_are_unchanged, implementation_is_ready, steady_state_returns
from lbcert_fixtures.testbeds import TestbedError

_READY_BUDGET_SECONDS: Final = 120


def heal() -> dict[str, Any]:
    """Undo every fault that stands, the latest first."""
    if not is_set_up():
        return {"healed": []}
    bench = current()
    standing = bench.standing()
    for injected in standing:
        bench.heal(injected)
    return {"healed": [each.row() for each in standing]}


def prove_as_before(within: float = 60.0) -> dict[str, Any]:
    """Make sure that nothing is left of the faults: in the lab, in Kubernetes, in the implementation, on the network.

    Args:
        within: how long the steady state may take to return after the last fault's effect, s.

    Raises:
        TestbedError: something is not as it was before the experiment, with what it is.
    """
    if not is_set_up():
        return {"mended": [], "returned": {}}
    bench = current()
    bench.lab.check()
    if mended := bench.lab.mend():
        raise TestbedError(f"the lab was not as before; what it took: {'; '.join(mended)}")
    bench.lab.await_nodes()
    if cordoned := bench.lab.kubectl("get", "nodes", "--field-selector=spec.unschedulable=true", "--output=name"):
        raise TestbedError(f"still cordoned: {' '.join(cordoned.split())}")
    parts = bench.profile.components
    for component in (parts.controller, parts.speaker):
        bench.lab.kubectl(
            *("rollout", "status", f"{component.kind}/{component.name}", f"--namespace={bench.deployment.namespace}"),
            f"--timeout={_READY_BUDGET_SECONDS}s",
            timeout=_READY_BUDGET_SECONDS + 5,
        )
        bench.lab.kubectl(
            *("wait", "pods", f"--selector={component.selector}", f"--namespace={bench.deployment.namespace}"),
            *("--for=condition=Ready", f"--timeout={_READY_BUDGET_SECONDS}s"),
            timeout=_READY_BUDGET_SECONDS + 5,
        )
    arrangement.await_backends(bench)
    returned = steady_state_returns(within)["returned"] if bench.faults else {}
    if missing := [name for name, after in returned.items() if after is None]:
        raise TestbedError(f"not steady {within:g} s after {bench.faults[-1].fault.name}: {', '.join(missing)}")
    for probe in (addresses_are_unchanged, implementation_is_ready):
        if (told := probe())["misses"]:
            raise TestbedError(f"not true any more: {probe.__name__.replace('_', ' ')}: {told}")
    # A controller that lost the API server asks for it again after up to half a minute: until then it assigns nothing.
    bench.cluster.serve("proof", families=bench.cluster.families[0])
    bench.cluster.delete_service("proof")
    return {"mended": [], "returned": returned}
