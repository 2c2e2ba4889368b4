"""What this machine lacks for a lab: everything at once, each with what helps.

Nothing is concluded from version numbers: the kernel's features are tried in a private namespace, and limits are
held against what a lab of the wanted size was measured to use.
"""

import contextlib
import json
import os
import platform
import pwd
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from lbcert_fixtures.cache import cache_folder
from lbcert_fixtures.commands import private
from lbcert_fixtures.images.store import ImageError
from lbcert_fixtures.kubernetes.programs import DEFAULT_KUBERNETES
from lbcert_fixtures.testbeds.kind import engine, engines
from lbcert_fixtures.testbeds.kind.image import image_in
from lbcert_fixtures.testbeds.netns import cgroups
from lbcert_tools import kernel_features

INOTIFY_PER_LAB, INOTIFY_PER_NODE = 5, 6  # as counted in a lab with MetalLB in it
INOTIFY_PER_KIND_CLUSTER, INOTIFY_PER_KIND_NODE = 32, 17  # counted likewise; the control plane is of the cluster's
TASKS_PER_LAB, TASKS_PER_NODE = 300, 150
FILES_PER_PROCESS = 4096
SUBORDINATE_IDS = 65536
GIB = 1 << 30
CACHE_COLD_BYTES, CACHE_WARM_BYTES = 4 * GIB, GIB
KIND_IMAGE_BYTES = 4 * GIB
"""What making the node image takes: its archive and its layer beside each other, its parts, and what Go keeps."""
KIND_CLUSTER_BYTES, KIND_NODE_BYTES = int(2.3 * GIB), int(0.45 * GIB)
"""What an engine keeps: the node image, twice while it is loaded; /var of the control plane, and of a worker."""
MEMORY_GIB = {"netns": ((0.7, 0.09), (0.7, 0.3)), "kind": ((0.9, 0.35), (1.3, 0.5))}
"""Of each testbed what it needs at least and comfortably: for the whole, and for each node besides.

Measured with an implementation deployed: proportional set size, and resident with shared pages counted often.
"""
_STEP_NS = 1_000_000

PROGRAMS = {
    "crun": "crun",
    "ip": "iproute2",
    "mmdebstrap": "mmdebstrap",
    "nft": "nftables",
    "skopeo": "skopeo",
    "umoci": "umoci",
    "unshare": "util-linux",
}
"""Programs that a lab is made with, and the Debian package of each."""

CNI_FOLDER, CNI_PLUGINS = Path("usr/lib/cni"), ("ptp", "host-local", "loopback", "portmap")
KEYRING = Path("usr/share/keyrings/debian-archive-keyring.[gp]*")
"""By what mmdebstrap knows that a mirror is Debian's: always there on Debian, on Ubuntu not."""

# What is done without where the kernel does not have it, and so does not stop a lab.
_OPTIONAL_FEATURES = {
    "fixed multipath hash seed": "routers choose next hops by a seed that differs from run to run; Linux 6.10 fixes it",
    "real-time scheduling": "probes are as punctual as an ordinary process: as root they would be more so",
}


class Level(StrEnum):
    """How much a finding matters."""

    MISSING = "missing"
    """no lab can be had until it is mended"""
    DEGRADED = "degraded"
    """a lab comes up, but something in it will be slow, imprecise or close to a limit"""
    INFORMATION = "information"
    FINE = "fine"


@dataclass(frozen=True)
class Finding:
    """What was found about one thing.

    Attributes:
        subject: the thing.
        level: how much it matters.
        observed: what was seen.
        fix: what to do about it; empty if nothing is to be done.
    """

    subject: str
    level: Level
    observed: str
    fix: str = ""


@dataclass(frozen=True)
class Wish:
    """What the machine shall carry.

    Attributes:
        nodes: nodes of a lab.
        labs: labs at the same time (one a worker).
        testbed: which testbed, by name.
        engine: what runs the containers of kind.
        node_image: whether a node image is given for kind, so that none has to be made.
        kubernetes: the version, as in ``1.36``.
    """

    nodes: int = 3
    labs: int = 1
    testbed: str = "netns"
    engine: str = "docker"
    node_image: bool = False
    kubernetes: str = DEFAULT_KUBERNETES


