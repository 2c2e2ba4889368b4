"""The commands that a page offers to whoever wants to see for himself."""

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, Final

_PLACES: Final = ("--output", "--run-dir", "--lbcert-run-dir")
"""Options that say where a run goes: a run directory is used once, and it is on another's machine."""


def whole(report: Mapping[str, Any]) -> str:
    """The command of the run, with the seed that was drawn and without the place it wrote to."""
    command, seed = str(report["run"]["command"]), report["run"]["options"].get("seed")
    try:
        words = list(_without_place(shlex.split(command)))
    except ValueError:  # nobody's shell would take it
        return command
    if seed is not None and not any(re.match(r"--(lbcert-)?seed(=|$)", word) for word in words):
        words += ["--seed", str(seed)]
    return shlex.join(words)


def judged(bundle: str) -> str:
    """The command that judges a bundle again."""
    return shlex.join(["lbcert", "judge", bundle])


def _without_place(words: list[str]) -> Iterator[str]:
    left = iter(words)
    for word in left:
        option, equals, _ = word.partition("=")
        if option not in _PLACES:
            yield word
        elif not equals:
            next(left, "")


def alone(report: Mapping[str, Any], profile: str) -> str:
    """The command for a part of the run, made as the run was; what follows is the part.

    Args:
        report: the report.
        profile: the word by which the profile is known.
    """
    options, testbed = report["run"]["options"], report["environment"]["testbed"]
    image = testbed.get("node_image")
    told = {
        "--testbed": testbed.get("name"),
        "--nodes": testbed.get("nodes"),
        "--kubernetes": None if image else testbed.get("kubernetes"),
        "--node-image": "ARCHIVE" if image else None,
        "--proxy-mode": testbed.get("proxy_mode"),
        "--families": testbed.get("families"),
        "--engine": testbed.get("engine"),
        "--trials": options.get("trials"),
        "--seed": options.get("seed"),
    }
    words = ["lbcert", "certify", "--profile", profile, *(["--quick"] if options.get("quick") else [])]
    words += [str(word) for option, value in told.items() if value is not None for word in (option, value)]
    gates = dict(testbed.get("feature_gates", {}))
    words += [word for name, on in gates.items() for word in ("--feature-gate", f"{name}={str(on).lower()}")]
    return shlex.join(words)
