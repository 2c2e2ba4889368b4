"""Actions: each injects one fault and returns the proof that it happened.

A fault is stated by its effect: ``began`` and ``effective`` are the times just before and just after the call that
makes it visible, in nanoseconds of CLOCK_REALTIME, and ``proof`` is what was seen of it. What does not heal by itself
is healed by the rollback `recovery.heal`.
"""

import json
import time
from collections.abc import Callable
from typing import Any, Final

import kubernetes.client

from lbcert_chaos import arrangement
from lbcert_chaos.bench import Bench, current
from lbcert_fixtures.kubernetes.client import watch
from lbcert_fixtures.patience import let_last
from lbcert_fixtures.profiles import Component
from lbcert_fixtures.testbeds import Fault, PreconditionUnmetError, TestbedError

_REPLACED_BUDGET_SECONDS: Final = 120.0
_DRAIN_BUDGET_SECONDS: Final = 120


def spare_node(node: str) -> dict[str, Any]:
    """Take the backends on a node out of the Services, so that only the load balancer can lose what is lost.

    Args:
        node: its name, or ``announcing``.
    """
    bench = current()
    name = bench.node(node)
    arrangement.spare(bench, name)
    bench.observers.await_spared(name)
    return {"node": name}


def power_off_node(node: str) -> dict[str, Any]:
    """Switch a node off: its link goes first, so that nothing says goodbye.

    Args:
        node: its name, or ``announcing``.

    Raises:
        BenchError: there is no such node.
        PreconditionUnmetError: nobody answers for the address, so that no node is announcing.
        TestbedError: something on it still runs.
    """
    bench = current()

    def switch_on(fault: Fault) -> int:
        healed = bench.lab.heal(fault)
        # until its kubelet is back, Kubernetes takes everything on the node for as ready as it was
        _await_ready(
            bench.profile.components.speaker,
            lambda pod: pod.spec.node_name == fault.target and _started_since(pod, fault.effective),
        )
        return healed

    return _proved(bench.inject(bench.lab.power_off(bench.node(node)), switch_on))


def pause_node(node: str, seconds: float) -> dict[str, Any]:
    """Stop every process of a node for a while, whose kernel goes on answering and forwarding.

    Args:
        node: its name, or ``announcing``.
        seconds: how long.

    Raises:
        BenchError: there is no such node.
        PreconditionUnmetError: nobody answers for the address, so that no node is announcing.
        TestbedError: its processes do not stop, or it is not ready afterwards.
    """
    bench = current()
    bench.inject(bench.lab.pause_node(bench.node(node)), bench.lab.heal)
    let_last(seconds)
    return _heal_last()


def reboot_node(node: str) -> dict[str, Any]:
    """Switch a node off and at once on again, so that it may be back before anybody has missed it.

    Args:
        node: its name, or ``announcing``.

    Raises:
        BenchError: there is no such node.
        PreconditionUnmetError: nobody answers for the address, or no speaker is ready there within two minutes.
        TestbedError: it does not go off, or does not come back.
    """
    power_off_node(node)
    return _heal_last()


def drain_node(node: str) -> dict[str, Any]:
    """Cordon a node and evict every pod on it that no DaemonSet keeps there.

    Args:
        node: its name, or ``announcing``.

    Raises:
        TestbedError: it takes longer than two minutes, or pods are left.
    """
    bench = current()
    name = bench.node(node)
    began = time.time_ns()
    bench.lab.kubectl("cordon", name)
    effective = time.time_ns()
    before = _evictable(bench, name)
    bench.inject(Fault("node-drain", name, began, effective, {"evicted": before}), _uncordon)
    options = ("--ignore-daemonsets", "--delete-emptydir-data", "--force", f"--timeout={_DRAIN_BUDGET_SECONDS}s")
    bench.lab.kubectl("drain", name, *options, timeout=_DRAIN_BUDGET_SECONDS + 10)
    if left := _evictable(bench, name):
        raise TestbedError(f"{name} was drained but still runs {', '.join(left)}")
    return bench.faults[-1].row()


def _uncordon(fault: Fault) -> int:
    bench = current()
    bench.lab.kubectl("uncordon", fault.target)
    healed = time.time_ns()
    arrangement.await_backends(bench)
    return healed


