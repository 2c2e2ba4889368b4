"""With what a run begins: its requirements, its plan and its profile, as this suite writes them.

A certification journals it. `check` holds what a run says of its beginning against it, since all that a certificate
says is said of the requirements that the run names: whoever leaves out the failed ones has a better one.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from lbcert_fixtures.profiles import Profile, ProfileError
from lbcert_fixtures.profiles.profile import parse
from lbcert_fixtures.profiles.vocabulary import CAPABILITIES, DECLARED
from lbcert_fixtures.testbeds.families import DUAL, FAMILIES
from lbcert_reports.coherence import Finding, planned, shortened
from lbcert_reports.journal import Event
from lbcert_reports.rejudge import Rejudged
from lbcert_reports.report import claimed
from lbcert_reports.verdicts import profiles_of
from lbcert_suites.catalogue import Requirement, catalogue
from lbcert_tools import environment
from lbcert_tools.planning import PlanError, all_cases, choose, covered

_NAMED_BY_PLACE: Final = frozenset({"name", "path"})
"""What the text of a profile does not say of it."""


@dataclass(frozen=True)
class Checked:
    """What holding a run's beginning against this suite came to.

    Attributes:
        findings: what does not hold.
        unchecked: what could not be held against this suite, each with the reason.
        other: which other suite made the run, and which this is; empty if it was this one, or that is not known.
    """

    findings: tuple[Finding, ...] = ()
    unchecked: tuple[str, ...] = ()
    other: str = ""


def expected_failures(profile: Profile, day: date) -> dict[str, str]:
    """The failures that a profile declares and that have not expired on a day: requirement to reason."""
    return {each.requirement: each.reason for each in profile.expected_failures.values() if each.holds(day)}


def concerned(covered: Collection[str], mode: str) -> list[Requirement]:
    """The requirements in scope of a run: those that a case covers, and that concern the implementation's mode."""
    return [each for name, each in catalogue().items() if name in covered and each.concerns(mode)]


def declaration(profile: Profile, tested: Collection[str], expected: Mapping[str, str]) -> dict[str, Any]:
    """What the journal carries about a profile.

    Args:
        profile: the profile.
        tested: the conformance profiles of which a requirement is in scope.
        expected: the failures that it declares.
    """
    implementation = profile.implementation
    return {
        "name": profile.name,
        "organization": implementation.organization,
        "project": implementation.project,
        "product": implementation.name,
        "url": implementation.url,
        "version": implementation.version,
        "mode": implementation.mode,
        "contact": list(implementation.contact),
        "conformance": [claim for claim in profile.claims if claim in tested],
        "capabilities": sorted(profile.capabilities),
        "timers": {name: getattr(profile.timers, name) for name in profile.timers.__dataclass_fields__},
        "images": {name: source.model_dump(mode="json") for name, source in profile.images.items()},
        "manifests": [manifest.origin for manifest in profile.install.manifests],
        "expected_failures": dict(expected),
        "path": profile.path,
        "sha256": profile.sha256,
    }


def named(suite: Mapping[str, Any]) -> str:
    """A suite for people: its version, and its commit if there is one."""
    commit = str(suite.get("commit", ""))[:12]
    about = ", ".join([*([commit] if commit else []), *(["modified"] if suite.get("modified") else [])])
    return f"{suite.get('version', 'unknown')}{f' ({about})' if about else ''}"


