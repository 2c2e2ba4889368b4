"""Pytest inside pytest: what the plugin makes of cases, and that it leaves everybody else's tests alone."""

import hashlib
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lbcert_fixtures.testbeds import netns
from lbcert_reports import journal
from lbcert_reports.matrix import Row
from lbcert_tools import calibrating, case_fixtures, plugin, testbeds  # noqa: F401 - pytester unloads what only a run loads, and numpy cannot be loaded twice
from lbcert_tools.controls import EndsOnceCaught
from lbcert_tools.planning import PlanError, all_cases

pytest_plugins = ["pytester"]

JUDGE = """
import pytest
from lbcert_fixtures.testbeds import PreconditionUnmetError
from lbcert_reports.evidence import Evidence, Snapshot
from lbcert_reports.judges import Judgement
from lbcert_reports.judges.registry import REGISTRY, judge
from lbcert_reports.verdicts import Verdict

if "as-told" not in REGISTRY:
    @judge("as-told")
    def as_told(seen: Evidence[Snapshot], *, verdict: str) -> Judgement:
        return Judgement(Verdict(verdict), "told so", "five apples", "four apples")

def told(record, requirement, verdict, name="seen"):
    seen = record.evidence("objects", [{"t": 1, "what": "thing", "value": 1}], name)
    return record.judge(requirement, "as-told", {"seen": seen}, {"verdict": verdict})
"""


