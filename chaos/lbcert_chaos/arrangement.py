"""The Services and backends that an experiment disturbs.

One Service is announced in layer 2 and one over BGP, as far as the implementation can do both. Behind them stands a
Deployment of one echo pod for each node, bound to it: so a pod that is evicted waits for its node, the label of each
says on which nodes it is *not*, and a rolling restart is a real one.
"""

import json
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final

from lbcert_chaos.bench import NAMESPACE, Bench
from lbcert_fixtures.annotations import ADDRESS_POOL
from lbcert_fixtures.cluster import ECHO_RESOURCES, ranges_of, stack_of
from lbcert_fixtures.images.own import ECHO
from lbcert_fixtures.probes.sessions import SessionWatch
from lbcert_fixtures.testbeds import PreconditionUnmetError

LAYER2_POOL: Final = ("172.30.0.220-172.30.0.223", "fd00:30::220-fd00:30::223")
BGP_POOL: Final = ("10.98.0.0/29", "fd00:98::/125")

VANTAGE: Final = {"layer2": "client", "bgp": "far-client"}
"""From where each Service is used: on the nodes' segment, and behind the router that learns its routes."""

_ROLLOUT_BUDGET_SECONDS: Final = 60
_SLOW_START_SECONDS: Final = 3
_LAST_REQUESTS_SECONDS: Final = 5
"""How long a pod goes on serving after it was told to end: until every node has taken it out of its rules."""


def arrange(bench: Bench) -> None:
    """Make what the experiment disturbs, and wait until it has its addresses.

    Raises:
        PreconditionUnmetError: the implementation gives no address, or opens no sessions.
        TestbedError: the backends do not become ready.
    """
    _remove_what_was_left(bench)
    # The backends first: while they start, the library of the Kubernetes API is loaded, which takes as long.
    bench.lab.kubectl("apply", "--filename=-", stdin=json.dumps(_backends(bench)))
    able = bench.profile.capabilities
    families = bench.cluster.families if "dual-stack" in able else bench.cluster.families[:1]
    if "layer2" in able:
        bench.cluster.pool(*ranges_of(families, LAYER2_POOL), name="chaos-layer2")
        bench.cluster.announce_layer2("chaos-layer2", ipAddressPools=["chaos-layer2"])
    if "bgp" in able:
        _announce_bgp(bench)
    await_backends(bench)
    announced = [family for family in families if family in bench.profile.bgp_families]
    for mode, stack in (("layer2", families), ("bgp", announced)):
        if mode in able:
            bench.services[mode] = bench.cluster.serve(
                mode,
                policy=bench.choice.policy,
                families=stack_of(stack),
                annotations={ADDRESS_POOL: f"chaos-{mode}"},
            )


def _remove_what_was_left(bench: Bench) -> None:
    """The namespaces of experiments that were killed; those that are going already hold no addresses any more."""
    listed = json.loads(bench.lab.kubectl("get", "namespaces", "--field-selector=status.phase=Active", "--output=json"))
    names = [each["metadata"]["name"] for each in listed["items"]]
    if left := [name for name in names if name.startswith(NAMESPACE)]:
        bench.lab.kubectl("delete", "namespace", *left, "--wait")


def _announce_bgp(bench: Bench) -> None:
    families = bench.profile.bgp_families
    bench.cluster.pool(*ranges_of(families, BGP_POOL), name="chaos-bgp")
    bench.cluster.announce_bgp("chaos-bgp", ipAddressPools=["chaos-bgp"])
    peers = [getattr(node, family) for node in bench.lab.nodes for family in families]
    with SessionWatch(bench.lab, "router") as sessions:
        for family in families:
            bench.cluster.peer("router", family, name=f"chaos-router-{family}")
        if not sessions.until_established(peers, bench.profile.timers.bgp_session):
            raise PreconditionUnmetError(
                f"no BGP sessions with all nodes within {bench.profile.timers.bgp_session:g} s of the BGPPeer"
            )


def await_backends(bench: Bench) -> None:
    """Wait until a pod serves on every node.

    Raises:
        TestbedError: it does not within a minute.
    """
    for node in bench.lab.nodes:
        bench.lab.kubectl(
            *("rollout", "status", f"deployment/echo-{node.name}", f"--namespace={bench.namespace}"),
            f"--timeout={_ROLLOUT_BUDGET_SECONDS}s",
            timeout=_ROLLOUT_BUDGET_SECONDS + 5,
        )


def clear_away(bench: Bench) -> None:
    """Take away what was arranged: Services first, while their configuration still stands."""
    with bench.cluster:
        pass
    everything = ("--all", f"--namespace={bench.namespace}", "--wait=false")
    bench.lab.kubectl("delete", "deployments,replicasets", "--cascade=orphan", *everything)
    bench.lab.kubectl("delete", "pods", "--grace-period=1", *everything)
    bench.lab.kubectl("delete", "namespace", bench.namespace, "--wait=false")


def backend_address(bench: Bench) -> IPv4Address | IPv6Address:
    """The address of a backend's own, which clients of the lab can reach without the load balancer."""
    listed = bench.lab.kubectl("get", "pods", f"--namespace={bench.namespace}", "--output=json")
    return ip_address(json.loads(listed)["items"][0]["status"]["podIP"])


def backends(bench: Bench) -> dict[str, str]:
    """The backends that run and are not told to end: pod name to node name."""
    running = "--field-selector=status.phase=Running"
    listed = bench.lab.kubectl("get", "pods", f"--namespace={bench.namespace}", running, "--output=json")
    return {
        pod["metadata"]["name"]: pod["spec"]["nodeName"]
        for pod in json.loads(listed)["items"]
        if "deletionTimestamp" not in pod["metadata"]
    }


def spare(bench: Bench, node: str) -> None:
    """Take the backends on one node out of every Service: what dies with the node is then not Kubernetes' to lose."""
    for service in bench.services.values():
        bench.cluster.spare(service, node)


def _backends(bench: Bench) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": bench.namespace}},
            *(_backend(node.name, bench) for node in bench.lab.nodes),
        ],
    }


def _backend(node: str, bench: Bench) -> dict[str, Any]:
    others = [each.name for each in bench.lab.nodes if each.name != node]
    labels = {"app": "echo", "node": node} | {f"not-on-{each}": "yes" for each in others}
    probe = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1}
    if bench.choice.policy == "Local":  # a backend that takes a while to start, so that its node has none meanwhile
        probe["initialDelaySeconds"] = _SLOW_START_SECONDS
    container = {
        "name": "echo",
        "image": ECHO,
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
        "resources": ECHO_RESOURCES,
        "ports": [{"containerPort": 8080}, {"containerPort": 8081}],
        "readinessProbe": probe,
        "lifecycle": {"preStop": {"sleep": {"seconds": _LAST_REQUESTS_SECONDS}}},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"echo-{node}", "namespace": bench.namespace, "labels": {"app": "echo"}},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "echo", "node": node}},
            # the old pod ends before the new one starts, so that its node has none for a while
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "nodeSelector": {"kubernetes.io/hostname": node},
                    "terminationGracePeriodSeconds": _LAST_REQUESTS_SECONDS + 5,
                    "containers": [container],
                },
            },
        },
    }
