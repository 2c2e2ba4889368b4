"""The doctor on machines that lack one thing each."""

import io
import json
import os
import resource
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lbcert_fixtures.commands import private
from lbcert_tools import doctor, kernel_features
from lbcert_tools.doctor import GIB, Finding, Level, Machine, Wish

FILES = {
    "etc/subuid": "user:100000:65536\n",
    "etc/subgid": "user:100000:65536\n",
    "proc/meminfo": "MemTotal: 9 kB\nMemAvailable: 16777216 kB\n",
    "proc/self/cgroup": "0::/user.slice\n",
    "proc/sys/fs/inotify/max_user_instances": "128\n",
    "proc/sys/kernel/pid_max": "32768\n",
    "proc/sys/kernel/threads-max": "99999\n",
    "proc/sys/kernel/unprivileged_userns_clone": "1\n",
    "proc/sys/kernel/apparmor_restrict_unprivileged_userns": "0\n",
    "proc/sys/user/max_user_namespaces": "9999\n",
    "proc/sys/net/ipv4/neigh/default/gc_thresh3": "1024\n",
    "proc/sys/net/ipv6/neigh/default/gc_thresh3": "1024\n",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
    "sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
    "sys/fs/cgroup/user.slice/cgroup.controllers": "cpu memory pids\n",
    **{f"usr/lib/cni/{name}": "" for name in doctor.CNI_PLUGINS},
    "usr/share/keyrings/debian-archive-keyring.gpg": "",
}


