"""Nodes that are excluded from load balancing by Kubernetes' own label, while they go on working."""

import time
from dataclasses import dataclass, field

from lbcert_fixtures.testbeds import Fault, Testbed
from lbcert_suites.eligibility import EXCLUDED


@dataclass
class Exclusion:
    """Puts the label on nodes and takes it off again.

    Attributes:
        testbed: where.
        excluded: the nodes that have it.
    """

    testbed: Testbed
    excluded: set[str] = field(default_factory=set)

    def exclude(self, node: str) -> Fault:
        """Exclude a node."""
        self.excluded.add(node)
        return self._label("node-exclude", node, f"{EXCLUDED}=")

    def readmit(self, node: str) -> Fault:
        """Take a node back."""
        fault = self._label("node-readmit", node, f"{EXCLUDED}-")
        self.excluded.discard(node)
        return fault

    def _label(self, name: str, node: str, change: str) -> Fault:
        began = time.time_ns()
        said = self.testbed.kubectl("label", "node", node, change, "--overwrite")
        return Fault(name, node, began, time.time_ns(), {"kubectl": said.strip()})
