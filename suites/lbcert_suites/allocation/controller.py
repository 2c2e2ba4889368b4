"""The allocation controller as cases treat it: they end it, and see what it does when it is back."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice

from lbcert_fixtures import annotations
from lbcert_fixtures.cluster import Cluster
from lbcert_fixtures.deployment import Deployment
from lbcert_reports.recorder import CaseRecorder

SPARE = "spare"
"""The name of a pool that is left to those who ask for it."""

SPARE_RANGES = ("10.98.9.0/28", "fd00:98:9::/124")
"""What it has; no other pool of these cases has them."""

RETURN_SECONDS = 30.0
"""How long a controller may take to be back: Kubernetes makes, places and starts a pod, and it reads what there is."""


@dataclass(frozen=True)
class Controller:
    """The implementation's allocation controller.

    Attributes:
        implementation: whose.
        cluster: where.
        record: what is done to it is recorded here.
    """

    implementation: Deployment
    cluster: Cluster
    record: CaseRecorder

    def await_return(self, witness: str) -> None:
        """Wait until it gives out addresses again after its end: to a new Service, from the pool `SPARE`.

        Args:
            witness: the Service's name.

        Raises:
            PreconditionUnmetError: it does not.
        """
        (family, *_), pool = self.cluster.families, {annotations.ADDRESS_POOL: SPARE}
        service = self.cluster.serve(witness, families=family, annotations=pool, wait=False)
        assignment = self.implementation.profile.timers.assignment
        self.cluster.await_address(service, budget=RETURN_SECONDS + assignment)

    def pod(self) -> str:
        """The name of a pod of it that runs."""
        return self.implementation.running_pod(self.implementation.profile.components.controller)

    def delete(self) -> None:
        """Delete its pod and wait until it is gone; its workload makes a new one."""
        pod, namespace = self.pod(), self.implementation.namespace
        with self.record.act("controller-delete", f"{namespace}/{pod}"):
            self.cluster.delete_pod(pod, namespace)
            self.cluster.await_pod_gone(pod, namespace)

    def kill(self) -> None:
        """SIGKILL it; the kubelet starts it again in the same pod."""
        container = self.implementation.profile.components.controller.container
        self.record.fault(self.cluster.testbed.kill_pod(self.implementation.namespace, self.pod(), container))

    def ends(self, times: int) -> Iterator[Callable[[], None]]:
        """So many ways to end it: deleted and killed in turn.

        Never killed twice in one pod: before the second start the kubelet waits ten seconds and more.
        """
        return islice(cycle([self.delete, self.kill]), times)

    def roll_out(self) -> None:
        """Have its workload replace it as for an upgrade, and wait until it has."""
        component = self.implementation.profile.components.controller
        workload = f"{component.kind.lower()}/{component.name}"
        namespace = f"--namespace={self.implementation.namespace}"
        old = [pod.metadata.name for pod in self.implementation.pods(component)]
        with self.record.act("controller-rollout", workload):
            self.cluster.testbed.kubectl("rollout", "restart", workload, namespace)
            self.cluster.testbed.kubectl("rollout", "status", workload, namespace, timeout=120)
            for pod in old:  # one that ends may still be asked to admit what is configured next, and refuse it
                self.cluster.await_pod_gone(pod, self.implementation.namespace)