def _evictable(bench: Bench, node: str) -> list[str]:
    listed = json.loads(
        bench.lab.kubectl("get", "pods", "-A", f"--field-selector=spec.nodeName={node}", "--output=json")
    )
    return [
        f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        for pod in listed["items"]
        if all(owner["kind"] != "DaemonSet" for owner in pod["metadata"].get("ownerReferences", []))
    ]


def restart_speaker(node: str) -> dict[str, Any]:
    """Delete the speaker's Pod on a node, which tells it to end, and wait until another is ready in its place.

    Args:
        node: its name, or ``announcing``.

    Raises:
        BenchError: there is no such node.
        PreconditionUnmetError: nobody answers for the address, or no other pod is ready within two minutes.
        TestbedError: no speaker runs there.
    """
    bench = current()
    speaker = bench.profile.components.speaker
    return _restart("speaker-restart", speaker, bench.deployment.pod_on(speaker, bench.node(node)))


def restart_controller() -> dict[str, Any]:
    """Delete the controller's Pod and wait until another is ready in its place.

    Raises:
        PreconditionUnmetError: no other pod is ready within two minutes.
        TestbedError: no controller runs.
    """
    bench = current()
    controller = bench.profile.components.controller
    return _restart("controller-restart", controller, _living(bench, controller))


def _restart(name: str, component: Component, pod: str) -> dict[str, Any]:
    bench = current()
    before = {each.metadata.uid for each in bench.deployment.pods(component)}
    began = time.time_ns()
    bench.cluster.delete_pod(pod, bench.deployment.namespace)
    effective = time.time_ns()
    new = _await_ready(component, lambda each: each.metadata.uid not in before)
    proof = {"deleted": pod, "replaced_by": new}
    return _proved(bench.inject(Fault(name, pod, began, effective, proof), healed=time.time_ns()))


def kill_speaker(node: str) -> dict[str, Any]:
    """SIGKILL every process of the speaker's container on a node, and wait until the kubelet has started it again.

    Args:
        node: its name, or ``announcing``.

    Raises:
        BenchError: there is no such node.
        PreconditionUnmetError: nobody answers for the address, or it is not started again within two minutes.
        TestbedError: no speaker runs there.
    """
    bench = current()
    speaker = bench.profile.components.speaker
    pod = bench.deployment.pod_on(speaker, bench.node(node))
    restarts = {each.metadata.name: _restarts(each, speaker) for each in bench.deployment.pods(speaker)}
    killed = bench.lab.kill_pod(bench.deployment.namespace, pod, speaker.container)
    _await_ready(
        speaker, lambda each: each.metadata.name == pod and _restarts(each, speaker) > restarts[each.metadata.name]
    )
    proof = {**killed.proof, "restarts": restarts[pod] + 1}
    fault = Fault("speaker-kill", pod, killed.began, killed.effective, proof)
    return _proved(bench.inject(fault, healed=time.time_ns()))


def _living(bench: Bench, component: Component) -> str:
    """A pod of a component that is not told to end.

    Raises:
        TestbedError: there is none.
    """
    for pod in bench.deployment.pods(component):
        if pod.metadata.deletion_timestamp is None:
            name: str = pod.metadata.name
            return name
    raise TestbedError(f"{component.kind} {component.name} has no pod")


def _started_since(pod: Any, t: int) -> bool:
    """Whether every container of a pod was started after a time, ns; the API tells seconds."""
    statuses = pod.status.container_statuses or []
    return bool(statuses) and all(
        each.state.running and each.state.running.started_at.timestamp() >= t // 10**9 for each in statuses
    )


def _restarts(pod: Any, component: Component) -> int:
    statuses = pod.status.container_statuses or []
    return sum(each.restart_count for each in statuses if each.name == component.container)


def _await_ready(component: Component, wanted: Callable[[Any], bool]) -> str:
    """Wait until a pod of a component is wanted and ready; returns its name.

    Raises:
        PreconditionUnmetError: there is none within two minutes.
    """
    bench = current()
    listing = kubernetes.client.CoreV1Api(bench.lab.api).list_namespaced_pod
    for kind, pod in watch(
        listing, _REPLACED_BUDGET_SECONDS, namespace=bench.deployment.namespace, label_selector=component.selector
    ):
        conditions = pod.status.conditions or []
        if kind != "DELETED" and wanted(pod) and any(c.type == "Ready" and c.status == "True" for c in conditions):
            name: str = pod.metadata.name
            return name
    raise PreconditionUnmetError(
        f"{component.kind} {component.name}: no new pod is ready within {_REPLACED_BUDGET_SECONDS:g} s"
    )


