"""What a profile asks for and will not get, though it is no mistake: better said before a run than found after it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from lbcert_fixtures.profiles import CAPABILITIES, Profile
from lbcert_fixtures.profiles.problems import KeyPath, Problem
from lbcert_fixtures.profiles.vocabulary import DECLARED
from lbcert_suites.catalogue import catalogue
from lbcert_tools import scope
from lbcert_tools.planning import Case, covered


def remarks(profile: Profile, cases: Sequence[Case], day: date) -> list[Problem]:
    """What is of no consequence in a profile, each with its place.

    Args:
        profile: the profile.
        cases: all cases there are.
        day: the day of the run.
    """
    found = [*_claims(profile, cases), *_capabilities(profile, cases), *_expected_failures(profile, cases, day)]
    return [profile.locator.problem(place, message) for place, message in found]


def _claims(profile: Profile, cases: Sequence[Case]) -> Iterator[tuple[KeyPath, str]]:
    tested = _certified(profile, cases)
    applied = _certified(profile, (case for case in cases if not profile.lacks(case.needs)))
    place = ("conformance", "claims")
    if silent := [claim for claim in profile.claims if claim not in tested]:
        yield place, f"claimed, but no case yet: {', '.join(silent)}"
    if closed := [claim for claim in profile.claims if claim in tested - applied]:
        yield place, f"claimed, but no case applies with these capabilities: {', '.join(closed)}"


def _certified(profile: Profile, cases: Iterable[Case]) -> set[str]:
    """The conformance profiles about which some cases can say something."""
    concerned = scope.concerned(covered(cases), profile.implementation.mode)
    return {name for each in concerned for name in each.certificates}


def _capabilities(profile: Profile, cases: Sequence[Case]) -> Iterator[tuple[KeyPath, str]]:
    tested, needed = covered(cases), {need for case in cases for need in case.needs}
    silent = [
        name
        for name in DECLARED
        if name in profile.capabilities and name not in needed and tested.isdisjoint(CAPABILITIES[name].opens)
    ]
    if silent:
        yield ("capabilities",), f"declared, but no case yet: {', '.join(silent)}"


def _expected_failures(profile: Profile, cases: Sequence[Case], day: date) -> Iterator[tuple[KeyPath, str]]:
    mode = profile.implementation.mode
    for position, failure in enumerate(profile.expected_failures.values()):
        name, place = failure.requirement, ("expected-failures", position)
        needs = [profile.lacks(case.needs) for case in cases if name in case.requirements]
        if not failure.holds(day):
            yield (*place, "until"), f"{name}: was expected to fail until {failure.until}, and counts as any other now"
        if not needs:
            yield place, f"{name}: no case of this suite is about it, so nothing will come of it"
        elif not catalogue()[name].concerns(mode):
            yield place, f"{name}: does not concern the mode {mode}, so nothing will come of it"
        elif all(needs):
            fewest = min(needs, key=len)
            yield place, f"{name}: is not tested without {', '.join(fewest)}, so nothing will come of it"
