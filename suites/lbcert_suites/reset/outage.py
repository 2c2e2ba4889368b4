"""A time without the allocation controller."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from lbcert_fixtures.deployment import Deployment
from lbcert_fixtures.testbeds import Fault


@contextmanager
def controller_away(implementation: Deployment) -> Iterator[Fault]:
    """Scale the controller's workload to 0 until the context ends; gives the moment at which its last pod was gone."""
    testbed, component = implementation.testbed, implementation.profile.components.controller
    workload, namespace = f"{component.kind.lower()}/{component.name}", f"--namespace={implementation.namespace}"
    replicas = testbed.kubectl("get", workload, namespace, "--output=jsonpath={.spec.replicas}")
    began = time.time_ns()
    try:
        testbed.kubectl("scale", workload, namespace, "--replicas=0")
        testbed.kubectl("wait", "pod", namespace, f"--selector={component.selector}", "--for=delete", "--timeout=50s")
        yield Fault("controller-away", f"{implementation.namespace}/{component.name}", began, time.time_ns())
    finally:
        testbed.kubectl("scale", workload, namespace, f"--replicas={replicas}")
        implementation.await_ready()
