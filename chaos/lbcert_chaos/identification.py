"""Which implementation runs in a cluster: told, or recognised by its workloads."""

import json
from typing import Any

from lbcert_fixtures.profiles import Profile, built_in, load
from lbcert_fixtures.testbeds import Testbed


class UnidentifiedError(Exception):
    """No profile fits what runs in the cluster, or the one that was named does not."""


def identify(testbed: Testbed, named: str) -> Profile:
    """The profile of the implementation that runs in a cluster.

    Args:
        testbed: whose cluster.
        named: a profile, by name or path; empty for the built-in one whose workloads and images are there.

    Raises:
        UnidentifiedError: none fits, or the named one does not.
        ProfileError: the named one has mistakes.
    """
    running = _containers(testbed)
    if named:
        profile = load(named)
        if problem := _misfit(profile, running):
            raise UnidentifiedError(f"LBCERT_PROFILE: {named} does not fit what runs in {testbed.name}: {problem}")
        return profile
    fitting = [profile for profile in map(load, built_in()) if not _misfit(profile, running)]
    if not fitting:
        raise UnidentifiedError(
            f"no built-in profile fits what runs in {testbed.name}; deploy one with 'lbcert lab up --profile NAME', "
            "or name yours with LBCERT_PROFILE"
        )
    # metallb-native fits wherever metallb-frr does: the one that explains more of what runs is meant
    return max(fitting, key=lambda profile: len(_named(profile)))


def _named(profile: Profile) -> set[tuple[str, str, str]]:
    """Kind, name and container of every component."""
    parts = profile.components
    components = [parts.controller, parts.speaker, *([parts.session] if parts.session else [])]
    return {(part.kind, part.name, part.container) for part in components}


def _containers(testbed: Testbed) -> dict[str, set[tuple[str, str, str]]]:
    """Kind, name and container of every workload, by namespace."""
    listed = json.loads(testbed.kubectl("get", "deployments,daemonsets,statefulsets", "-A", "--output=json"))
    found: dict[str, set[tuple[str, str, str]]] = {}
    for thing in listed["items"]:
        meta: dict[str, Any] = thing["metadata"]
        for container in thing["spec"]["template"]["spec"]["containers"]:
            found.setdefault(meta["namespace"], set()).add((thing["kind"], meta["name"], container["name"]))
    return found


def _misfit(profile: Profile, running: dict[str, set[tuple[str, str, str]]]) -> str:
    """What of a profile is not there, in words; empty if all of it is."""
    missing = _named(profile) - running.get(profile.install.namespace, set())
    said = [f"{kind} {profile.install.namespace}/{name} with container {each}" for kind, name, each in sorted(missing)]
    return f"there is no {', no '.join(said)}" if said else ""