def restart_router(router: str = "router") -> dict[str, Any]:
    """Kill a router's FRR daemons, routes and all, and start them again as they were configured.

    Args:
        router: its name.

    Raises:
        TestbedError: its daemons do not come back.
    """
    bench = current()
    fault = bench.lab.restart_router(router)
    return _proved(bench.inject(fault, healed=fault.proof["restarted"]))


def flap_link(node: str, times: int, down: float, up: float) -> dict[str, Any]:
    """Cut the link of a node and join it again, several times.

    Args:
        node: its name, or ``announcing``.
        times: how often.
        down: how long it is cut, s.
        up: how long it is joined in between, s.

    Raises:
        BenchError: there is no such node.
        PreconditionUnmetError: nobody answers for the address, so that no node is announcing.
        TestbedError: the link is not back where it was.
    """
    bench = current()
    name = bench.node(node)
    rows = []
    for number in range(times):
        if number:
            let_last(up)
        bench.inject(bench.lab.cut_link(name), bench.lab.heal)
        let_last(down)
        rows.append(_heal_last())
    return {"flaps": rows}


def stop_api_server(seconds: float) -> dict[str, Any]:
    """SIGKILL the API server and leave it off for a while; the rollback starts it again.

    Args:
        seconds: how long at least until the method goes on.
    """
    bench = current()
    fault = bench.lab.stop_program("control-plane", "kube-apiserver")
    bench.inject(fault, bench.lab.heal)
    let_last(seconds)
    return _proved(fault)


def stop_kubelet(node: str, not_ready_within: float) -> dict[str, Any]:
    """SIGKILL a node's kubelet and wait until Kubernetes takes the node for not ready.

    Args:
        node: its name, or ``announcing``.
        not_ready_within: how long that may take, s; Kubernetes waits for the node's lease to be 50 s old.

    Raises:
        TestbedError: the node is taken for ready still.
    """
    bench = current()
    fault = bench.lab.stop_program(bench.node(node), "kubelet")
    bench.inject(fault, bench.lab.heal)
    bench.lab.kubectl(
        *("wait", f"node/{fault.target}", "--for=condition=Ready=Unknown", f"--timeout={not_ready_within:g}s"),
        timeout=not_ready_within + 5,
    )
    return _proved(fault) | {"not_ready": time.time_ns()}


def restart_backends() -> dict[str, Any]:
    """Restart the backends one after the other, each when its node is no longer announced, and wait for the last.

    A load balancer that gathers changes for seconds would not notice a restart that takes one. One that announces a
    node without a backend is waited for as long as an update may take, and is not what this is about.

    Raises:
        TestbedError: one is not replaced within a minute, or a pod of before is left.
    """
    bench = current()
    before = set(arrangement.backends(bench))
    began = time.time_ns()
    for node in bench.lab.nodes:
        scale = ("scale", f"deployment/echo-{node.name}", f"--namespace={bench.namespace}")
        bench.lab.kubectl(*scale, "--replicas=0")
        bench.observers.until_withdrawn(node, bench.profile.timers.bgp_update)
        bench.lab.kubectl(*scale, "--replicas=1")
        arrangement.await_backends(bench)
    after = set(arrangement.backends(bench))
    if before & after:
        raise TestbedError(f"these pods were not replaced: {', '.join(sorted(before & after))}")
    proof = {"before": sorted(before), "after": sorted(after)}
    fault = Fault("rolling-restart", "echo", began, began, proof)
    return _proved(bench.inject(fault, healed=time.time_ns()))


def _heal_last() -> dict[str, Any]:
    """Undo the fault that was injected last; what the journal says of it."""
    bench = current()
    last = bench.faults[-1]
    bench.heal(last)
    return last.row()


def _proved(fault: Fault) -> dict[str, Any]:
    """What the journal says of a fault."""
    return next(each.row() for each in current().faults if each.fault is fault)
