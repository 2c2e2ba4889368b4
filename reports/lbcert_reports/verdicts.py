"""Verdicts, how they combine, and what certificate follows from them.

The lattice is short: what is unknown beats a pass, and a failure beats what is unknown. Nothing at all is
*not-run*; it is never a pass.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final


class Verdict(StrEnum):
    """What a judge, a case or a requirement came to."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    ERROR = "error"
    """the suite or the testbed broke: never said of the implementation"""
    INCONCLUSIVE = "inconclusive"
    NOT_RUN = "not-run"
    EXPECTED_FAILURE = "expected-failure"
    """failed, as the implementation's profile declares"""
    NOT_APPLICABLE = "not-applicable"
    """the implementation does not claim the capability, or the cluster has not the address family"""


_RANK: Final = {
    verdict: rank
    for rank, verdict in enumerate(
        (
            Verdict.NOT_APPLICABLE,
            Verdict.PASS,
            Verdict.EXPECTED_FAILURE,
            Verdict.NOT_RUN,
            Verdict.INCONCLUSIVE,
            Verdict.ERROR,
            Verdict.FAIL,
        )
    )
}


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict on a whole from the verdicts on its parts; not-run if there is no part.

    fail beats error beats inconclusive beats not-run beats expected-failure beats pass; not-applicable is neutral.
    """
    return max(verdicts, key=_RANK.__getitem__, default=Verdict.NOT_RUN)


def declared(verdict: Verdict, *, expected_failure: bool) -> Verdict:
    """The verdict in the light of the profile: a failure it declares is an expected failure."""
    return Verdict.EXPECTED_FAILURE if expected_failure and verdict is Verdict.FAIL else verdict


class Result(StrEnum):
    """What a certificate says of a conformance profile."""

    CONFORMANT = "conformant"
    DEVIATIONS = "conformant with deviations"
    NOT_CONFORMANT = "not conformant"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True)
class Certificate:
    """The statement on one conformance profile.

    Attributes:
        profile: ``core-l2``, ``core-bgp`` or ``extended-*``.
        result: the statement.
        verdicts: each requirement of the profile that was in scope, with its verdict.
        failed: MUSTs that failed, whether the profile declares them or not.
        deviations: SHOULDs that failed.
        unknown: MUSTs and SHOULDs of which nothing can be said.
        unexpected_passes: requirements that pass although the profile declares that they fail: the declaration is
            out of date, and until it is mended the certificate is undetermined.
    """

    profile: str
    result: Result
    verdicts: Mapping[str, Verdict]
    failed: tuple[str, ...] = ()
    deviations: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    unexpected_passes: tuple[str, ...] = field(default=())


def profiles_of(requirement: Mapping[str, Any]) -> tuple[str, ...]:
    """The conformance profiles to which a requirement belongs: ``core`` means both of L2 and BGP."""
    profile = str(requirement["profile"])
    return ("core-l2", "core-bgp") if profile == "core" else (profile,)


def certify(
    profile: str,
    requirements: Mapping[str, Mapping[str, Any]],
    verdicts: Mapping[str, Iterable[Verdict]],
    *,
    finished: bool,
    expected_failures: Iterable[str] = (),
) -> Certificate:
    """Make the statement on one conformance profile.

    Args:
        profile: ``core-l2``, ``core-bgp`` or ``extended-*``.
        requirements: all requirements in scope, by id, each with ``level`` and ``profile``. One that no case
            judged is not-run, and leaves the certificate undetermined.
        verdicts: for each requirement the judges' verdicts.
        finished: whether the run came to its end; an interrupted one is never conformant.
        expected_failures: ids of the requirements that the implementation's profile declares to fail.
    """
    declarations = frozenset(expected_failures)
    scope = {name: each for name, each in requirements.items() if profile in profiles_of(each)}
    combined = {name: combine(verdicts.get(name, ())) for name in scope}
    binding = {name for name, each in scope.items() if each["level"] != "MAY"}
    missed = {name for name in binding if combined[name] in (Verdict.FAIL, Verdict.EXPECTED_FAILURE)}
    failed = {name for name in missed if str(scope[name]["level"]).startswith("MUST")}
    known = (Verdict.PASS, Verdict.NOT_APPLICABLE)
    unknown = {name for name in binding - missed if combined[name] not in known}
    unexpected = {name for name in scope if name in declarations and combined[name] is Verdict.PASS}
    nothing = not any(combined[name] is not Verdict.NOT_APPLICABLE for name in binding)
    if failed:
        result = Result.NOT_CONFORMANT
    elif unknown or unexpected or nothing or not finished:
        result = Result.UNDETERMINED
    else:
        result = Result.DEVIATIONS if missed else Result.CONFORMANT
    return Certificate(
        profile=profile,
        result=result,
        verdicts={name: declared(combined[name], expected_failure=name in declarations) for name in scope},
        failed=tuple(sorted(failed)),
        deviations=tuple(sorted(missed - failed)),
        unknown=tuple(sorted(unknown)),
        unexpected_passes=tuple(sorted(unexpected)),
    )


def exit_code(certificates: Iterable[Certificate]) -> int:
    """0 conformant (also with deviations), 1 not conformant, 3 undetermined; 3 if there is no certificate."""
    results = {certificate.result for certificate in certificates}
    if Result.NOT_CONFORMANT in results:
        return 1
    return 3 if not results or Result.UNDETERMINED in results else 0
