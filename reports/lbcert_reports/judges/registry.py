"""How a judge is declared, found and run.

A judge is a pure function, and its signature says everything about it:

    @judge("one-announcer")
    def one_announcer(answers: Evidence[Answer], *, nodes: dict[str, str], within: float = 1.0) -> Judgement:

Positional parameters are *roles*: evidence of one kind, known by the type of its rows. A role that may be absent is
``Evidence[...] | None``. A role of type ``Trials[...]`` takes all of ``stream``, ``stream.1``, ``stream.2``, ...
Keyword-only parameters are the *bound*: what the observation is held against. Durations in a bound are seconds.

A judge without a `Trials` role is repeated for inputs whose roles carry a trial (``answers.1``, ``answers.2``), and
the judgements are combined; roles without a trial are shared by all of them.

Two keys of a bound are understood for every judge: ``trials``, how many trials there must be, and ``derivation``,
where the bound comes from: a text, or a text for each key. A list or table that has to be in the bound has to hold
something: of nothing nothing can be said.

What disturbed the observation itself stands in the header of the evidence: ``kernel_drops``, frames that the capture
lost, and ``clock_step``, by how much the clock was set meanwhile. A pass or a fail that this could have made becomes
inconclusive. Which verdicts that are a judge declares (``@judge(name, drops=..., steps=...)``); by default both.
"""

import dataclasses
import inspect
import statistics
import traceback
import types
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from lbcert_reports.evidence import KINDS, Evidence
from lbcert_reports.verdicts import Verdict, combine

SECOND: Final = 1_000_000_000
"""Nanoseconds."""

TOLD_APART: Final = 0.01
"""Steps of the clock that are no longer change no verdict, s: less is told apart by the judge of gaps alone."""

Row = TypeVar("Row")
Trials = Mapping[str, Evidence[Row]]
"""Evidence of one role by trial: ``""`` for the role without a number, else ``"1"``, ``"2"``, ..."""


class Limit(NamedTuple):
    """What a measurement is held against.

    Attributes:
        value: the limit.
        op: how the measurement has to relate to it: ``<=``, ``>=`` or ``==``.
        derivation: where it comes from. A judge gives the key of the bound; `run` puts the case's words for it.
    """

    value: Any
    op: str
    derivation: str


@dataclass(frozen=True)
class Measurement:
    """A number on which a verdict rests.

    Attributes:
        name: what was measured, e.g. ``time to address``.
        value: the number, None if there is none.
        unit: ``s``, ``share``, ``count``, ...
        n: from how many observations.
        method: how it was obtained, in a few words.
        interval: within which the true value lies, or its confidence interval.
        resolution: what the method cannot tell apart, in the unit.
        bound: what it is held against.
        samples: the single observations: numbers, or [lower, upper].
    """

    name: str
    value: float | int | None
    unit: str
    n: int = 1
    method: str = ""
    interval: tuple[float, float] | None = None
    resolution: float | None = None
    bound: Limit | None = None
    samples: tuple[Any, ...] | None = None


@dataclass(frozen=True)
class Judgement:
    """What a judge says.

    Attributes:
        verdict: pass, fail, inconclusive or error.
        reason: why, in one sentence.
        expected: what the requirement asks for, with its numbers.
        observed: what there was, with its numbers.
        measurements: the numbers on which it rests.
        probes: with what gaps were measured, if they were: unless each of these was calibrated it does not stand.
    """

    verdict: Verdict
    reason: str
    expected: str = ""
    observed: str = ""
    measurements: tuple[Measurement, ...] = ()
    probes: tuple[str, ...] = ()


def ruling(
    problems: Sequence[str],
    good: str,
    *measurements: Measurement,
    expected: str,
    observed: str,
    short: str = "",
) -> Judgement:
    """The judgement most judges come to: fail with the problems, else inconclusive if short, else pass.

    Args:
        problems: what speaks against the implementation.
        good: the reason if nothing does.
        measurements: the numbers.
        expected: what the requirement asks for.
        observed: what there was.
        short: why the evidence does not suffice for a pass, if it does not.
    """
    if problems:
        return Judgement(Verdict.FAIL, listed(problems), expected, observed, measurements)
    if short:
        return Judgement(Verdict.INCONCLUSIVE, short, expected, observed, measurements)
    return Judgement(Verdict.PASS, good, expected, observed, measurements)


