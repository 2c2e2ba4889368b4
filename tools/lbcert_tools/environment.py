"""What a run stood on: facts about the machine and the suite that a reader of its report asks for."""

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from lbcert_suites import catalogue
from lbcert_tools import __version__


def suite() -> dict[str, Any]:
    """Version and commit of the suite, version of its catalogue; ``modified`` if the checkout has changes."""
    commit = _git("rev-parse", "HEAD")
    return {
        "version": __version__,
        "commit": commit,
        "modified": bool(commit and _git("status", "--porcelain", "--untracked-files=no")),
        "catalogueVersion": catalogue.head().version,
    }


def machine() -> dict[str, Any]:
    """Kernel, distribution, processor, memory, clock and how busy the machine was."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "system": _after("/etc/os-release", "PRETTY_NAME=").strip('"'),
        "cpu": _after("/proc/cpuinfo", "model name").lstrip("\t: "),
        "cpus": len(os.sched_getaffinity(0)),
        "memory": memory,
        "python": platform.python_version(),
        "clockSource": _text("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        "user": "root" if os.geteuid() == 0 else "ordinary user",
        "loadAverage": list(os.getloadavg()),
    }


def _git(*arguments: str) -> str:
    """Ask git about the checkout that this file lies in; empty if there is neither."""
    # Whoever owns the checkout: reading its state runs nothing that lies in it.
    git = ["git", "-c", "safe.directory=*", "-C", str(Path(__file__).parent)]
    try:
        ours = subprocess.run([*git, "ls-files", "--error-unmatch", __file__], capture_output=True, check=False)
        done = subprocess.run([*git, *arguments], capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if not (ours.returncode or done.returncode) else ""


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _after(path: str, start: str) -> str:
    return next((line[len(start) :] for line in _text(path).splitlines() if line.startswith(start)), "")
