"""A judge is run so that whatever goes wrong is said, and never becomes a verdict on the implementation."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lbcert_reports.evidence import Answer, Evidence, Reply, Route, Stream
from lbcert_reports.judges import REGISTRY, Judge, Judgement, Limit, Measurement, Role, judge, run
from lbcert_reports.judges.handbook import describe
from lbcert_reports.judges.registry import Trials, Unclear, listed, ruling
from lbcert_reports.verdicts import Verdict

S = 1_000_000_000
REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def judges() -> Iterator[None]:
    """A few judges that exist only here."""

    @judge("test-counts")
    def counts(
        answers: Evidence[Answer], replies: Evidence[Reply] | None = None, *, most: int, slack: float = 0.5
    ) -> Judgement:
        """Counts rows."""
        if not answers.rows:
            raise Unclear("no rows at all")
        n = len(answers.rows) + (len(replies.rows) if replies else 0)
        measurement = Measurement("rows", n, "count", bound=Limit(most + slack, "<=", "most"))
        return ruling([f"{n} rows"] if n > most else [], "few", measurement, expected="few", observed=f"{n}")

    @judge("test-whole")
    def whole(stream: Trials[Stream], replies: Evidence[Reply] | None = None, *, note: str = "") -> Judgement:
        """Sees all trials."""
        return Judgement(Verdict.PASS, f"{list(stream)} {replies is not None} {note}")

    @judge("test-breaks")
    def breaks(answers: Evidence[Answer]) -> Judgement:
        """Breaks."""
        raise ZeroDivisionError(f"{len(answers.rows)} / 0")

    yield
    for name in ("test-counts", "test-whole", "test-breaks"):
        del REGISTRY[name]


def of(kind: str, n: int = 1) -> Evidence[Any]:
    return Evidence(kind, "c", kind, {}, tuple({"t": t} for t in range(n)))


def test_a_signature_says_roles_kinds_and_bound() -> None:
    counts, whole = REGISTRY["test-counts"], REGISTRY["test-whole"]
    assert counts.roles == (Role("answers", "answers", False, False), Role("replies", "replies", True, False))
    assert counts.bound == {"most": int, "slack": float}
    assert counts.required == {"most"}
    assert not counts.whole
    assert whole.roles == (Role("stream", "stream", False, True), Role("replies", "replies", True, False))
    assert whole.whole


def test_two_judges_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two judges called 'test-whole'"):
        judge("test-whole")(REGISTRY["test-whole"].function)


@pytest.mark.parametrize(
    ("name", "inputs", "bound", "reason"),
    [
        ("no-such", {}, {}, "there is no judge 'no-such'; judges are: all-replies-ok, "),
        ("test-counts", {"answers": of("answers")}, {}, "the judge test-counts needs the bound most"),
        ("route-next-hops", {}, {}, "the judge route-next-hops needs the bound expected, within"),
        (
            "test-counts", {"answers": of("answers")}, {"most": 1, "mots": 1},
            "the judge test-counts takes no bound mots; it takes: most, slack, trials, derivation",
        ),
        (
            "test-counts", {"answers": of("answers")}, {"most": "1"},
            "bound 'most' of the judge test-counts: Expected `int`, got `str`",
        ),
        (
            "test-counts", {"answer": of("answers")}, {"most": 1},
            "the judge test-counts takes no 'answer'; it takes: answers, replies",
        ),
        ("test-counts", {"answers": of("replies")}, {"most": 1}, "'answers' is of kind 'replies', not 'answers'"),
        (
            "test-counts", {"answers": of("answers"), "replies": of("answers")}, {"most": 1},
            "'replies' is of kind 'answers', not 'replies'",
        ),
    ],
)  # fmt: skip
def test_a_wrong_call_is_our_error_and_says_what_is_right(
    name: str, inputs: Mapping[str, Evidence[Any]], bound: Mapping[str, Any], reason: str
) -> None:
    judgement = run(name, inputs, bound)
    assert judgement.verdict is Verdict.ERROR
    assert judgement.reason.startswith(reason)


def test_a_judge_that_breaks_is_our_error_with_its_place() -> None:
    judgement = run("test-breaks", {"answers": of("answers")}, {})
    assert judgement.verdict is Verdict.ERROR
    assert "the judge test-breaks broke: ZeroDivisionError: 1 / 0 (test_judges_registry.py:" in judgement.reason


@pytest.mark.parametrize(
    ("inputs", "bound", "reason"),
    [
        ({}, {"most": 1}, "there is no evidence for 'answers'"),
        ({"replies": of("replies")}, {"most": 1}, "there is no evidence for 'answers'"),
        ({"answers": of("answers", 0)}, {"most": 1}, "no rows at all"),
        ({"answers.1": of("answers")}, {"most": 1, "trials": 2}, "1 of 2 trials were recorded"),
        ({"answers": of("answers")}, {"most": 1, "trials": 2}, "1 of 2 trials were recorded"),
    ],
)
def test_what_does_not_suffice_is_inconclusive(
    inputs: Mapping[str, Evidence[Any]], bound: Mapping[str, Any], reason: str
) -> None:
    assert run("test-counts", inputs, bound) == Judgement(Verdict.INCONCLUSIVE, reason)


NOTHING: dict[str, dict[str, Any]] = {
    "sessions-established": {"peers": {}, "within": 9},
    "sessions-closed": {"peers": {"r": []}, "within": 9},
    "sessions-never-reset": {"peers": {"r": []}, "hold": 9},
    "session-stays-down": {"peers": {"r": []}, "hold": 9},
    "timers-negotiated": {"peers": {"r": []}, "hold": 9},
    "route-next-hops": {"expected": {}, "within": 9},
    "route-withdrawn": {"prefixes": [], "within": 9},
    "never-routed": {"prefixes": [], "hold": 9},
    "keepalives-spaced": {"peers": {}},
    "attempts-spaced": {"peers": [], "rate": 1},
    "silent-peer-left": {"peers": [], "hold": 3},
    "exact-addresses": {"expected": []},
    "in-sequence": {"expected": []},
    "stays-pending": {"services": []},
    "path-attributes": {"prefixes": ["10.0.0.1/32"], "expected": {}},
    "probe-calibration": {"methods": [], "sizes": []},
}


@pytest.mark.parametrize("name", NOTHING)
def test_of_nothing_nothing_is_said(name: str) -> None:
    fault = {"fault": "f", "target": "t", "began": S, "effective": S, "healed": None, "proof": {}}
    rows = {"faults": (fault,), "ingress": ({"t": 0, "service": "d/a", "addresses": [], "present": True},)}
    inputs = {
        role.name: Evidence[Any](role.kind, "c", role.kind, {"began": 0, "ended": 60 * S}, rows.get(role.kind, ()))
        for role in REGISTRY[name].roles
        if not role.optional or role.kind == "faults"
    }
    judgement = run(name, inputs, NOTHING[name])
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.reason.startswith(("there is nothing to judge: the bound has no ", "there is no peer to judge"))


@pytest.mark.parametrize(("most", "verdict"), [(5, Verdict.PASS), (0, Verdict.FAIL)])
@pytest.mark.parametrize("drops", [[], [Verdict.PASS], [Verdict.FAIL], [Verdict.PASS, Verdict.FAIL]])
def test_frames_that_were_dropped_unmake_the_verdicts_that_they_could_have_made(
    most: int, verdict: Verdict, drops: list[Verdict]
) -> None:
    REGISTRY["test-counts"] = dataclasses.replace(REGISTRY["test-counts"], drops=frozenset(drops))
    lossy = dataclasses.replace(of("answers"), meta={"kernel_drops": 3})
    judgement = run("test-counts", {"answers": lossy}, {"most": most})
    assert judgement.verdict is (Verdict.INCONCLUSIVE if verdict in drops else verdict)
    if verdict in drops:
        assert judgement.reason.startswith(
            f"the kernel dropped 3 frames of the answers 'answers', which may have made it a {verdict}: "
        )
        assert judgement.measurements, "what was measured is told all the same"
    beside = run("test-counts", {"answers": of("answers"), "replies": lossy_replies()}, {"most": 2 * most})
    assert beside.verdict is judgement.verdict, "in whichever role"
    other = {"answers.1": of("answers", 9), "answers.2": lossy}
    assert run("test-counts", other, {"most": most}).verdict is Verdict.FAIL, "of another trial it says nothing"


def lossy_replies() -> Evidence[Any]:
    return dataclasses.replace(of("replies"), meta={"kernel_drops": 3})


@pytest.mark.parametrize(
    ("step", "within", "verdict"),
    [(0.01, 5, Verdict.PASS), (0.011, 5, Verdict.INCONCLUSIVE), (-0.011, 5, Verdict.INCONCLUSIVE)],
)
def test_a_clock_that_was_set_unmakes_what_rests_on_times_that_are_not_told(
    step: float, within: float, verdict: Verdict
) -> None:
    set_back = dataclasses.replace(of("answers"), meta={"clock_step": round(step * S)})
    assert run("test-counts", {"answers": set_back}, {"most": within}).verdict is verdict


@example(7.0, 3.0, "within")
@example(13.0, 3.0, "within")
@example(7.0, -3.0, "hold")
@example(13.0, -3.0, "hold")
@given(
    st.floats(0, 20),
    st.floats(-20, 20).map(lambda each: round(each, 3)),
    st.sampled_from(["within", "hold"]),
)
def test_a_verdict_on_a_time_stands_if_the_clock_was_set_by_less_than_it_is_from_its_limit(
    took: float, step: float, key: str
) -> None:
    at_most = key == "within"

    def times(answers: Evidence[Answer], *, within: float = 10, hold: float = 10) -> Judgement:
        """Takes a time."""
        limit = Limit(within if at_most else hold, "<=" if at_most else ">=", key)
        bad = took > 10 if at_most else took < 10
        return ruling(
            ["bad"] if bad else [], "good", Measurement("time", took, "s", bound=limit), expected="", observed=""
        )

    times.__annotations__.pop("hold" if at_most else "within")
    roles = REGISTRY["test-counts"].roles[:1]
    both = frozenset({Verdict.PASS, Verdict.FAIL})
    REGISTRY["test-times"] = Judge("test-times", times, roles, {key: float}, frozenset(), both, both)
    try:
        stepped = dataclasses.replace(of("answers"), meta={"clock_step": round(step * S)})
        without, judgement = (run("test-times", {"answers": each}, {}) for each in (of("answers"), stepped))
    finally:
        del REGISTRY["test-times"]
    stands = abs(step) <= 0.01 or abs(took - 10) > abs(step)
    assert judgement.verdict is (without.verdict if stands else Verdict.INCONCLUSIVE)


def test_how_long_something_held_has_to_be_told_for_a_pass_to_stand() -> None:
    def hops(t: float, step: float = 0, hold: float = 0) -> Judgement:
        row = {"t": round(t * S), "prefix": "10.0.0.1/32", "next_hops": ["10.0.0.2"]}
        meta = {"began": 0, "ended": 60 * S, "clock_step": round(step * S)}
        bound = {"expected": {"10.0.0.1/32": ["10.0.0.2"]}, "within": 30, "hold": hold}
        return run("route-next-hops", {"routes": Evidence[Any]("routes", "c", "routes", meta, (row,))}, bound)

    assert hops(5).verdict is Verdict.PASS
    assert hops(5, step=3).verdict is Verdict.INCONCLUSIVE
    assert (hops(40).verdict, hops(40, step=3).verdict) == (Verdict.FAIL, Verdict.FAIL)
    assert hops(32, step=3).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("measured", "verdict"),
    [
        ({"value": 12.0}, Verdict.FAIL),
        ({"value": 12.0, "resolution": 0.9}, Verdict.FAIL),
        ({"value": 12.0, "resolution": 1.0}, Verdict.INCONCLUSIVE),
        ({"value": 12.0, "unit": "ms"}, Verdict.INCONCLUSIVE),
        ({"value": 12.0, "bound": None}, Verdict.INCONCLUSIVE),
        ({"value": None}, Verdict.INCONCLUSIVE),
    ],
)
def test_a_fail_stands_if_a_time_is_beyond_its_limit_by_more_than_the_clock_and_the_method_can_explain(
    measured: dict[str, Any], verdict: Verdict
) -> None:
    def late(answers: Evidence[Answer]) -> Judgement:
        """Was late, and another was not."""
        fields = {"unit": "s", "bound": Limit(10, "<=", "within"), **measured}
        measurements = (Measurement("late", **fields), Measurement("early", 1, "s", bound=Limit(10, "<=", "within")))
        return Judgement(Verdict.FAIL, "late", measurements=measurements)

    both = frozenset({Verdict.PASS, Verdict.FAIL})
    roles = REGISTRY["test-counts"].roles[:1]
    REGISTRY["test-late"] = Judge("test-late", late, roles, {}, frozenset(), both, both)
    try:
        stepped = dataclasses.replace(of("answers"), meta={"clock_step": S})
        assert run("test-late", {"answers": stepped}, {}).verdict is verdict
    finally:
        del REGISTRY["test-late"]


LOSSY = {"began": 0, "ended": 60 * S, "kernel_drops": 400}
OURS, THEIRS, OTHERS = "02:00:00:00:00:00", "02:00:00:00:00:01", "02:00:00:00:00:02"


def frames(*macs: str) -> Evidence[Any]:
    """Twenty questions about an address, each answered by all of these; the capture lost some more."""
    rows = [
        {"t": n * S + i, "address": "10.0.0.1", "mac": mac, "form": form, "dst": OURS, "flags": {}}
        for n in range(20)
        for i, (mac, form) in enumerate([(OURS, "asked"), *((mac, "arp-reply") for mac in macs)])
    ]
    return Evidence("answers", "c", "answers", LOSSY, tuple(rows))


def test_silence_is_nothing_where_the_capture_lost_frames_and_what_was_heard_was_said() -> None:
    one, nodes = {"addresses": ["10.0.0.1"]}, {"nodes": {THEIRS: "n1", OTHERS: "n2"}}
    assert run("nobody-answers", {"answers": frames()}, one).verdict is Verdict.INCONCLUSIVE
    assert run("nobody-answers", {"answers": frames(THEIRS)}, one).verdict is Verdict.FAIL
    assert run("one-announcer", {"answers": frames(THEIRS)}, nodes).verdict is Verdict.INCONCLUSIVE
    assert run("never-alternates", {"answers": frames(THEIRS)}, nodes | {"hold": 5}).verdict is Verdict.INCONCLUSIVE


def test_a_judge_is_repeated_for_each_trial_and_the_worst_speaks() -> None:
    inputs = {f"answers.{n}": of("answers", n) for n in (10, 2, 1)}
    judgement = run("test-counts", inputs, {"most": 5, "trials": 3})
    assert judgement.verdict is Verdict.FAIL
    assert judgement.reason == "1 of 3 trials: fail; trial 10: 10 rows"
    assert (judgement.expected, judgement.observed) == ("few", "trial 10: 10")
    (pooled,) = judgement.measurements
    assert (pooled.value, pooled.interval, pooled.n) == (10, (1, 10), 3)
    assert pooled.samples == (1, 2, 10), "in the order of the trials"
    assert pooled.method == "greatest of 3 trials"


@pytest.mark.parametrize(
    ("op", "method", "pooled", "how"),
    [
        ("<=", "", 7, "greatest of 3 trials"),
        (">=", "watch", 1, "watch; least of 3 trials"),
        ("==", "", 2, "median of 3 trials"),
        (None, "watch", 2, "watch; median of 3 trials"),
    ],
)
def test_of_trials_the_worst_number_is_told_and_where_none_is_worse_the_median(
    op: str | None, method: str, pooled: float, how: str
) -> None:
    numbers, limits = iter([2, None, 7, 1]), iter([5, 6, 7, 8])

    def number(answers: Evidence[Answer]) -> Judgement:
        """Tells the next number."""
        limit = Limit(next(limits), op, "most") if op else None
        nothing = Measurement("nothing", None, "s", method="none")
        return Judgement(
            Verdict.PASS,
            "",
            measurements=(Measurement("number", next(numbers), "s", method=method, bound=limit), nothing),
        )

    REGISTRY["test-number"] = dataclasses.replace(REGISTRY["test-breaks"], function=number)
    try:
        judgement = run("test-number", {f"answers.{n}": of("answers") for n in range(1, 5)}, {"trials": 3})
    finally:
        del REGISTRY["test-number"]
    found, nothing = judgement.measurements
    assert (found.value, found.n, found.interval, found.samples) == (pooled, 3, (1, 7), (2, None, 7, 1))
    assert found.method == how
    assert found.bound is None or found.bound.value == 5, "the limit is the first trial's"
    assert nothing == Measurement("nothing", None, "s", 1, "none"), "of nothing there is no worst"
    assert (judgement.reason, judgement.observed) == ("4 of 4 trials: pass; trial 1: ", "")


def test_what_was_judged_and_measured_is_not_altered_afterwards() -> None:
    judgement = run("test-counts", {"answers": of("answers")}, {"most": 1})
    role = REGISTRY["test-counts"].roles[0]
    for made, name in ((judgement, "verdict"), (judgement.measurements[0], "value"), (role, "kind")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(made, name, None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        REGISTRY["test-counts"].name = ""  # type: ignore[misc]


def test_an_unclear_trial_makes_the_whole_inconclusive_and_a_failed_one_makes_it_fail() -> None:
    inputs = {"answers.1": of("answers", 1), "answers.2": of("answers", 0)}
    assert run("test-counts", inputs, {"most": 5}).verdict is Verdict.INCONCLUSIVE
    assert run("test-counts", inputs, {"most": 5}).reason == "1 of 2 trials: inconclusive; trial 2: no rows at all"
    assert run("test-counts", inputs, {"most": 0}).verdict is Verdict.FAIL


def test_a_role_without_number_is_shared_by_all_trials() -> None:
    inputs = {"answers.1": of("answers", 1), "answers.2": of("answers", 2), "replies": of("replies", 4)}
    assert run("test-counts", inputs, {"most": 9}).measurements[0].samples == (5, 6)


def test_a_judge_of_all_trials_gets_them_in_order() -> None:
    inputs = {f"stream.{n}": of("stream") for n in (10, 2, 1)} | {"replies": of("replies")}
    assert run("test-whole", inputs, {"note": "x", "trials": 3}).reason == "['1', '2', '10'] True x"
    assert run("test-whole", {"stream": of("stream"), "stream.1": of("stream")}, {}).reason == "['', '1'] False "
    assert run("test-whole", {"stream.1": of("stream"), "stream": of("stream")}, {}).reason == "['', '1'] False "
    mixed = {f"stream{name}": of("stream") for name in (".2", ".0", ".b", ".a", "")}
    assert run("test-whole", mixed, {}).reason == "['', 'a', 'b', '0', '2'] False ", "names come before numbers"
    assert run("test-whole", inputs, {"trials": 2}).verdict is Verdict.PASS
    assert run("test-whole", inputs, {"trials": 4}).reason == "3 of 4 trials were recorded"
    assert run("test-whole", {"stream": of("stream")}, {}).reason == "[''] False "
    assert run("test-whole", {}, {}).reason == "there is no evidence for 'stream'"


def test_only_what_a_judge_takes_of_each_trial_and_has_to_have_says_how_many_there_were() -> None:
    def seen(stream: Trials[Stream], routes: Evidence[Route], replies: Trials[Reply] | None = None) -> Judgement:
        """Sees some of all trials."""
        return Judgement(Verdict.PASS, f"{list(stream)} {list(replies or {})}")

    judge("test-seen")(seen)
    inputs = {"stream.1": of("stream"), "stream.2": of("stream"), "routes": of("routes"), "replies.1": of("replies")}
    try:
        assert run("test-seen", inputs, {"trials": 2}).reason == "['1', '2'] ['1']"
        assert run("test-seen", inputs, {"trials": 3}).reason == "2 of 3 trials were recorded"
    finally:
        del REGISTRY["test-seen"]


def test_a_bound_says_where_it_comes_from() -> None:
    def derivation(said: object) -> str:
        bound = {"most": 5, "slack": 1, **({"derivation": said} if said else {})}
        limit = run("test-counts", {"answers": of("answers")}, bound).measurements[0].bound
        assert limit is not None
        assert (limit.value, limit.op) == (6.0, "<=")
        return limit.derivation

    assert derivation("the docs") == "the docs"
    assert derivation({"most": "RFC 826", "slack": "x"}) == "RFC 826"
    assert derivation({"slack": "x"}) == "bound 'most' of the requirement"
    assert derivation(None) == "bound 'most' of the requirement"


def test_problems_outrank_short_evidence_and_that_outranks_a_pass() -> None:
    said = {"expected": "e", "observed": "o"}
    assert ruling(["p", "q"], "good", **said, short="s") == Judgement(Verdict.FAIL, "p, q", "e", "o")
    assert ruling([], "good", **said, short="s") == Judgement(Verdict.INCONCLUSIVE, "s", "e", "o")
    assert ruling([], "good", **said) == Judgement(Verdict.PASS, "good", "e", "o")


def test_long_lists_are_cut_and_counted() -> None:
    assert listed("abcdefg") == "a, b, c, d, e and 2 more"
    assert listed("abcde") == "a, b, c, d, e"
    assert listed([1, 2], most=1) == "1 and 1 more"
    assert listed([]) == ""


def test_the_page_for_authors_of_cases_is_as_the_code_says() -> None:
    ours = {name: each for name, each in REGISTRY.items() if each.function.__module__.startswith("lbcert_reports.")}
    with patch.dict(REGISTRY, ours, clear=True):  # tests have judges of their own
        page = describe()
    assert (REPOSITORY / "docs/judges.md").read_text() == page, "python -m lbcert_reports.judges > docs/judges.md"
    assert all(f"\n## {name}\n" in page for name in ours)
