"""The pytest plugin: what lbcert adds to a pytest run.

Every pytest run of an environment in which lbcert is installed loads this module. So it imports nothing but
pytest, and does nothing until a case of `lbcert_suites` is collected; then `lbcert_tools.certification` takes part
in the run.
"""

import importlib.util
import time
from argparse import ArgumentError
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

MARKERS = (
    "covers(*requirements): ids of the requirements on which the case judges",
    "needs(*capabilities): what implementation and cluster must be able to show for the case to apply to them",
    "catches(*defects): seeded defects of the reference implementation that make the case fail",
    "thorough: the case takes long and is left out by --quick",
    "arranges(group): what the case needs of the arrangement that the chosen cases of its area have in common",
    "campaign: the case takes a minute and more for little, and runs with --all, in campaigns and by name only",
    "untimed: no time matters to a second in it, so that a lab on what others leave of the machine is good enough",
    "last: what the case does to the implementation would keep others waiting, so it runs after them",
)

ASIDE: Final = "aside"
"""The group of cases that the lab aside takes."""

OPTIONS: Mapping[str, dict[str, Any]] = {
    "profile": {"metavar": "NAME|FILE", "help": "the implementation under test: a built-in profile or a TOML file"},
    "trials": {
        "metavar": "N",
        "type": int,
        "help": "how often each fault is tried (default: 5; 29 and more: a campaign)",
    },
    "quick": {"action": "store_true", "help": "one trial a fault, and no case that is marked thorough"},
    "all": {"action": "store_true", "help": "also the cases that are marked campaign"},
    "only": {
        "metavar": "EXPR",
        "action": "append",
        "help": "run only these, separated by commas: requirement ids, areas, names of cases (with * and ?)",
    },
    "testbed": {"metavar": "NAME", "help": "what the cases stand on (default: netns, the embedded lab)"},
    "nodes": {"metavar": "N", "type": int, "help": "nodes of the testbed (default: 3)"},
    "kubernetes": {"metavar": "VERSION", "help": "version of Kubernetes (default: the newest that lbcert builds)"},
    "proxy-mode": {"choices": ("nftables", "iptables"), "help": "mode of kube-proxy (default: nftables)"},
    "families": {"choices": ("ipv4", "ipv6", "dual"), "help": "address families of the cluster (default: dual)"},
    "engine": {"metavar": "NAME", "help": "what runs the containers of --testbed kind: docker (default) or podman"},
    "feature-gate": {
        "metavar": "NAME=true|false",
        "action": "append",
        "help": "a feature gate of Kubernetes, with --testbed kind",
    },
    "node-image": {
        "metavar": "ARCHIVE",
        "help": "the node image, with --testbed kind: what `lbcert kind image --output` or `docker save` wrote",
    },
    "lab": {"metavar": "NAME", "help": "stand on this lab, which is up (see `lbcert lab`), and leave it up"},
    "keep-lab": {"action": "store_true", "help": "leave the lab standing at the end, for `lbcert lab`"},
    "seed": {"metavar": "N", "type": int, "help": "seed of whatever cases choose at random (default: new each run)"},
    "shuffle": {"action": "store_true", "help": "run the cases in an order that the seed decides"},
    "no-calibration": {
        "action": "store_true",
        "help": "do not calibrate the probes, which takes seconds: every verdict on timing is inconclusive then",
    },
    "aside": {
        "action": "store_true",
        "help": "two workers of pytest-xdist, of which one takes what is marked untimed, at the lowest priority",
    },
    "load-workers": {
        "metavar": "N",
        "type": int,
        "help": "processes of the load generator during experiments (default: 0, one process that does it all)",
    },
    "load-ui": {
        "metavar": "PORT",
        "type": int,
        "help": "offer the load generator's web UI on this port of the loopback interface during experiments",
    },
    "run-dir": {"metavar": "DIR", "help": "where journal, evidence and reports go (default: a new one)"},
}


def destination(option: str) -> str:
    """The name under which an option, as in ``run-dir``, is read: no other plugin has it."""
    return f"lbcert_{option.replace('-', '_')}"


@cache
def suites_folder() -> Path | None:
    """Where the cases live; None if they are not installed."""
    spec = importlib.util.find_spec("lbcert_suites")
    return Path(spec.origin).parent.resolve() if spec and spec.origin else None


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(parser: pytest.Parser) -> None:
    """Add the options: after every other plugin has, so that a name that is taken stays theirs.

    An option whose name is taken can still be given as ``--lbcert-NAME``.
    """
    group = parser.getgroup("lbcert", "certifying a Kubernetes load balancer (lbcert)")
    for option, attributes in OPTIONS.items():
        attributes = {"dest": destination(option), **attributes}
        try:
            group.addoption(f"--{option}", f"--lbcert-{option}", **attributes)
        except (ArgumentError, ValueError):
            group.addoption(f"--lbcert-{option}", **attributes)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marks; where cases are to run, settle what every process of the run must agree on."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if hasattr(config, "workerinput"):  # a worker of pytest-xdist
        vars(config.option).update(config.workerinput.get("lbcert", {}))
        return
    config.pluginmanager.register(_Oversight(config), "lbcert-oversight")
    if config.getoption(destination("profile"), None):
        from lbcert_tools import settings

        settings.settle(config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hand a worker of pytest-xdist what was settled for the run."""
    options = vars(node.config.option)
    node.workerinput["lbcert"] = {name: given for name, given in options.items() if name.startswith(destination(""))}


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> None:
    """Take part in the run from the first file of the suites on."""
    folder = suites_folder()
    plugins = parent.config.pluginmanager
    if folder and not plugins.has_plugin("lbcert-certification") and folder in file_path.resolve().parents:
        from lbcert_tools.certification import Certification

        plugins.register(Certification(parent.config, folder), "lbcert-certification")
        if not parent.config.option.collectonly:
            plugins.import_plugin("lbcert_tools.case_fixtures")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tell pytest-xdist which cases are for the lab aside."""
    if config.getoption(destination("aside")):
        for item in items:
            group = ASIDE if item.get_closest_marker("untimed") else "timed"
            item.add_marker(pytest.mark.xdist_group(group))


_SHOWN = {
    "pass": ("passed", ".", ("PASS", {"green": True})),
    "fail": ("failed", "F", ("FAIL", {"red": True})),
    "error": ("failed", "E", ("ERROR", {"red": True})),
    "inconclusive": ("failed", "?", ("INCONCLUSIVE", {"yellow": True})),
    "not-applicable": ("skipped", "-", ("NOT APPLICABLE", {"blue": True})),
}
"""For each verdict of a case the category, letter and word that pytest prints; unknown is no pass for pytest either."""


class _Oversight:
    """Sees every report in the process that oversees the run, be it the only one or that of xdist's workers."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.began = time.monotonic()
        self.outcomes: Counter[str] = Counter()

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, Any] | None:
        """Say the verdict of a case in its own words."""
        outcome = getattr(report, "lbcert_outcome", "")
        if not outcome or (report.when != "call" and report.passed) or hasattr(report, "wasxfail"):
            return None
        if report.failed and outcome == "pass":
            return None  # declared to fail, and passes
        return _SHOWN[outcome]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count the cases that ended."""
        if report.when == "teardown" and (outcome := getattr(report, "lbcert_outcome", "")):
            self.outcomes[outcome] += 1

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Journal that the run came to its end; one that was interrupted does not get there."""
        if self.outcomes and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            from lbcert_tools.certification import recorder

            duration = time.monotonic() - self.began
            recorder(self.config).event("run-finished", cases=dict(self.outcomes), duration=duration)