def listed(items: Iterable[object], most: int = 5) -> str:
    """Items for a sentence: the first few, and how many more there are."""
    texts = [str(item) for item in items]
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more


class Unclear(Exception):  # noqa: N818 - no error: the observation does not allow a verdict
    """Raised inside a judge: from this evidence nothing can be said. Becomes an inconclusive judgement."""


class BoundError(Exception):
    """A case handed a judge a bound or inputs that it does not take: our error. Becomes the verdict error."""


@dataclass(frozen=True)
class Role:
    """One kind of evidence that a judge takes.

    Attributes:
        name: the key among the inputs.
        kind: the kind of evidence.
        optional: whether it may be absent.
        trials: whether the judge itself takes all trials of it.
    """

    name: str
    kind: str
    optional: bool
    trials: bool


@dataclass(frozen=True)
class Judge:
    """A registered judge.

    Attributes:
        name: as cases and reports name it.
        function: the pure function.
        roles: the evidence it takes.
        bound: for each key of the bound its type.
        required: keys of the bound without which it does not judge.
        drops: the verdicts that frames which a capture lost could have made.
        steps: the verdicts that a step of the clock could have made.
    """

    name: str
    function: Callable[..., Judgement]
    roles: tuple[Role, ...]
    bound: Mapping[str, Any]
    required: frozenset[str]
    drops: frozenset[Verdict]
    steps: frozenset[Verdict]

    @property
    def whole(self) -> bool:
        """Whether the function sees all trials at once."""
        return any(role.trials for role in self.roles)


REGISTRY: Final[dict[str, Judge]] = {}
"""Every judge by its name."""

_KIND_OF: Final = {row: kind for kind, row in KINDS.items()}
_GENERIC: Final = ("trials", "derivation")

Function = TypeVar("Function", bound=Callable[..., Judgement])


def judge(
    name: str,
    *,
    drops: Collection[Verdict] = (Verdict.PASS, Verdict.FAIL),
    steps: Collection[Verdict] = (Verdict.PASS, Verdict.FAIL),
) -> Callable[[Function], Function]:
    """Register a function as the judge of that name.

    Args:
        name: as cases and reports name it.
        drops: the verdicts that frames which a capture lost could have made.
        steps: the verdicts that a step of the clock could have made.
    """

    def register(function: Function) -> Function:
        hints = get_type_hints(function)
        roles, bound, required = [], {}, set()
        for each in inspect.signature(function).parameters.values():
            if each.kind is each.KEYWORD_ONLY:
                bound[each.name] = hints[each.name]
                if each.default is each.empty:
                    required.add(each.name)
            else:
                roles.append(_role(each.name, hints[each.name]))
        if name in REGISTRY:
            raise ValueError(f"there are two judges called {name!r}")
        REGISTRY[name] = Judge(
            name, function, tuple(roles), bound, frozenset(required), frozenset(drops), frozenset(steps)
        )
        return function

    return register


def _role(name: str, hint: Any) -> Role:
    optional = isinstance(hint, types.UnionType) or type(None) in get_args(hint)
    if optional:
        (hint,) = (each for each in get_args(hint) if each is not type(None))
    trials = get_origin(hint) is not Evidence
    evidence = get_args(hint)[1] if trials else hint
    (row,) = get_args(evidence)
    return Role(name, _KIND_OF[row], optional, trials)


def run(name: str, inputs: Mapping[str, Evidence[Any]], bound: Mapping[str, Any]) -> Judgement:
    """Let a judge judge. Never raises: what it cannot say is inconclusive, what breaks in it is an error.

    Args:
        name: the judge.
        inputs: evidence by role; a role may carry a trial: ``stream.3``.
        bound: what the observation is held against.
    """
    try:
        found = _find(name)
        values = _bound(found, bound)
        groups = _grouped(found, inputs)
        _enough(found, groups, bound.get("trials", 0))
        if found.whole:
            judgement = _one(found, groups[""], values)
        else:
            judgement = _repeated({trial: _one(found, roles, values) for trial, roles in groups.items()})
    except Unclear as unclear:
        judgement = Judgement(Verdict.INCONCLUSIVE, str(unclear))
    except BoundError as error:
        judgement = Judgement(Verdict.ERROR, str(error))
    except Exception as error:  # noqa: BLE001 - whatever breaks in a judge is our error, never a verdict on others
        judgement = Judgement(Verdict.ERROR, f"the judge {name} broke: {_place(error)}")
    return dataclasses.replace(judgement, measurements=tuple(_derived(each, bound) for each in judgement.measurements))