def _is_same(suite: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
    """Whether two suites are one: neither has changes that no commit holds."""
    facts = ("version", "commit", "catalogueVersion")
    return not (suite.get("modified") or ours["modified"]) and all(suite.get(each) == ours[each] for each in facts)


def check(again: Rejudged) -> Checked:
    """Hold the beginning of a run that was judged again against this suite, as far as that is the one that made it."""
    suite, ours = again.suite, environment.suite()
    same = _is_same(suite, ours)
    other = f"made by suite {named(suite)}, this is {named(ours)}" if suite and not same else ""
    if again.start is None:
        return Checked(other=other)
    findings: list[Finding] = []
    unchecked = []
    if suite.get("catalogueVersion") == ours["catalogueVersion"]:
        findings += _requirements(again.start)
    else:
        versions = suite.get("catalogueVersion"), ours["catalogueVersion"]
        unchecked.append("requirements not checked: of catalogue {}, this is {}".format(*versions))
    if same:
        findings += _plan(again.start)
    else:
        unchecked.append(f"scope not checked: {other or 'nothing is said of the suite'}")
    if again.profile:
        try:
            findings += _profile(again.start, again.profile, whole=same)
        except ProfileError as error:
            if same:
                findings.append(Finding("profile.toml", f"is no profile: {error}"))
            else:
                unchecked.append(f"profile.toml not checked, this suite cannot read it: {error}".splitlines()[0])
    return Checked(tuple(findings), tuple(unchecked), other)


def _requirements(start: Event) -> Iterator[Finding]:
    """Requirements that are not those of the catalogue."""
    for name, told in start["requirements"].items():
        if name not in catalogue():
            yield Finding(f"requirement {name}", "is none of the catalogue")
            continue
        for field, text in catalogue()[name].plain().items():
            if told.get(field) != text:
                yield Finding(
                    f"requirement {name}",
                    f"its {field} is {shortened(told.get(field))}, the catalogue has {shortened(text)}",
                )


def _plan(start: Event) -> Iterator[Finding]:
    """Cases and requirements that a run with these options does not have, or has and does not name."""
    options, cases = start["options"], all_cases()
    only, trials = options.get("only"), options.get("trials")
    try:
        chosen = choose(
            cases,
            [only] if isinstance(only, str) else [],
            quick=options.get("quick") is True,
            everything=options.get("all") is True,
            trials=trials if isinstance(trials, int) else None,
        )
    except PlanError as error:
        yield Finding("run-started", f"its options are none of this suite: {error}")
        return
    try:
        able = CAPABILITIES.keys() & claimed(start["profile"])
    except TypeError:  # what is wrong with them is found where the profile is compared
        able = set()
    families = FAMILIES.get(str(start["testbed"].get("families")), FAMILIES[DUAL])
    told, due = planned(start), {case.case: case.within(able, families).plain() for case in chosen}
    for name in dict.fromkeys([*due, *told]):
        if name not in told:
            yield Finding(name, "is not in the plan, and the options ask for it")
        elif name not in due:
            yield Finding(name, "is in the plan, and the options do not ask for it")
        else:
            for field, value in due[name].items():
                if (said := told[name].get(field)) != value:
                    yield Finding(name, f"the plan has {shortened(said)} as its {field}, the suite {shortened(value)}")
    in_scope = {each.id for each in concerned(covered(cases), str(start["profile"].get("mode")))}
    for name in sorted(in_scope - start["requirements"].keys()):
        yield Finding(f"requirement {name}", "is not in scope of the run, and the suite has a case about it")
    for name in sorted(start["requirements"].keys() - in_scope):
        yield Finding(f"requirement {name}", "is in scope of the run, and the suite has no case about it")


def _profile(start: Event, text: str, *, whole: bool) -> Iterator[Finding]:
    """What a run says of its profile and profile.toml does not.

    Args:
        start: how the run begins.
        text: profile.toml.
        whole: whether the journal has to carry all that this suite carries, or another one might carry less.

    Raises:
        ProfileError: if the text is no profile.
    """
    told = start["profile"]
    path = str(told.get("path"))
    profile = parse(text, Path(path if path.endswith(".toml") else f"{told.get('name')}.toml"))
    tested = {name for each in start["requirements"].values() if "profile" in each for name in profiles_of(each)}
    day = datetime.fromtimestamp(start.t // 10**9, UTC).date()
    declared = declaration(profile, tested, expected_failures(profile, day))
    follows: dict[str, Any] = json.loads(json.dumps(declared))
    for field, value in follows.items():
        said = told.get(field)
        if field in _NAMED_BY_PLACE or not (whole or field in told):
            continue
        if field == "timers" and not whole and isinstance(said, Mapping):
            said, value = ({name: each.get(name) for name in said.keys() & value.keys()} for each in (said, value))
        if field == "capabilities" and not whole and isinstance(said, list):
            # It may not have known one that is derived, and then had no case that needs it.
            known = [*DECLARED, *(need for each in start["plan"] for need in _listed(each.get("needs")))]
            said, value = ([name for name in each if name in known] for each in (said, value))
        if said != value:
            yield Finding(
                "run-started", f"its profile has {shortened(said)} as {field}, profile.toml says {shortened(value)}"
            )


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []
