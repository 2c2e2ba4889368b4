"""What this kernel lets a lab do, found by doing it.

Run as ``python -m lbcert_tools.kernel_features [FOLDER]`` inside private user, network, mount and pid namespaces, where
nothing that it makes can be seen or stays. In FOLDER overlays are tried too, since not every file system carries
them. Prints a JSON object: feature name to ``""``, or to why it failed.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

Probe = Callable[[Path], object]

# What kube-proxy's nftables mode and the probes' counters are made of.
_NFT_RULES = """\
table inet lbcert {
  chain endpoint { meta l4proto tcp dnat ip to 192.0.2.1:80; }
  chain services {
    type nat hook prerouting priority dstnat
    numgen random mod 2 vmap { 0 : goto endpoint, 1 : goto endpoint }
  }
  chain masquerading {
    type nat hook postrouting priority srcnat
    meta mark & 0x4000 != 0 masquerade fully-random
  }
  chain forwarding {
    type filter hook forward priority filter
    ct state invalid counter drop
    fib daddr type local accept
  }
}
"""


def _run(*command: str, stdin: str = "") -> None:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.stderr.strip().splitlines()[0] if done.stderr.strip() else f"status {done.returncode}")


def _mount(kind: str, where: Path, options: str = "") -> None:
    where.mkdir(exist_ok=True)
    _run("mount", "-t", kind, *(["-o", options] if options else []), kind, str(where))


def _user_xattr(folder: Path) -> None:
    os.setxattr(folder, "user.lbcert", b"1")


def _overlay(folder: Path) -> None:
    layers = {name: folder / name for name in ("lower", "upper", "work")}
    for layer in layers.values():
        layer.mkdir()
    options = ",".join(f"{name}dir={layer}" for name, layer in layers.items())
    in_user_namespace = len(Path("/proc/self/uid_map").read_text().splitlines()) > 1
    _mount("overlay", folder / "merged", options + (",userxattr" if in_user_namespace else ""))


def _overlay_in(parent: Path) -> Probe:
    def probe(_folder: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="lbcert-", dir=parent) as name:
            _overlay(Path(name))
            _run("umount", str(Path(name, "merged")))

    return probe


def _conntrack(_folder: Path) -> None:
    _sysctl("net/netfilter/nf_conntrack_tcp_loose", "1")


def _multipath_hash(_folder: Path) -> None:
    _sysctl("net/ipv4/fib_multipath_hash_policy", "3")
    _sysctl("net/ipv4/fib_multipath_hash_fields", "0x37")
    _sysctl("net/ipv6/fib_multipath_hash_policy", "3")


def _sysctl(name: str, value: str) -> None:
    Path("/proc/sys", name).write_text(value)


def _multipath_route(_folder: Path) -> None:
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "address", "add", "192.0.2.1/24", "dev", "lo")
    hops = [word for host in (2, 3) for word in ("nexthop", "via", f"192.0.2.{host}", "dev", "lo")]
    _run("ip", "route", "add", "198.51.100.0/24", *hops)
    _run("ip", "nexthop", "add", "id", "1", "via", "192.0.2.2", "dev", "lo")
    _run("ip", "nexthop", "add", "id", "2", "group", "1")


def _raw_sockets(_folder: Path) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)):
        pass


def _real_time(_folder: Path) -> None:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


FEATURES: Mapping[str, Probe] = {
    "tmpfs": lambda folder: _mount("tmpfs", folder),
    "tmpfs user xattr": _user_xattr,
    "overlayfs": _overlay,
    "cgroup2": lambda folder: _mount("cgroup2", folder / "cgroup"),
    "node namespaces": lambda _: _run("unshare", "--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "true"),
    "veth": lambda _: _run("ip", "link", "add", "lbcert0", "type", "veth", "peer", "name", "lbcert1"),
    "bridge": lambda _: _run("ip", "link", "add", "lbcert2", "type", "bridge", "ageing_time", "30000"),
    "IPv6": lambda _: _sysctl("net/ipv6/conf/all/forwarding", "1"),
    "nftables": lambda _: _run("nft", "-f", "-", stdin=_NFT_RULES),
    "conntrack": _conntrack,
    "multipath hash policy": _multipath_hash,
    "multipath routes": _multipath_route,
    "fixed multipath hash seed": lambda _: _sysctl("net/ipv4/fib_multipath_hash_seed", "1"),
    "packet sockets": _raw_sockets,
    "real-time scheduling": _real_time,
}
"""Every feature and how it is tried, in an order in which each finds what it stands on."""


def main() -> None:
    """Try every feature and print what came of it."""
    results: dict[str, str] = {}
    elsewhere = {f"overlayfs in {folder}": _overlay_in(Path(folder)) for folder in sys.argv[1:]}
    with tempfile.TemporaryDirectory(prefix="lbcert-") as name:
        for feature, probe in {**FEATURES, **elsewhere}.items():
            try:
                probe(Path(name))
                results[feature] = ""
            except OSError as error:
                results[feature] = error.strerror or str(error)
        json.dump(results, sys.stdout)
        sys.stdout.flush()
        for mounted in ("merged", "cgroup", ""):
            with contextlib.suppress(OSError):
                _run("umount", str(Path(name, mounted)))


if __name__ == "__main__":
    main()