def _find(name: str) -> Judge:
    try:
        return REGISTRY[name]
    except KeyError:
        raise BoundError(f"there is no judge {name!r}; judges are: {', '.join(sorted(REGISTRY))}") from None


def _bound(found: Judge, bound: Mapping[str, Any]) -> dict[str, Any]:
    """The bound, checked against the judge's signature."""
    values = {key: value for key, value in bound.items() if key not in _GENERIC}
    if unknown := values.keys() - found.bound.keys():
        known = ", ".join([*found.bound, *_GENERIC])
        raise BoundError(f"the judge {found.name} takes no bound {', '.join(sorted(unknown))}; it takes: {known}")
    if missing := found.required - values.keys():
        raise BoundError(f"the judge {found.name} needs the bound {', '.join(sorted(missing))}")
    for key, value in values.items():
        try:
            values[key] = msgspec.convert(value, found.bound[key])
        except msgspec.ValidationError as error:
            raise BoundError(f"bound {key!r} of the judge {found.name}: {error}") from error
    if empty := sorted(key for key in found.required if values[key] in ([], {})):
        raise Unclear(f"there is nothing to judge: the bound has no {', '.join(empty)}")
    return values


def _grouped(found: Judge, inputs: Mapping[str, Evidence[Any]]) -> dict[str, dict[str, Any]]:
    """The function's positional arguments, for each trial; only ``""`` if there are none or it takes them all."""
    by_role: dict[str, dict[str, Evidence[Any]]] = {role.name: {} for role in found.roles}
    for key, evidence in inputs.items():
        name, _, trial = key.partition(".")
        if name not in by_role:
            raise BoundError(f"the judge {found.name} takes no {name!r}; it takes: {', '.join(by_role)}")
        by_role[name][trial] = evidence
    for role in found.roles:
        for evidence in by_role[role.name].values():
            if evidence.kind != role.kind:
                raise BoundError(f"{role.name!r} is of kind {evidence.kind!r}, not {role.kind!r}")
    if found.whole:
        whole = {
            role.name: dict(sorted(by_role[role.name].items(), key=_trial_order))
            if role.trials
            else _present(role, by_role[role.name].get(""))
            for role in found.roles
        }
        for role in found.roles:
            if role.trials and not role.optional and not whole[role.name]:
                raise Unclear(f"there is no evidence for {role.name!r}")
        return {"": whole}
    trials = sorted({trial for each in by_role.values() for trial in each if trial}, key=_trial_number) or [""]
    return {
        trial: {
            role.name: _present(role, by_role[role.name].get(trial, by_role[role.name].get(""))) for role in found.roles
        }
        for trial in trials
    }


def _present(role: Role, evidence: Evidence[Any] | None) -> Evidence[Any] | None:
    if evidence is None and not role.optional:
        raise Unclear(f"there is no evidence for {role.name!r}")
    return evidence


def _trial_number(trial: str) -> tuple[bool, int | str]:
    return (True, int(trial)) if trial.isdigit() else (False, trial)


def _trial_order(item: tuple[str, Any]) -> tuple[bool, int | str]:
    return _trial_number(item[0])


def _enough(found: Judge, groups: Mapping[str, Mapping[str, Any]], wanted: int) -> None:
    """Check that there are as many trials as there must be, in every role that each of them has to have."""
    got = len(groups)
    if found.whole:
        counts = [len(groups[""][role.name]) for role in found.roles if role.trials and not role.optional]
        got = min(counts, default=got)
    if got < wanted:
        raise Unclear(f"{got} of {wanted} trials were recorded")


def _one(found: Judge, roles: Mapping[str, Any], values: Mapping[str, Any]) -> Judgement:
    try:
        judgement = found.function(**roles, **values)
    except Unclear as unclear:
        return Judgement(Verdict.INCONCLUSIVE, str(unclear))
    shown = [each for role in roles.values() for each in (role.values() if isinstance(role, dict) else [role])]
    if why := next((why for each in shown if each is not None and (why := _disturbed(found, each, judgement))), ""):
        reason = f"{why}, which may have made it a {judgement.verdict}: {judgement.reason}"
        return dataclasses.replace(judgement, verdict=Verdict.INCONCLUSIVE, reason=reason)
    return judgement