@pytest.fixture
def cases(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Write cases into a folder that stands for the suites."""
    folder = pytester.path / "suites"
    folder.mkdir()
    monkeypatch.setattr(plugin, "suites_folder", lambda: folder)
    pytester.makeini("[pytest]\naddopts = --import-mode=importlib -p no:cacheprovider -p no:hypothesispytest\n")

    def write(body: str, area: str = "layer2", name: str = "test_them") -> Path:
        path = folder / area / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(JUDGE + textwrap.dedent(body))
        return path

    return write


@pytest.fixture
def run(pytester: pytest.Pytester) -> Callable[..., tuple[pytest.RunResult, journal.Journal | None]]:
    """Run the cases against MetalLB's profile; returns what pytest said and the journal."""

    def run_them(*arguments: str, profile: str = "metallb-native", plugins: Sequence[object] = ()) -> tuple[Any, Any]:
        result = pytester.runpytest_inprocess(
            "suites", f"--profile={profile}", "--run-dir=run", *arguments, plugins=plugins, no_reraise_ctrlc=True
        )
        folder = pytester.path / "run"
        return result, journal.read(folder) if (folder / "journal").exists() else None

    return run_them


def outcomes(events: journal.Journal) -> dict[str, str]:
    return {event["case"]: event["outcome"] for event in events.of("case-finished")}


def test_a_passing_case_is_planned_judged_and_finished(cases, run) -> None:
    cases('''
        @pytest.mark.covers("L2-003")
        @pytest.mark.needs("layer2")
        @pytest.mark.catches("two-announcers")
        @pytest.mark.parametrize("family", ["ipv4", "ipv6"])
        def test_exactly_one_node_answers(record, family):
            """Exactly one node answers for an address.

            Given a Service. When asked. Then one answers.
            """
            told(record, "L2-003", "pass")
    ''')
    result, events = run()
    result.assert_outcomes(passed=2)
    (start,) = events.of("run-started")
    assert [each["case"] for each in start["plan"]] == [
        "layer2/exactly-one-node-answers[ipv4]",
        "layer2/exactly-one-node-answers[ipv6]",
    ]
    first = start["plan"][0]
    assert first["title"] == "Exactly one node answers for an address"
    assert first["text"].startswith("Given a Service.")
    assert (first["area"], first["requirements"], first["needs"], first["catches"]) == (
        "layer2",
        ["L2-003"],
        ["layer2"],
        ["two-announcers"],
    )
    assert list(start["requirements"]) == ["L2-003"]
    assert start["profile"]["version"] == "0.16.1"
    assert set(outcomes(events).values()) == {"pass"}
    assert events.finished
    assert events.of("run-finished")[0]["cases"] == {"pass": 2}


def test_a_case_before_a_defect_ends_once_it_is_caught_and_not_before(cases, run) -> None:
    cases('''
        @pytest.mark.covers("L2-003", "L2-004")
        def test_it(record):
            """A claim."""
            told(record, "L2-004", "fail", "of-another-requirement")
            told(record, "L2-003", "pass", "passes")
            told(record, "L2-003", "fail", "shows-it")
            told(record, "L2-003", "error", "comes-afterwards")
    ''')
    _, events = run(plugins=[EndsOnceCaught(Row("a-defect", "goes wrong", ["L2-003"], "told"))])
    assert [each["judge"] for each in events.of("verdict")] == ["as-told"] * 3 + ["precondition"] * 2
    assert outcomes(events) == {"layer2/it": "fail"}


@pytest.mark.parametrize(
    ("body", "outcome", "said"),
    [
        ('told(record, "L2-003", "fail")', "fail", "*L2-003 fail: told so*"),
        ('told(record, "L2-003", "inconclusive")', "inconclusive", "*L2-003 inconclusive: told so*"),
        ('told(record, "L2-003", "error")', "error", "*L2-003 error: told so*"),
        ("pass", "error", "*CaseError: case judged nothing*"),
        ('raise PreconditionUnmetError("no address")', "inconclusive", "*inconclusive: no address*"),
        ('raise OSError("the lab is gone")', "error", "*OSError: the lab is gone*"),
        ("assert 1 == 2", "error", "*assert 1 == 2*"),
        ('pytest.skip("not today")', "error", "*skipped: not today; a case does not skip itself*"),
        ('told(record, "L2-003", "pass"); raise PreconditionUnmetError("x")', "inconclusive", "*inconclusive: x*"),
        ('told(record, "L2-003", "fail"); raise PreconditionUnmetError("x")', "fail", "*inconclusive: x*"),
        ('pytest.fail("by hand")', "error", "*by hand*"),
        ('told(record, "L2-003", "fail"); raise OSError("later")', "fail", "*OSError: later*"),
        ('told(record, "L2-003", "pass"); raise OSError("later")', "error", "*OSError: later*"),
        ('told(record, "L2-004", "pass")', "error", "*covers L2-003 but judged nothing of it*"),
        (
            'told(record, "L2-003", "pass"); told(record, "L2-004", "pass", "x")',
            "error",
            "*judged L2-004, which it does not cover*",
        ),
        ('told(record, "L2-003", "pass"); told(record, "L2-003", "fail", "x")', "fail", "*L2-003 fail*"),
    ],
)
def test_every_way_to_end_has_its_verdict(cases, run, body: str, outcome: str, said: str) -> None:
    cases(f'''
        @pytest.mark.covers("L2-003")
        def test_it(record):
            """A claim."""
            {body}
    ''')
    result, events = run()
    assert outcomes(events) == {"layer2/it": outcome}
    assert result.ret == 1
    result.stdout.fnmatch_lines([said])


def test_a_failure_says_what_was_expected_and_what_was_observed(cases, run) -> None:
    cases('''
        @pytest.mark.covers("L2-003")
        def test_it(record):
            """A claim."""
            told(record, "L2-003", "fail")
    ''')
    result, _ = run()
    result.stdout.fnmatch_lines(["*expected: five apples*", "*observed: four apples*"])


def test_the_text_of_the_profile_is_kept_beside_the_journal(cases, run, pytester: pytest.Pytester) -> None:
    from lbcert_fixtures.profiles import load

    cases('''
        @pytest.mark.covers("L2-003")
        def test_it(record):
            """A claim."""
            told(record, "L2-003", "pass")
    ''')
    _, events = run()
    kept = (pytester.path / "run" / "profile.toml").read_bytes()
    assert kept == load("metallb-native").text.encode()
    assert hashlib.sha256(kept).hexdigest() == events.of("run-started")[0]["profile"]["sha256"]


def test_every_judgement_is_recorded_before_the_case_fails(cases, run) -> None:
    cases('''
        @pytest.mark.covers("L2-003", "L2-004")
        def test_it(record):
            """A claim."""
            told(record, "L2-003", "fail")
            told(record, "L2-004", "pass", "x")
    ''')
    _, events = run()
    assert [(event["requirement"], event["verdict"]) for event in events.of("verdict")] == [
        ("L2-003", "fail"),
        ("L2-004", "pass"),
    ]


def test_a_broken_fixture_is_our_error_and_not_the_implementations(cases, run) -> None:
    cases('''
        @pytest.fixture
        def broken():
            raise RuntimeError("boot failed")

        @pytest.mark.covers("L2-003")
        def test_it(record, broken):
            """A claim."""
    ''')
    _, events = run()
    (end,) = events.of("case-finished")
    assert (end["outcome"], end["error"]["message"]) == ("error", "boot failed")


def test_a_tear_down_that_fails_spoils_a_pass(cases, run) -> None:
    cases('''
        @pytest.fixture
        def healed():
            yield
            raise RuntimeError("not healed")

        @pytest.mark.covers("L2-003")
        def test_it(record, healed):
            """A claim."""
            told(record, "L2-003", "pass")
    ''')
    result, events = run()
    assert outcomes(events) == {"layer2/it": "error"}
    assert result.ret == 1


def test_a_case_whose_needs_are_not_declared_is_not_applicable_and_sets_nothing_up(cases, run) -> None:
    cases('''
        @pytest.fixture
        def lab():
            raise RuntimeError("must not boot")

        @pytest.mark.covers("BGP-001")
        @pytest.mark.needs("bfd")
        def test_it(record, lab):
            """A claim."""
    ''')
    result, events = run()
    assert outcomes(events) == {"layer2/it": "not-applicable"}
    assert "does not declare bfd" in events.of("note")[0]["text"]
    assert result.ret == 0


@pytest.fixture
def excused(pytester: pytest.Pytester, cases) -> str:
    """A profile that declares L2-003 to fail."""
    from lbcert_fixtures.profiles import load

    text = load("metallb-native").text
    text += '\n[[expected-failures]]\nrequirement = "L2-003"\nreason = "issue 740"\n'
    (pytester.path / "excused.toml").write_text(text)
    return "./excused.toml"


def test_a_failure_that_the_profile_declares_is_expected(cases, run, excused: str) -> None:
    cases('''
        @pytest.mark.covers("L2-003")
        def test_it(record):
            """A claim."""
            told(record, "L2-003", "fail")
    ''')
    result, events = run(profile=excused)
    result.assert_outcomes(xfailed=1)
    assert outcomes(events) == {"layer2/it": "fail"}, "the report applies the declaration"
    assert events.of("verdict")[0]["verdict"] == "fail"
    assert events.of("run-started")[0]["profile"]["expected_failures"] == {"L2-003": "issue 740"}


def test_an_expected_failure_that_passes_is_said(cases, run, excused: str) -> None:
    cases('''
        @pytest.mark.covers("L2-003")
        def test_it(record):
            """A claim."""
            told(record, "L2-003", "pass")
    ''')
    result, events = run(profile=excused)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*L2-003: passes although the profile declares it to fail*"])
    assert outcomes(events) == {"layer2/it": "pass"}


@pytest.mark.parametrize("option", ["--seed=1", "--no-calibration"])
def test_the_probes_are_calibrated_before_and_after_unless_that_is_left_out(
    cases, run, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    cases('''
        @pytest.fixture(scope="session")
        def testbed():
            return type("Testbed", (), {"name": "none"})()

        @pytest.fixture(scope="session")
        def implementation(testbed):
            return None

        @pytest.mark.covers("L2-042")
        @pytest.mark.catches("two-announcers")
        @pytest.mark.usefixtures("calibrated")
        def test_moves(record):
            """A claim."""
            told(record, "L2-042", "pass")
    ''')
    made: list[str] = []
    monkeypatch.setattr(calibrating, "calibrated", lambda *given: made.append(given[2]) or [])
    _, events = run(option)
    assert outcomes(events) == {"layer2/moves": "pass"}
    assert made == ([] if "no-" in option else ["calibration-before-main", "calibration-after-main"])


def test_an_interrupt_leaves_the_case_and_the_run_unfinished(cases, run) -> None:
    cases('''
        @pytest.mark.covers("L2-003")
        def test_it(record):
            """A claim."""
            told(record, "L2-003", "pass")
            raise KeyboardInterrupt
    ''')
    _, events = run()
    assert [event.event for event in events.events] == ["run-started", "case-started", "evidence", "verdict"]
    assert not events.finished


TWO = '''
    @pytest.mark.covers("L2-003")
    def test_first(record):
        """A claim."""
        told(record, "L2-003", "pass")

    @pytest.mark.covers("L2-004")
    @pytest.mark.thorough
    def test_second(record):
        """Another claim."""
        told(record, "L2-004", "pass")
'''


@pytest.mark.parametrize(
    ("only", "chosen"),
    [
        ("l2-003", ["layer2/first"]),
        ("first", ["layer2/first"]),
        ("layer2/s*", ["layer2/second"]),
        ("layer2", ["layer2/first", "layer2/second"]),
        ("L2-004,first", ["layer2/first", "layer2/second"]),
    ],
)
def test_only_takes_requirements_areas_and_names(cases, run, only: str, chosen: list[str]) -> None:
    cases(TWO)
    _, events = run(f"--only={only}")
    (start,) = events.of("run-started")
    assert [each["case"] for each in start["plan"]] == chosen
    assert sorted(start["requirements"]) == ["L2-003", "L2-004"], "what was left out stays in the scope"


@pytest.mark.parametrize(
    "arguments", [["suites", "-k", "first"], ["suites/layer2/test_them.py"], ["suites/layer2/test_them.py::test_first"]]
)
def test_what_pytest_is_pointed_at_leaves_the_scope_as_it_is(
    cases, pytester: pytest.Pytester, arguments: list[str]
) -> None:
    cases(TWO)
    cases(TWO.replace("L2-00", "BGP-00"), area="bgp", name="test_others")
    pytester.runpytest_inprocess(*arguments, "--profile=metallb-native", "--run-dir=run")
    (start,) = journal.read(pytester.path / "run").of("run-started")
    assert sorted(start["requirements"]) == ["BGP-003", "BGP-004", "L2-003", "L2-004"]
    assert start["testbed"]["limits"][0].startswith("This suite has cases for 4 of")


def test_a_case_that_would_keep_others_waiting_runs_last(cases, run) -> None:
    cases(TWO.replace('@pytest.mark.covers("L2-003")', '@pytest.mark.last\n    @pytest.mark.covers("L2-003")'))
    _, events = run()
    (start,) = events.of("run-started")
    assert [each["case"] for each in start["plan"]] == ["layer2/second", "layer2/first"]


def test_what_takes_a_family_that_the_cluster_lacks_does_not_apply_and_covers_nothing(cases, run) -> None:
    cases('''
        @pytest.fixture
        def families(profile):
            return profile.families

        @pytest.mark.covers("POLICY-001")
        @pytest.mark.parametrize(
            "family", [pytest.param(each, marks=pytest.mark.needs(each)) for each in ("ipv4", "ipv6")]
        )
        def test_each(record, family):
            """A claim."""
            told(record, "POLICY-001", "pass")

        @pytest.mark.covers("L2-001", "L2-002")
        def test_both(record, families):
            """A claim."""
            for family in families:
                told(record, {"ipv4": "L2-001", "ipv6": "L2-002"}[family], "pass", family)

        @pytest.mark.covers("BGP-001")
        @pytest.mark.needs("bgp")
        def test_sessions(record):
            """A claim."""
            told(record, "BGP-001", "pass")
    ''')
    _, events = run("--families=ipv6")
    (start,) = events.of("run-started")
    assert {each["case"]: each["requirements"] for each in start["plan"]} == {
        "layer2/each[ipv4]": [],
        "layer2/each[ipv6]": ["POLICY-001"],
        "layer2/both": ["L2-002"],
        "layer2/sessions": [],  # of MetalLB's native mode, which announces over IPv4 alone
    }
    assert start["requirements"].keys() == {"POLICY-001", "L2-001", "L2-002", "BGP-001"}
    assert outcomes(events) == {
        "layer2/each[ipv4]": "not-applicable",
        "layer2/each[ipv6]": "pass",
        "layer2/both": "pass",
        "layer2/sessions": "not-applicable",
    }
    assert {event["text"] for event in events.of("note")} == {"Not applicable: the cluster is IPv6 only."}


def test_a_seed_decides_the_order_and_what_is_last_stays_last(cases, run, pytester: pytest.Pytester) -> None:
    cases(
        '@pytest.mark.covers("L2-003")\n@pytest.mark.last\ndef test_z(record):\n    """A claim."""\n'
        '    told(record, "L2-003", "pass")\n\n'
        + "\n".join(
            f'@pytest.mark.covers("L2-003")\ndef test_{name}(record):\n    """A claim."""\n'
            '    told(record, "L2-003", "pass")\n'
            for name in "abcdef"
        )
    )
    orders = []
    for number, seed in enumerate((7, 7, 8)):
        run("--shuffle", f"--seed={seed}", f"--run-dir=run-{number}")
        events = journal.read(pytester.path / f"run-{number}")
        orders.append([each["case"] for each in events.of("run-started")[0]["plan"]])
    assert orders[0] == orders[1] != orders[2]
    assert {order[-1] for order in orders} == {"layer2/z"}


def test_a_run_on_a_lab_that_is_up_states_what_the_lab_is(cases, run, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = SimpleNamespace(
        is_kind=True,
        node_image="vendor/node:v1.34.2",
        engine="podman",
        feature_gates={},
        nodes=["w1", "w2"],
        specification=SimpleNamespace(proxy_mode="iptables", families="ipv6"),
        kubectl=lambda *_, **__: '{"gitVersion": "v1.34.2"}',
        detach=lambda: None,
    )
    monkeypatch.setattr(netns, "attach", lambda _name: lab)
    cases(TWO)
    _, events = run("--lab=mine")
    (start,) = events.of("run-started")
    expected = {"name": "kind", "nodes": 2, "kubernetes": "1.34", "proxy_mode": "iptables", "families": "ipv6"}
    expected |= {"node_image": "vendor/node:v1.34.2", "engine": "podman"}
    said = {name: start["testbed"][name] for name in expected}
    assert said == expected
    assert (start["options"]["nodes"], start["options"]["kubernetes"]) == (2, "1.34")


def test_a_boot_says_in_the_journal_what_it_is_at(cases, run, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = SimpleNamespace(
        is_kind=False,
        node_image="",
        engine="",
        feature_gates={},
        nodes=["n1"],
        specification=SimpleNamespace(proxy_mode="nftables", families="dual"),
        kubectl=lambda *_, **__: '{"gitVersion": "v1.36.3"}',
        lacks=lambda images: sorted(images)[:1],
        import_images=lambda _archives: None,
        restart_pods=lambda _images: None,
        detach=lambda: None,
    )
    monkeypatch.setattr(netns, "attach", lambda _name: lab)
    monkeypatch.setattr(testbeds.ImageStore, "archive", lambda _store, name, progress: progress("image", name) or name)
    cases('''
        @pytest.fixture(scope="session")
        def manifests():
            return ()

        @pytest.mark.covers("L2-003")
        def test_it(record, testbed):
            """A claim."""
            told(record, "L2-003", "pass")
    ''')
    _, events = run("--lab=mine")
    boot = [(event["state"], event.fields.get("detail")) for event in events.of("phase") if event["name"] == "boot"]
    assert boot == [("begin", None), ("at", "importing 1 image"), ("end", None)]


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--lab=nobodys", "*no lab named 'nobodys' is up*"),
        ("--only=frist", "*no case fits 'frist'; did you mean *first*"),
    ],
)
def test_a_lab_or_a_case_that_is_not_there_is_a_usage_error_before_anything_runs(cases, run, option, said) -> None:
    cases(TWO)
    result, events = run(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert events is None
    result.stderr.fnmatch_lines([said])


def test_quick_leaves_out_what_is_thorough_and_tries_once(cases, run) -> None:
    cases(TWO)
    _, events = run("--quick")
    (start,) = events.of("run-started")
    assert [each["case"] for each in start["plan"]] == ["layer2/first"]
    assert start["options"]["trials"] == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('@pytest.mark.covers("L2-003")\ndef test_it(record): pass', "*a case says its claim*"),
        ('def test_it(record):\n    """A claim."""', "*covers at least one requirement*"),
        ('@pytest.mark.covers("L2-999")\ndef test_it(record):\n    """A claim."""', "*no such requirement: L2-999*"),
        (
            '@pytest.mark.covers("L2-003")\n@pytest.mark.needs("layer3")\ndef test_it(record):\n    """A claim."""',
            "*no such capability: layer3*",
        ),
    ],
)
def test_a_case_that_is_not_written_as_it_must_be_stops_the_run(cases, run, text: str, said: str) -> None:
    cases(text)
    result, _ = run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([said])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def test_it(record): pass", "a case says its claim"),
        ('pytest.skip("not today", allow_module_level=True)', "Skipped: not today"),
        ("raise OSError", "OSError"),
    ],
)
def test_no_case_is_lost_in_silence_where_all_are_asked_for(cases, pytester: pytest.Pytester, text, said) -> None:
    cases(TWO)
    cases(text, name="test_more")
    with pytest.raises(PlanError) as error:
        all_cases(pytester.path / "suites")
    assert said in str(error.value)