class Machine:
    """The machine as the checks see it; tests give another one.

    Args:
        root: where ``/proc``, ``/sys``, ``/etc`` and ``/usr`` are looked for.
        uid: the user that will run labs.
    """

    def __init__(self, root: Path = Path("/"), uid: int | None = None) -> None:
        self.root = root
        self.uid = os.geteuid() if uid is None else uid

    def text(self, path: str) -> str | None:
        """What a file holds, stripped; None if there is none that can be read."""
        try:
            return (self.root / path).read_text().strip()
        except OSError:
            return None

    def number(self, path: str) -> int | None:
        """The number that a file holds; None if it holds none (``max`` among others)."""
        text = self.text(path) or ""
        return int(text) if text.isdecimal() else None

    def user_names(self) -> tuple[str, ...]:
        """How ``/etc/subuid`` may name the user."""
        try:
            return (pwd.getpwuid(self.uid).pw_name, str(self.uid))
        except KeyError:
            return (str(self.uid),)

    def program(self, name: str) -> str | None:
        """Where a program lies; folders in which Debian keeps some from ordinary users are searched for every user."""
        return shutil.which(name, path=engine.search_path())

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run a short command to its end."""
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def limit(self, kind: int) -> int | None:
        """The hard limit of a resource for a process of this user; None if there is none."""
        hard = resource.getrlimit(kind)[1]
        return None if hard == resource.RLIM_INFINITY else hard

    def inotify_instances(self) -> int:
        """How many inotify instances the user has already, as far as we may see."""
        count = 0
        for process in (self.root / "proc").glob("[0-9]*"):
            try:
                if process.stat().st_uid == self.uid:
                    links = (link.readlink().name for link in (process / "fd").iterdir())
                    count += sum(link == "anon_inode:inotify" for link in links)
            except OSError:
                continue  # it ended, or is not ours to look at
        return count

    def free_bytes(self, folder: Path) -> int:
        """What is free for a folder that need not exist yet."""
        return shutil.disk_usage(_existing(folder)).free


def examine(wish: Wish = Wish(), machine: Machine | None = None) -> list[Finding]:
    """Look at everything; findings in the order of the checks, the fine ones among them."""
    return [finding for check in _CHECKS for finding in check(machine or Machine(), wish)]


def blocking(wish: Wish = Wish(), machine: Machine | None = None) -> list[Finding]:
    """Only what stops a lab of this size."""
    return [finding for finding in examine(wish, machine) if finding.level is Level.MISSING]


def as_json(findings: Sequence[Finding]) -> str:
    """The findings as a JSON list."""
    return json.dumps([asdict(finding) for finding in findings], indent=2)


def _existing(folder: Path) -> Path:
    """A folder, or the one in which it will be made."""
    while not folder.exists():
        folder = folder.parent
    return folder


def _fine(subject: str, observed: str) -> Finding:
    return Finding(subject, Level.FINE, observed)


def _system(_machine: Machine, _wish: Wish) -> Iterator[Finding]:
    if sys.platform != "linux":
        yield Finding("Linux", Level.MISSING, f"this is {sys.platform}", "labs are made of Linux namespaces: use Linux")
    else:
        yield _fine("Linux", f"{platform.release()} {platform.machine()}")
    yield _fine("Python", platform.python_version())


def _programs(machine: Machine, _wish: Wish) -> Iterator[Finding]:
    packages = PROGRAMS if machine.uid == 0 else PROGRAMS | {"newuidmap": "uidmap", "newgidmap": "uidmap"}
    lacking = {package for program, package in packages.items() if not machine.program(program)}
    plugins = [f"/{CNI_FOLDER}/{name}" for name in CNI_PLUGINS if not (machine.root / CNI_FOLDER / name).exists()]
    keyring = [] if any((machine.root / KEYRING.parent).glob(KEYRING.name)) else [f"/{KEYRING}"]
    files = {"containernetworking-plugins": plugins, "debian-archive-keyring": keyring}
    lacking |= {package for package, missing in files.items() if missing}
    for package in sorted(lacking):
        what = [program for program, its in packages.items() if its == package and not machine.program(program)]
        what = what or files[package]
        fix = f"as root: apt-get install --no-install-recommends {package}"
        yield Finding(package, Level.MISSING, f"not found: {', '.join(what)}", fix)
    if not lacking:
        yield _fine("programs", ", ".join([*packages, "CNI plugins"]))
    if not machine.program("git"):
        yield Finding("git", Level.INFORMATION, "not found: reports cannot name the commit of this suite")


def _user_namespaces(machine: Machine, _wish: Wish) -> Iterator[Finding]:
    if machine.uid == 0:
        done = machine.run(["unshare", "--net", "--mount", "--pid", "--fork", "true"])
        if done.returncode:
            fix = "root without CAP_SYS_ADMIN, as in a plain container: give it (--privileged), or be an ordinary user"
            yield Finding("namespaces", Level.MISSING, done.stderr.strip(), fix)
        else:
            yield _fine("namespaces", "root may make them")
        return
    done = machine.run(["unshare", "--user", "--map-root-user", "--net", "true"])
    if done.returncode:
        switches = (
            ("kernel/unprivileged_userns_clone", "0", "1"),
            ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),
            ("user/max_user_namespaces", "0", "15000"),
        )
        off = [(name, want) for name, bad, want in switches if machine.text(f"proc/sys/{name}") == bad]
        for name, want in off:
            setting = name.replace("/", ".")
            fix = f"as root: sysctl -w {setting}={want} (and the same line in /etc/sysctl.d/ to keep it)"
            yield Finding("user namespaces", Level.MISSING, f"switched off by {setting}", fix)
        if not off:
            fix = "nothing known switches them off: a container's seccomp profile, perhaps; as root a lab works without"
            yield Finding("user namespaces", Level.MISSING, done.stderr.strip(), fix)
    else:
        yield _fine("user namespaces", "this user may make them")


def _subordinate_ids(machine: Machine, _wish: Wish) -> Iterator[Finding]:
    if machine.uid == 0:
        return
    names = machine.user_names()
    for kind in ("subuid", "subgid"):
        rows = [line.split(":") for line in (machine.text(f"etc/{kind}") or "").splitlines()]
        largest = max((int(row[2]) for row in rows if len(row) == 3 and row[0] in names), default=0)
        if largest < SUBORDINATE_IDS:
            fix = f"as root: usermod --add-{kind}s 100000-165535 {names[0]} (or another range that nobody else has)"
            seen = f"{largest} ids for {names[0]} in /etc/{kind}, images need {SUBORDINATE_IDS}"
            yield Finding(f"/etc/{kind}", Level.MISSING, seen, fix)
        else:
            yield _fine(f"/etc/{kind}", f"{largest} ids")


def _kernel_features(machine: Machine, wish: Wish) -> Iterator[Finding]:
    features = [sys.executable, "-m", "lbcert_tools.kernel_features"]
    if wish.testbed == "kind":
        features.append(str(_existing(cache_folder())))  # engines keep nodes there, in overlays
    done = machine.run([*private(network=True), "unshare", "--cgroup", *features])
    try:
        results: dict[str, str] = json.loads(done.stdout)
    except ValueError:
        said = done.stderr.strip().splitlines()
        seen = said[-1] if said else f"the probe ended with status {done.returncode}"
        yield Finding("kernel features", Level.MISSING, f"could not be tried: {seen}", "mend what is missing above")
        return
    fine = [feature for feature, problem in results.items() if not problem]
    yield _fine("kernel features", ", ".join(fine))
    for feature, problem in results.items():
        if problem and feature in _OPTIONAL_FEATURES:
            yield Finding(feature, Level.INFORMATION, f"{problem}: {_OPTIONAL_FEATURES[feature]}")
        elif problem:
            fix = "use a kernel that has it and allows it in namespaces; Debian's and Ubuntu's kernels do"
            if feature not in kernel_features.FEATURES:
                fix = "set XDG_CACHE_HOME to a folder on another file system: ext4 and xfs carry overlays"
            yield Finding(feature, Level.MISSING, problem, fix)


def _cgroups(machine: Machine, wish: Wish) -> Iterator[Finding]:
    if wish.testbed == "kind":
        yield _fine("limits of pods", "nodes have cgroups")
        return
    try:
        cgroups.delegated(machine.root)
    except cgroups.NotDelegatedError as reason:
        fix = "systemd-run --user --scope --property=Delegate=yes lbcert ..., if they matter to you"
        yield Finding("limits of pods", Level.INFORMATION, f"{reason}: pods run without CPU and memory limits", fix)
    else:
        yield _fine("limits of pods", "cgroup v2 is delegated")


def _inotify(machine: Machine, wish: Wish) -> Iterator[Finding]:
    limit = machine.number("proc/sys/fs/inotify/max_user_instances")
    if limit is None:
        return
    used = machine.inotify_instances()
    per_lab, per_node = INOTIFY_PER_LAB, INOTIFY_PER_NODE
    if wish.testbed == "kind":
        per_lab, per_node = INOTIFY_PER_KIND_CLUSTER, INOTIFY_PER_KIND_NODE
    need = wish.labs * (per_lab + per_node * wish.nodes)
    seen = f"{limit} for this user, {used} in use; {_labs(wish)} needs {need}"
    if used + need > limit:
        most = ((limit - used) // wish.labs - per_lab) // per_node
        fix = f"as root: sysctl -w fs.inotify.max_user_instances={max(1024, 2 * need)}" + (
            f"; or ask for {most} nodes at most" if most > 0 else ""
        )
        yield Finding("inotify instances", Level.MISSING, seen, fix)
    else:
        yield _fine("inotify instances", seen)


def _neighbour_table(machine: Machine, wish: Wish) -> Iterator[Finding]:
    need = wish.labs * (wish.nodes + 5) ** 2
    for family in ("ipv4", "ipv6"):
        limit = machine.number(f"proc/sys/net/{family}/neigh/default/gc_thresh3")
        if limit is None:
            continue  # visible in the machine's first network namespace only
        seen = f"room for {limit} entries; {_labs(wish)} may need {need}"
        if need > limit:
            fix = f"as root: sysctl -w net.{family}.neigh.default.gc_thresh3={1 << (2 * need).bit_length()}"
            why = ": when it overflows, addresses seem not to answer"
            yield Finding(f"{family} neighbour table", Level.DEGRADED, seen + why, fix)
        else:
            yield _fine(f"{family} neighbour table", seen)


def _memory(machine: Machine, wish: Wish) -> Iterator[Finding]:
    available = re.search(r"MemAvailable:\s+(\d+) kB", machine.text("proc/meminfo") or "")
    if not available:
        return
    free = int(available[1]) * 1024
    for limit in ("memory.max", "memory/memory.limit_in_bytes"):
        free = min(free, machine.number(f"sys/fs/cgroup/{limit}") or free)
    needs = MEMORY_GIB[wish.testbed]
    at_least, comfortable = (int(wish.labs * (base + each * wish.nodes) * GIB) for base, each in needs)
    seen = f"{_gib(free)} available; {_labs(wish)} needs {_gib(at_least)} to {_gib(comfortable)}"
    if free < at_least:
        yield Finding("memory", Level.MISSING, seen, "free memory, or ask for fewer nodes or workers")
    elif free < comfortable:
        yield Finding("memory", Level.DEGRADED, seen, "free memory, or ask for fewer nodes or workers")
    else:
        yield _fine("memory", seen)


def _disk(machine: Machine, wish: Wish) -> Iterator[Finding]:
    cache = cache_folder()
    warm = (cache / "programs").is_dir()
    free, need = machine.free_bytes(cache), CACHE_WARM_BYTES if warm else CACHE_COLD_BYTES
    if wish.testbed == "kind":
        need += wish.labs * (KIND_CLUSTER_BYTES + KIND_NODE_BYTES * wish.nodes)
        if not wish.node_image and not _has_node_image(cache, wish.kubernetes):
            warm, need = False, need + KIND_IMAGE_BYTES
    seen = f"{_gib(free)} free for {cache}; needed {_gib(need)}" + ("" if warm else " for the first set-up")
    if free < need:
        fix = "free disk space, empty it with 'lbcert cache clean', or set XDG_CACHE_HOME to a larger disk"
        yield Finding("disk", Level.MISSING, seen, fix)
    else:
        yield _fine("disk", seen)


def _has_node_image(cache: Path, kubernetes: str) -> bool:
    """Whether a node image of a version was made; one of an older recipe counts, and is made again in part."""
    for archive in (cache / "kind").glob("[!.]*/node.tar"):
        with contextlib.suppress(ImageError):
            if f":v{kubernetes}." in image_in(archive).name:
                return True
    return False


def _limits(machine: Machine, wish: Wish) -> Iterator[Finding]:
    files = machine.limit(resource.RLIMIT_NOFILE)
    if files is not None and files < FILES_PER_PROCESS:
        fix = f"raise the hard limit (ulimit -Hn, /etc/security/limits.conf) to {FILES_PER_PROCESS} or more"
        yield Finding("open files", Level.DEGRADED, f"{files} a process; containerd and kubelet like more", fix)
    else:
        yield _fine("open files", "unlimited" if files is None else f"{files} a process")
    need = wish.labs * (TASKS_PER_LAB + TASKS_PER_NODE * wish.nodes)
    limits = {
        "pids.max of the cgroup": machine.number("sys/fs/cgroup/pids.max"),
        "kernel.threads-max": machine.number("proc/sys/kernel/threads-max"),
        "kernel.pid_max": machine.number("proc/sys/kernel/pid_max"),
        "ulimit -u": None if machine.uid == 0 else machine.limit(resource.RLIMIT_NPROC),
    }
    name, least = min(((n, v) for n, v in limits.items() if v is not None), key=lambda row: row[1], default=("", need))
    seen = f"{least} ({name}); {_labs(wish)} needs about {need}"
    if least < need:
        yield Finding("tasks", Level.MISSING, seen, f"raise {name}, or ask for fewer nodes or workers")
    else:
        yield _fine("tasks", seen)


def _clock(machine: Machine, _wish: Wish) -> Iterator[Finding]:
    source = machine.text("sys/devices/system/clocksource/clocksource0/current_clocksource") or "unknown"
    if source in {"hpet", "acpi_pm", "jiffies", "pit"}:
        fix = "boot with a faster one (clocksource=tsc), if the machine has it"
        yield Finding("clock source", Level.DEGRADED, f"{source} is slow to read: probes are less precise", fix)
    else:
        yield _fine("clock source", source)
    before = time.time_ns() - time.monotonic_ns()
    time.sleep(0.05)
    stepped = abs(time.time_ns() - time.monotonic_ns() - before)
    if stepped > _STEP_NS:
        fix = "let the time daemon finish, or stop it for the run: timestamps are taken from this clock"
        yield Finding("clock", Level.DEGRADED, f"it moved by {stepped / 1e6:.1f} ms within 50 ms", fix)
    else:
        yield _fine("clock", "steady")


def _toolchain(machine: Machine, _wish: Wish) -> Iterator[Finding]:
    go = machine.program("go")
    version = machine.run([go, "env", "GOVERSION"]).stdout.strip() if go else ""
    if version:
        yield _fine("Go", f"{version}; a newer one is fetched from PyPI if a build asks for it")
    else:
        yield Finding("Go", Level.INFORMATION, "not found: the first set-up fetches it from PyPI")
    if not any(machine.program(name) for name in ("chromium", "chromium-browser", "google-chrome")):
        fix = "only the project's own browser tests need it: apt-get install chromium"
        yield Finding("Chromium", Level.INFORMATION, "not found", fix)


def _kind(machine: Machine, wish: Wish) -> Iterator[Finding]:
    """What the testbed kind needs besides; looked at only for who wants it."""
    if wish.testbed != "kind":
        return
    subject = "testbed kind"
    if machine.uid != 0:
        fix = "run lbcert as root, or use the testbed netns, which needs no root"
        yield Finding(subject, Level.MISSING, "it needs root: nodes are privileged containers on a bridge of ours", fix)
    absent = [program for program in engines.ENGINES[wish.engine].needed if not machine.program(program)]
    lacking = {program: engines.package_of(program, wish.engine, machine.run) for program in absent}
    if lacking:
        packages = " ".join(sorted(set(lacking.values())))
        seen = f"no container engine {wish.engine}: {', '.join(sorted(lacking))} not found"
        fix = f"as root: apt-get install --no-install-recommends {packages}"
        if wish.engine == "docker":
            fix = f"`tools/lbcert setup kind` unpacks it; or {fix}"
        yield Finding(subject, Level.MISSING, seen, fix)
    if machine.uid == 0 and not lacking:
        yield _fine(subject, f"root, and {wish.engine} to start in namespaces of its own")
    status = re.search(r"CapBnd:\s+([0-9a-f]+)", machine.text("proc/self/status") or "")
    if machine.uid == 0 and status and not int(status[1], 16) >> 24 & 1:
        seen = "root lacks CAP_SYS_RESOURCE here: nodes run without, and pods keep their score for the OOM killer"
        yield Finding(subject, Level.INFORMATION, seen)


def _labs(wish: Wish) -> str:
    one = f"a lab of {wish.nodes} nodes"
    return one if wish.labs == 1 else f"{one}, {wish.labs} times,"


def _gib(count: int) -> str:
    return f"{count / GIB:.1f} GiB"


_CHECKS: tuple[Callable[[Machine, Wish], Iterator[Finding]], ...] = (
    _system,
    _programs,
    _user_namespaces,
    _subordinate_ids,
    _kernel_features,
    _cgroups,
    _inotify,
    _neighbour_table,
    _memory,
    _disk,
    _limits,
    _clock,
    _toolchain,
    _kind,
)
