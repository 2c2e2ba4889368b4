"""The announcing pod of a node: removed so that it stays away, killed so that it comes back at once."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import kubernetes.client

from lbcert_fixtures.cluster import Cluster
from lbcert_fixtures.deployment import Deployment
from lbcert_fixtures.kubernetes.client import watch
from lbcert_fixtures.profiles.declaration import Component
from lbcert_fixtures.testbeds import Fault, PreconditionUnmetError, Testbed, TestbedError

_TAINT = "lbcert/no-speaker"
_START_BUDGET_SECONDS = 60.0


@dataclass
class Speakers:
    """Removes and kills announcing pods.

    Attributes:
        testbed: where.
        cluster: the case's.
        implementation: whose pods.
        component: the announcing one.
    """

    testbed: Testbed
    cluster: Cluster
    implementation: Deployment
    component: Component
    _tainted: set[str] = field(default_factory=set)

    def remove(self, node: str) -> Fault:
        """Delete the pod on a node, which is tainted so that it stays away: the pod has time to say goodbye.

        Raises:
            PreconditionUnmetError: the pod tolerates every taint, so nothing keeps it away.
        """
        name = self.implementation.pod_on(self.component, node)
        (pod,) = (each for each in self.implementation.pods(self.component) if each.metadata.name == name)
        if any(not each.key and each.operator == "Exists" for each in pod.spec.tolerations or []):
            raise PreconditionUnmetError(f"{name} tolerates every taint: nothing keeps it away from its node")
        self.testbed.kubectl("taint", "node", node, f"{_TAINT}=:NoSchedule")
        self._tainted.add(node)
        began = time.time_ns()
        self.cluster.delete_pod(name, self.implementation.namespace)
        return Fault("speaker-removal", node, began, time.time_ns(), {"pod": name, "taint": _TAINT})

    def readmit(self, fault: Fault) -> None:
        """Take the taint away, and wait until a new pod runs."""
        self.testbed.kubectl("taint", "node", fault.target, f"{_TAINT}-")
        self._tainted.discard(fault.target)
        self._await_another(fault.target, fault.proof["pod"])

    def kill(self, node: str) -> Fault:
        """SIGKILL the announcing container on a node; the kubelet starts it again."""
        name = self.implementation.pod_on(self.component, node)
        return self.testbed.kill_pod(self.implementation.namespace, name, self.component.container)

    def restart(self, node: str) -> Fault:
        """Delete the pod on a node, and wait until another runs in its place."""
        name, began = self.implementation.pod_on(self.component, node), time.time_ns()
        self._replace(name, node)
        return Fault("speaker-restart", node, began, time.time_ns(), {"pod": name})

    def await_restart(self, fault: Fault) -> None:
        """Wait until the kubelet has started the container again that was killed.

        Raises:
            TestbedError: it has not.
        """
        name, container = fault.target.rpartition("/")[2], self.component.container

        def is_again(pod: Any) -> bool:
            statuses = pod.status.container_statuses or []
            return any(each.name == container and each.restart_count and each.state.running for each in statuses)

        self._await_pod(is_again, f"container {container} of {name} was not started again", f"metadata.name={name}")

    def replace(self, fault: Fault) -> None:
        """Replace the pod that was killed, because the kubelet lets one that ends again wait longer each time."""
        name = fault.target.rpartition("/")[2]
        (pod,) = (each for each in self.implementation.pods(self.component) if each.metadata.name == name)
        self._replace(name, pod.spec.node_name)

    def reconnect(self, fault: Fault) -> None:
        """Join the link of a node that was cut off, and replace its pod, so that it meets the others at once."""
        self.testbed.heal(fault)
        self._replace(self.implementation.pod_on(self.component, fault.target), fault.target)

    def restore(self) -> None:
        """Take away the taints that a case has left."""
        for node in sorted(self._tainted):
            self.testbed.kubectl("taint", "node", node, f"{_TAINT}-")
            self._await_another(node, "")

    def _replace(self, name: str, node: str) -> None:
        self.cluster.delete_pod(name, self.implementation.namespace)
        self._await_another(node, name)

    def _await_another(self, node: str, other_than: str) -> None:
        def is_another(pod: Any) -> bool:
            return bool(pod.metadata.name != other_than and pod.status.phase == "Running")

        self._await_pod(is_another, f"no new pod of the speaker ran on {node}", f"spec.nodeName={node}")

    def _await_pod(self, wanted: Callable[[Any], bool], missing: str, fields: str) -> None:
        """Wait until a pod of the component is as wanted, among those with certain fields.

        Raises:
            TestbedError: none is in time; says what is missing.
        """
        listing = kubernetes.client.CoreV1Api(self.testbed.api).list_namespaced_pod
        where = {"namespace": self.implementation.namespace, "label_selector": self.component.selector}
        for kind, pod in watch(listing, _START_BUDGET_SECONDS, **where, field_selector=fields):
            if kind != "DELETED" and wanted(pod):
                return
        raise TestbedError(missing)