def test_a_file_that_skips_itself_stops_the_run(cases, run) -> None:
    cases(TWO)
    cases('pytest.skip("not today", allow_module_level=True)', name="test_more")
    result, events = run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert events is None
    result.stderr.fnmatch_lines(["*Skipped: not today*"])


def test_cases_without_a_profile_say_what_is_missing(cases, pytester: pytest.Pytester) -> None:
    cases(TWO)
    result = pytester.runpytest_inprocess("suites")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--profile NAME|FILE*"])


def test_every_mistake_of_a_profile_is_named_before_collection(cases, pytester: pytest.Pytester, run) -> None:
    cases(TWO)
    (pytester.path / "bad.toml").write_text("schema = 2\nx = 1\n")
    result, events = run(profile="./bad.toml")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert events is None
    result.stderr.fnmatch_lines(["*bad.toml:1: schema*", "*bad.toml:2: x*"])


def test_workers_write_a_journal_each_and_together_they_are_one_run(
    cases, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases(TWO)
    pytester.makeconftest(
        """
        from pathlib import Path
        import lbcert_tools.plugin
        lbcert_tools.plugin.suites_folder = lambda: Path(__file__).parent / "suites"
        """
    )
    result = pytester.runpytest_subprocess("suites", "--profile=metallb-native", "--only=l2", "-n2", "--assert=plain")
    result.assert_outcomes(passed=2)
    (run,) = (pytester.path / "lbcert-runs").iterdir()
    events = journal.read(run)
    (start,) = events.of("run-started")
    assert start["options"] | {"seed": 0} == {
        "trials": 5,
        "quick": False,
        "only": "l2",
        "nodes": 3,
        "kubernetes": "1.36",
        "families": "dual",
        "seed": 0,
        "shuffle": False,
        "all": False,
        "aside": False,
    }, "what was left open is decided once, for all workers"
    assert outcomes(events) == {"layer2/first": "pass", "layer2/second": "pass"}
    assert events.of("run-finished")[0]["cases"] == {"pass": 2}
    assert {event.writer for event in events.of("case-finished")} == {"gw0", "gw1"}


ASIDE = '''
    import os

    @pytest.mark.covers("L2-004")
    @pytest.mark.untimed
    def test_third(record):
        """A claim that takes no times."""
        record.note(f"nice {os.nice(0)}")
        told(record, "L2-004", "pass")

    @pytest.mark.covers("L2-004")
    @pytest.mark.untimed
    def test_fourth(record):
        """Another of these."""
        told(record, "L2-004", "pass")
'''


def test_what_takes_no_times_runs_aside_at_the_lowest_priority(cases, pytester: pytest.Pytester) -> None:
    cases(TWO + ASIDE)
    pytester.makeconftest(
        """
        from pathlib import Path
        import lbcert_tools.plugin
        lbcert_tools.plugin.suites_folder = lambda: Path(__file__).parent / "suites"
        """
    )
    more = ("-n2", "--dist=loadgroup", "--no-loadscope-reorder", "--aside", "--assert=plain")
    result = pytester.runpytest_subprocess("suites", "--profile=metallb-native", *more)
    result.assert_outcomes(passed=4)
    (run,) = (pytester.path / "lbcert-runs").iterdir()
    events = journal.read(run)
    writers = {event["case"].partition("/")[2]: event.writer for event in events.of("case-finished")}
    assert writers["first"] == writers["second"] != writers["third"] == writers["fourth"]
    assert [event["text"] for event in events.of("note")] == ["nice 19"]


# --- everybody else's runs ------------------------------------------------------------------------------------------


def test_a_run_without_cases_gets_no_fixture_and_no_file_of_ours(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_mine():
            assert not [name for name in sys.modules if name.startswith("lbcert_") and "tools" not in name]

        def test_fixture(profile):
            pass
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*fixture 'profile' not found*"])
    assert not (pytester.path / "lbcert-runs").exists()


def test_help_shows_our_options_in_a_group_of_their_own(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--help")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["certifying a Kubernetes load balancer (lbcert):", "*--profile*"])


def test_another_plugin_keeps_an_option_that_we_would_like_too(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        other="""
        def pytest_addoption(parser):
            parser.addoption("--profile", action="store_true", dest="prof")
        """,
        test_it="""
        def test_mine(request):
            assert request.config.getoption("prof") is True
            assert request.config.getoption("lbcert_profile") is None
        """,
    )
    pytester.runpytest_subprocess("-p", "other", "--profile").assert_outcomes(passed=1)