class Faked(Machine):
    """A machine on which everything is as it should be, but for what a test changes."""

    def __init__(self, root: Path, uid: int = 1000) -> None:
        super().__init__(root, uid)
        self.absent: set[str] = set()
        self.packages: set[str] = set()
        self.features: Mapping[str, str] = dict.fromkeys(kernel_features.FEATURES, "")
        self.namespaces = ""
        self.overlays = ""
        self.free = 100 * GIB
        self.in_use = 0
        for name, text in FILES.items():
            self.put(name, text)
        os.setxattr(root / "sys/fs/cgroup/user.slice", "user.delegate", b"1")

    def put(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def user_names(self) -> tuple[str, ...]:
        return ("user", "1000")

    def program(self, name: str) -> str | None:
        return None if name in self.absent else f"/usr/bin/{name}"

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        if "lbcert_tools.kernel_features" in command:
            folders = command[command.index("lbcert_tools.kernel_features") + 1 :]
            results = {**self.features, **{f"overlayfs in {folder}": self.overlays for folder in folders}}
            return subprocess.CompletedProcess(command, 0, json.dumps(results), "")
        if command[0] == "unshare":
            return subprocess.CompletedProcess(command, bool(self.namespaces), "", self.namespaces)
        if command[0] == "apt-cache":
            return subprocess.CompletedProcess(
                command, 0, f"Package: {command[-1]}\n" * (command[-1] in self.packages), ""
            )
        return subprocess.CompletedProcess(command, 0, "go1.26.1\n", "")

    def limit(self, kind: int) -> int | None:
        return 1 << 20 if kind == resource.RLIMIT_NOFILE else None

    def inotify_instances(self) -> int:
        return self.in_use

    def free_bytes(self, folder: Path) -> int:
        return self.free


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Faked:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Faked(tmp_path / "root")


def bad(machine: Machine, wish: Wish = Wish()) -> list[Finding]:  # noqa: B008 - it is frozen
    return [finding for finding in doctor.examine(wish, machine) if finding.level is not Level.FINE]


def test_a_machine_that_lacks_nothing_gives_nothing_to_mend(machine: Faked) -> None:
    assert bad(machine) == []


@pytest.mark.parametrize(
    ("file", "text", "subject", "fix"),
    [
        ("etc/subuid", "user:100000:1000\n", "/etc/subuid", "usermod --add-subuids 100000-165535 user"),
        ("etc/subgid", "other:100000:65536\n", "/etc/subgid", "usermod --add-subgids"),
        ("proc/sys/fs/inotify/max_user_instances", "16\n", "inotify instances", "sysctl -w fs.inotify"),
        ("proc/meminfo", "MemAvailable: 500000 kB\n", "memory", "free memory"),
        ("sys/fs/cgroup/memory.max", "500000000\n", "memory", "free memory"),
        ("sys/fs/cgroup/pids.max", "400\n", "tasks", "raise pids.max"),
    ],
)
def test_what_is_too_small_stops_a_lab_and_says_what_helps(
    machine: Faked, file: str, text: str, subject: str, fix: str
) -> None:
    machine.put(file, text)
    (finding,) = bad(machine)
    assert (finding.subject, finding.level) == (subject, Level.MISSING)
    assert fix in finding.fix


@pytest.mark.parametrize(
    ("file", "text", "subject"),
    [
        ("proc/sys/net/ipv6/neigh/default/gc_thresh3", "32\n", "ipv6 neighbour table"),
        ("proc/meminfo", "MemAvailable: 1300000 kB\n", "memory"),
        ("sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n", "clock source"),
    ],
)
def test_what_is_near_a_limit_degrades_a_lab(machine: Faked, file: str, text: str, subject: str) -> None:
    machine.put(file, text)
    assert [(f.subject, f.level) for f in bad(machine)] == [(subject, Level.DEGRADED)]


def test_every_missing_package_is_named_once_with_what_is_missing_of_it(machine: Faked) -> None:
    machine.absent = {"crun", "nft", "newuidmap", "newgidmap"}
    (machine.root / "usr/lib/cni/ptp").unlink()
    found = {finding.subject: finding for finding in bad(machine)}
    assert set(found) == {"crun", "nftables", "uidmap", "containernetworking-plugins"}
    assert found["uidmap"].observed == "not found: newuidmap, newgidmap"
    assert found["containernetworking-plugins"].observed == "not found: /usr/lib/cni/ptp"
    assert all("apt-get install" in finding.fix for finding in found.values())


def test_a_machine_that_does_not_know_debians_keys_is_told_by_which_package_it_will(machine: Faked) -> None:
    (machine.root / "usr/share/keyrings/debian-archive-keyring.gpg").unlink()
    (finding,) = bad(machine)
    assert (finding.subject, finding.level) == ("debian-archive-keyring", Level.MISSING)


def test_every_switch_that_is_off_is_named_if_user_namespaces_cannot_be_made(machine: Faked) -> None:
    machine.namespaces = "unshare: Operation not permitted"
    machine.put("proc/sys/kernel/unprivileged_userns_clone", "0\n")
    machine.put("proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n")
    assert [finding.fix.split(" (")[0] for finding in bad(machine)] == [
        "as root: sysctl -w kernel.unprivileged_userns_clone=1",
        "as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ]


def test_a_switch_that_is_off_does_not_matter_where_user_namespaces_work(machine: Faked) -> None:
    machine.put("proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n")
    assert bad(machine) == []


def test_root_needs_neither_user_namespaces_nor_subordinate_ids(machine: Faked) -> None:
    machine.uid = 0
    machine.absent = {"newuidmap", "newgidmap"}
    for name in ("subuid", "subgid"):
        machine.put(f"etc/{name}", "")
    assert bad(machine) == []


def test_a_kernel_without_a_feature_is_told_from_one_that_is_only_less_precise(machine: Faked) -> None:
    machine.features = {**machine.features, "nftables": "not supported", "real-time scheduling": "not permitted"}
    assert {f.subject: f.level for f in bad(machine)} == {
        "nftables": Level.MISSING,
        "real-time scheduling": Level.INFORMATION,
    }


def test_more_nodes_and_more_labs_need_more(machine: Faked) -> None:
    def stops(wish: Wish) -> list[str]:
        return [finding.subject for finding in doctor.blocking(wish, machine)]

    machine.in_use = 3
    most = (128 - 3 - doctor.INOTIFY_PER_LAB) // doctor.INOTIFY_PER_NODE
    assert stops(Wish(most)) == []
    assert stops(Wish(most + 1)) == ["inotify instances"]
    (finding,) = doctor.blocking(Wish(most + 1), machine)
    assert f"ask for {most} nodes at most" in finding.fix
    labs = (128 - 3) // (doctor.INOTIFY_PER_LAB + 3 * doctor.INOTIFY_PER_NODE)
    assert stops(Wish(3, labs)) == []
    assert stops(Wish(3, labs + 1)) == ["inotify instances"]


def test_the_first_set_up_needs_more_disk_than_later_runs(machine: Faked, tmp_path: Path) -> None:
    machine.free = 2 * GIB
    assert [f.subject for f in bad(machine)] == ["disk"]
    (tmp_path / "cache" / "lbcert" / "programs").mkdir(parents=True)
    assert bad(machine) == []


def test_everything_that_is_missing_is_said_at_once(machine: Faked) -> None:
    machine.absent = {"crun"}
    machine.free = 0
    machine.put("etc/subuid", "")
    assert {f.subject for f in doctor.blocking(Wish(), machine)} == {"crun", "disk", "/etc/subuid"}


def test_the_machine_it_runs_on_is_read_and_its_features_are_tried() -> None:
    findings = doctor.examine()
    assert {"Linux", "Python", "disk", "clock"} <= {finding.subject for finding in findings}
    assert all(finding.fix for finding in findings if finding.level is Level.MISSING)
    assert json.loads(doctor.as_json(findings))[0]["level"] == "fine"


KIND = Wish(testbed="kind")


def test_a_kind_cluster_uses_more_inotify_instances_than_a_lab(machine: Faked) -> None:
    machine.uid = 0
    machine.put("proc/sys/fs/inotify/max_user_instances", "70\n")
    assert bad(machine) == []
    (finding,) = bad(machine, KIND)
    assert (finding.subject, finding.level) == ("inotify instances", Level.MISSING)
    assert "needs 83" in finding.observed
    assert "2 nodes at most" in finding.fix


def test_the_testbed_kind_wants_root(machine: Faked) -> None:
    (finding,) = bad(machine, KIND)
    assert (finding.subject, finding.level) == ("testbed kind", Level.MISSING)
    assert "as root" in finding.fix


def test_the_testbed_kind_wants_an_engine_and_names_all_that_is_missing(machine: Faked) -> None:
    machine.uid = 0
    machine.absent = {"dockerd", "docker", "runc"}
    (finding,) = bad(machine, KIND)
    assert finding.level is Level.MISSING
    assert "docker, dockerd, runc" in finding.observed
    assert "`tools/lbcert setup kind` unpacks it" in finding.fix
    assert finding.fix.endswith("--no-install-recommends docker.io runc")
    assert doctor.blocking(Wish(), machine) == []


def test_who_wants_podman_is_told_what_it_lacks_of_that(machine: Faked) -> None:
    machine.uid, machine.absent = 0, {"dockerd", "conmon", "netavark"}
    (finding,) = bad(machine, replace(KIND, engine="podman"))
    assert finding.observed == "no container engine podman: conmon, netavark not found"
    assert finding.fix == "as root: apt-get install --no-install-recommends conmon netavark"


def test_dockers_client_comes_from_its_own_package_where_there_is_one(machine: Faked) -> None:
    machine.uid = 0
    machine.absent = {"docker"}
    (finding,) = bad(machine, KIND)
    assert finding.fix.endswith("--no-install-recommends docker.io")
    machine.packages = {"docker-cli"}
    (finding,) = bad(machine, KIND)
    assert finding.fix.endswith("--no-install-recommends docker-cli")


def test_a_kind_cluster_needs_disk_for_its_nodes_and_once_for_its_image(machine: Faked, tmp_path: Path) -> None:
    machine.uid = 0
    cache = tmp_path / "cache" / "lbcert"
    (cache / "programs").mkdir(parents=True)
    machine.free = 5 * GIB
    (finding,) = bad(machine, KIND)
    assert (finding.subject, finding.level) == ("disk", Level.MISSING)
    assert "needed 8.6 GiB for the first set-up" in finding.observed
    assert bad(machine, replace(KIND, node_image=True)) == []
    (cache / "kind/.1.unfinished-x").mkdir(parents=True)
    put_node_image(cache / "kind/.1.unfinished-x", "v1.36.3")
    put_node_image(cache / "kind/2", "v1.34.2")
    assert [f.subject for f in bad(machine, KIND)] == ["disk"]
    put_node_image(cache / "kind/1", "v1.36.3")
    assert bad(machine, KIND) == []
    assert [f.subject for f in bad(machine, replace(KIND, nodes=4))] == ["disk"]
    assert [f.subject for f in bad(machine, replace(KIND, kubernetes="1.35"))] == ["disk"]


def put_node_image(folder: Path, version: str) -> None:
    """Put a node image into a folder, as far as it says what it is."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = [{"RepoTags": [f"lbcert/kind-node:{version}-0123456789ab"], "Config": "1.json"}]
    with tarfile.open(folder / "node.tar", "w") as archive:
        for name, content in (("1.json", {}), ("manifest.json", manifest)):
            entry, text = tarfile.TarInfo(name), json.dumps(content).encode()
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))


def test_dockers_layers_want_a_file_system_that_carries_overlays(machine: Faked, tmp_path: Path) -> None:
    machine.uid, machine.overlays = 0, "wrong fs type"
    assert bad(machine) == []
    (finding,) = bad(machine, KIND)
    assert (finding.subject, finding.level) == (f"overlayfs in {tmp_path}", Level.MISSING)
    assert "XDG_CACHE_HOME" in finding.fix


def test_overlays_are_tried_where_they_are_wanted(tmp_path: Path) -> None:
    tried = [*private(network=True), "unshare", "--cgroup", sys.executable, "-m", "lbcert_tools.kernel_features"]
    for folder, refused in ((tmp_path, False), (Path("/proc"), True)):
        said = subprocess.run([*tried, folder], capture_output=True, text=True, check=True).stdout
        assert bool(json.loads(said)[f"overlayfs in {folder}"]) is refused
    assert list(tmp_path.iterdir()) == []


def test_a_kind_cluster_needs_more_memory_than_a_lab(machine: Faked) -> None:
    machine.uid = 0
    machine.put("proc/meminfo", f"MemAvailable: {int(1.8 * GIB) // 1024} kB\n")
    assert bad(machine) == []
    (finding,) = bad(machine, KIND)
    assert (finding.subject, finding.level) == ("memory", Level.MISSING)
    assert "needs 1.9 GiB to 2.8 GiB" in finding.observed


def test_limits_of_pods_hold_on_kind_however_cgroups_are_delegated(machine: Faked) -> None:
    machine.uid = 0
    os.removexattr(machine.root / "sys/fs/cgroup/user.slice", "user.delegate")
    assert [f.subject for f in bad(machine)] == ["limits of pods"]
    assert bad(machine, KIND) == []


def test_a_root_without_sys_resource_is_told_what_that_means_for_kind(machine: Faked) -> None:
    machine.uid = 0
    machine.put("proc/self/status", "CapBnd:\t000001fffeffffff\n")
    (finding,) = bad(machine, KIND)
    assert finding.level is Level.INFORMATION
    assert "CAP_SYS_RESOURCE" in finding.observed