def _disturbed(found: Judge, evidence: Evidence[Any], judgement: Judgement) -> str:
    """What happened to the observation itself that could have made this verdict; empty if nothing did."""
    drops, step = evidence.meta.get("kernel_drops", 0), evidence.meta.get("clock_step", 0) / SECOND
    # What became of a connection its own socket tells; frames say only who reset it.
    if drops and evidence.kind != "connections" and judgement.verdict in found.drops:
        return f"the kernel dropped {drops} frames of the {evidence.kind} {evidence.name!r}"
    if abs(step) > TOLD_APART and judgement.verdict in found.steps and not _clear(found, judgement, abs(step)):
        return f"the clock was set by {step:+.3f} s during the {evidence.kind} {evidence.name!r}"
    return ""


def _clear(found: Judge, judgement: Judgement, step: float) -> bool:
    """Whether times are further from their limits than the clock was set, s.

    All of them for a pass, and how long something held has to be among them where that matters; one for a fail.
    """
    limited = [(each, each.bound) for each in judgement.measurements if each.unit == "s" and each.bound is not None]
    over = [
        (bound.value - each.value if bound.op == ">=" else each.value - bound.value, each.resolution or 0.0)
        for each, bound in limited
        if each.value is not None
    ]
    if judgement.verdict is Verdict.FAIL:
        return any(beyond - resolution > step for beyond, resolution in over)
    is_measured = "hold" not in found.bound or any(bound.derivation == "hold" for _, bound in limited)
    return bool(over) and is_measured and all(-beyond > step for beyond, _ in over)


def _repeated(judgements: Mapping[str, Judgement]) -> Judgement:
    """One judgement from those on single trials: the worst speaks, the measurements are pooled."""
    only, *more = judgements.values()
    if not more:
        return only
    verdict = combine(each.verdict for each in judgements.values())
    trial, worst = next((trial, each) for trial, each in judgements.items() if each.verdict is verdict)
    agreeing = sum(each.verdict is verdict for each in judgements.values())
    reason = f"{agreeing} of {len(judgements)} trials: {verdict}; trial {trial}: {worst.reason}"
    return dataclasses.replace(
        worst,
        verdict=verdict,
        reason=reason,
        observed=f"trial {trial}: {worst.observed}" if worst.observed else "",
        measurements=_pooled(judgements.values()),
        probes=tuple(sorted({probe for each in judgements.values() for probe in each.probes})),
    )


def _pooled(judgements: Iterable[Judgement]) -> tuple[Measurement, ...]:
    """Measurements of the same name over trials: the worst of them if there is a limit, else their median."""
    by_name: dict[str, list[Measurement]] = {}
    for judgement in judgements:
        for each in judgement.measurements:
            by_name.setdefault(each.name, []).append(each)
    return tuple(_pool(group) for group in by_name.values())


def _pool(group: list[Measurement]) -> Measurement:
    first = group[0]
    values = [each.value for each in group if each.value is not None]
    if not values:
        return first
    operator = first.bound.op if first.bound else ""
    pool, word = {"<=": (max, "greatest"), ">=": (min, "least")}.get(operator, (statistics.median, "median"))
    method = f"{word} of {len(values)} trials"
    return dataclasses.replace(
        first,
        value=pool(values),
        interval=(min(values), max(values)),
        n=len(values),
        method=f"{first.method}; {method}" if first.method else method,
        samples=tuple(each.value for each in group),
    )


def _derived(measurement: Measurement, bound: Mapping[str, Any]) -> Measurement:
    """Say where the bound of a measurement comes from, as far as the case told."""
    if measurement.bound is None:
        return measurement
    limit = measurement.bound
    derivation = bound.get("derivation", "")
    text = derivation.get(limit.derivation, "") if isinstance(derivation, Mapping) else derivation
    text = text or f"bound {limit.derivation!r} of the requirement"
    return dataclasses.replace(measurement, bound=limit._replace(derivation=text))


def _place(error: Exception) -> str:
    """The error's type, message and the line of ours where it arose."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})"
