"""What a contributor runs. `tools/lbcert test SESSION` sets everything up and runs one of these.

The sessions share the environment that they are started from: `tools/lbcert` has made it.
"""

import json
import time
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "tests"]

PACKAGES = ["suites", "fixtures", "chaos", "reports", "tools"]


@nox.session
def lint(session: nox.Session) -> None:
    """Style, types, layers: ruff, mypy, import-linter, shellcheck."""
    session.run("ruff", "check", *PACKAGES, "noxfile.py")
    session.run("ruff", "format", "--check", *PACKAGES, "noxfile.py")
    session.run("mypy")
    session.run("lint-imports")
    session.run("shellcheck", "tools/lbcert", ".ci/run")


@nox.session
def tests(session: nox.Session) -> None:
    """Every test but those of kind and Helm, those with labs beside the others; `-- ARGUMENTS` go to pytest."""
    session.run("pytest", "-m", "not kind and not helm", "--numprocesses=2", "--dist=loadgroup", *session.posargs)


@nox.session
def quick(session: nox.Session) -> None:
    """The tests that need neither lab nor browser, two at a time: seconds, for while you write."""
    session.run(
        "pytest",
        "-m",
        "not lab and not browser and not slow and not kind and not helm",
        "--numprocesses=2",
        *session.posargs,
    )


@nox.session
def lab(session: nox.Session) -> None:
    """The tests that stand up labs."""
    session.run("pytest", "-m", "lab and not kind", *session.posargs)


@nox.session
def browser(session: nox.Session) -> None:
    """The tests that look at reports in Chromium."""
    session.run("pytest", "-m", "browser", *session.posargs)


@nox.session
def certify(session: nox.Session) -> None:
    """A quick certificate of MetalLB from the checkout; `-- ARGUMENTS` go to `lbcert certify`."""
    session.run("lbcert", "certify", *_of_a_profile(session.posargs or ["--quick"]))


def _of_a_profile(arguments: list[str]) -> list[str]:
    """Arguments of `lbcert certify`, of MetalLB if they name no profile."""
    named = any(each.partition("=")[0] == "--profile" for each in arguments)
    return arguments if named else ["--profile=metallb-native", *arguments]


@nox.session(name="kind-image")
def kind_image(session: nox.Session) -> None:
    """A node image for kind, from Debian packages and Go modules; `-- ARGUMENTS` go to `lbcert kind image`."""
    session.run("lbcert", "kind", "image", *session.posargs)


@nox.session
def kind(session: nox.Session) -> None:
    """To be run before a release: the tests of kind and of Helm, and a quick certificate on kind. Needs root.

    No quick certificate is conformant, since not all of it ran (exit code 3): all that ran has to pass, but for what is
    among the findings about MetalLB.
    """
    session.run("pytest", "-m", "kind or helm", *session.posargs)
    output = Path("lbcert-runs") / time.strftime("kind-%Y%m%d-%H%M%S")
    certify = ("lbcert", "certify", "--testbed=kind", "--profile=metallb-native", "--quick", f"--output={output}")
    session.run(*certify, success_codes=[0, 3])
    why = json.loads((output / "report.json").read_text())["summary"]["whyNot"]
    findings = Path("docs/findings/metallb-0.16.1.md").read_text()
    missed = [each for each in (*why["failed"], *why["deviations"]) if f"{each} (" not in findings]
    if unexplained := [*missed, *why["inconclusive"], *why["errors"]]:
        session.error(f"{', '.join(unexplained)} did not pass, and are no findings: {output / 'report.html'}")


@nox.session(name="certify-kind")
def certify_kind(session: nox.Session) -> None:
    """A certificate of MetalLB on kind; `-- ARGUMENTS` go to `lbcert certify --testbed kind`. Needs root."""
    session.run("lbcert", "certify", "--testbed=kind", *_of_a_profile(session.posargs))


@nox.session(name="kubernetes-e2e")
def kubernetes_e2e(session: nox.Session) -> None:
    """Kubernetes' own network conformance tests in the lab; `-- --focus REGEX`, `--kubernetes VERSION`."""
    session.run("python", "-m", "lbcert_tools.kubernetes_e2e", *session.posargs)


@nox.session
def controls(session: nox.Session) -> None:
    """Every case can fail: the reference with each of its defects, in two labs; `-- --all`, `-- --only NAME`."""
    session.run("python", "-m", "lbcert_tools.controls", *session.posargs)


@nox.session
def repeat(session: nox.Session) -> None:
    """The suite N times, shuffled: which verdicts change; `-- N [--load K] [--seed S] [certify options]`."""
    session.run("python", "-m", "lbcert_tools.repeat", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """What lbcert promises of itself, measured here; `-- PART ...` for some of it.

    The parts: build, boot, implementation, gap, report, certificate.
    """
    session.run("python", "-m", "lbcert_tools.bench", *session.posargs)


@nox.session
def mutation(session: nox.Session) -> None:
    """Change the judges in every way that Cosmic Ray knows: do their tests notice? Hours; `-- MODULE ...` for some."""
    session.run("python", "-m", "lbcert_tools.mutation", *session.posargs)
