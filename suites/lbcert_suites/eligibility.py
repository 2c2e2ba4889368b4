"""Which nodes may announce: by labels, by Kubernetes' label for that, and by a condition of the node."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import kubernetes.client

from lbcert_fixtures.testbeds import Testbed

EXCLUDED: Final = "node.kubernetes.io/exclude-from-external-load-balancers"
"""Kubernetes' own label for nodes that get no traffic from load balancers, with whatever value."""

ROLE: Final = "lbcert/role"
"""The label by which cases select nodes."""

FIRST, SECOND = "first", "second"

SELECTORS: Final[list[Mapping[str, Any]]] = [
    {"matchLabels": {ROLE: FIRST}},
    {"matchExpressions": [{"key": ROLE, "operator": "In", "values": [SECOND]}]},
]
"""Two selectors of which either may select a node."""


@dataclass
class Eligibility:
    """Sets what is said of nodes; all of it is taken back by `restore`.

    Attributes:
        testbed: whose nodes.
    """

    testbed: Testbed
    _labels: dict[str, set[str]] = field(default_factory=dict)
    _unavailable: frozenset[str] = frozenset()

    def label(self, name: str, values: Mapping[str, str]) -> None:
        """Have these nodes have this label, with a value each, and no others."""
        for node in sorted(self._labels.get(name, set()) - values.keys()):
            self.testbed.kubectl("label", "node", node, f"{name}-")
        for node, value in values.items():
            self.testbed.kubectl("label", "node", node, f"{name}={value}", "--overwrite")
        self._labels[name] = set(values)

    def cut(self, nodes: Collection[str]) -> None:
        """Have these nodes' network said to be unavailable, and no others'."""
        core = kubernetes.client.CoreV1Api(self.testbed.api)
        for node in sorted(self._unavailable.symmetric_difference(nodes)):
            said = {
                "type": "NetworkUnavailable",
                "status": str(node in nodes),
                "reason": "lbcert",
                "message": "said so",
            }
            core.patch_node_status(node, {"status": {"conditions": [said]}})
        self._unavailable = frozenset(nodes)

    def restore(self) -> None:
        """Take everything back."""
        for name in list(self._labels):
            self.label(name, {})
        self.cut(())
