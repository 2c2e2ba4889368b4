"""tools/lbcert on machines that have, lack, or are just getting what it needs: every program it calls is a fake."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "lbcert"
NEEDED = ["crun", "git", "ip", "mmdebstrap", "nft", "skopeo", "newuidmap", "umoci", "chromium", "docker-registry"]
REAL = [
    "basename",
    "cat",
    "chmod",
    "cksum",
    "cmp",
    "cp",
    "cut",
    "date",
    "dirname",
    "env",
    "find",
    "flock",
    "id",
    "kill",
    "mkdir",
]
REAL += ["mktemp", "mv", "readlink", "rm", "sh", "sleep", "tail", "touch", "true"]

# The environment that the fake `python3 -m venv` makes: its pip counts how often it installs.
PYTHON = """#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
case "$*" in
  *"-m venv"*)
    for venv; do :; done
    mkdir -p "$venv/bin"
    cp "$0" "$venv/bin/python"
    for program in lbcert nox; do
      printf '#!/bin/sh\\necho %s "$@"\\n' "$program" > "$venv/bin/$program"
      chmod +x "$venv/bin/$program"
    done ;;
  *"pip install"*)
    for what; do :; done
    echo "$what" >> "$FAKE/installed"
    if [ -e "$FAKE/slow" ]; then touch "$FAKE/started"; while [ -e "$FAKE/slow" ]; do sleep 0.05; done; fi
    if [ -e "$FAKE/broken" ]; then echo "no such package"; exit 1; fi ;;
esac
"""


class Machine:
    """A checkout and a PATH, both of fakes."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "checkout"
        self.bin = folder / "bin"
        self.fake = folder / "fake"
        for path in (self.checkout / "tools", self.bin, self.fake, folder / "home"):
            path.mkdir(parents=True)
        # Debian's administrators' folders would bring in what the machine of the tests has.
        text = SCRIPT.read_text().replace("PATH=$PATH:/usr/sbin:/sbin", "")
        for absolute in ("/usr/lib/cni/host-local", "/etc/ssl/certs/ca-certificates.crt"):
            text = text.replace(absolute, str(self.fake / Path(absolute).name))
            (self.fake / Path(absolute).name).touch()
        text = text.replace("/usr/share/keyrings/", f"{self.fake}/")
        (self.fake / "debian-archive-keyring.gpg").touch()
        self.script = self.checkout / "tools" / "lbcert"
        self.script.write_text(text)
        self.script.chmod(0o755)
        (self.checkout / "pyproject.toml").write_text("one")
        for name in REAL:
            (self.bin / name).symlink_to(str(shutil.which(name)))
        for name in NEEDED:
            self.program(name, "#!/bin/sh\n")
        self.program("python3", PYTHON)
        self.environment = {"PATH": str(self.bin), "HOME": str(folder / "home"), "FAKE": str(self.fake)}

    def program(self, name: str, text: str) -> None:
        """Put a fake on PATH, in place of the link to the real program if there is one: never through it."""
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.touch(mode=0o755, exist_ok=False)
        path.write_text(text)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["env", "--default-signal=INT", self.script, *arguments],  # these tests may be a background job
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=20)
        return process.returncode, out, err

    @property
    def installed(self) -> list[str]:
        """What pip was told to install, in order."""
        path = self.fake / "installed"
        return path.read_text().split() if path.exists() else []

    def await_pip(self) -> None:
        deadline = time.monotonic() + 10
        while not (self.fake / "started").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    yield machine
    (machine.fake / "slow").unlink(missing_ok=True)


def test_the_first_start_sets_up_and_becomes_the_program(machine: Machine) -> None:
    code, out, err = machine.run("certify", "--profile", "my lb")
    assert (code, out) == (0, "lbcert certify --profile my lb\n")
    assert machine.installed == [str(machine.checkout)]
    assert "Python packages" in err


def test_a_second_start_does_nothing_but_run(machine: Machine) -> None:
    machine.run("list")
    machine.program("python3", "#!/bin/sh\nexit 99\n")
    began = time.monotonic()
    assert machine.run("list") == (0, "lbcert list\n", "")
    assert time.monotonic() - began < 0.3
    assert len(machine.installed) == 1


def test_a_changed_pyproject_is_installed_again(machine: Machine) -> None:
    machine.run("list")
    (machine.checkout / "pyproject.toml").write_text("two")
    machine.run("list")
    machine.run("list")
    assert len(machine.installed) == 2


def test_the_tests_get_what_only_they_need_and_nox_gets_their_arguments(machine: Machine) -> None:
    machine.run("list")
    assert machine.run("test")[1] == f"nox --noxfile {machine.checkout}/noxfile.py\n"
    assert machine.installed[-1] == f"{machine.checkout}[dev]"
    assert machine.run("test", "lint", "--", "-x")[1].endswith("noxfile.py --session lint -- -x\n")
    machine.run("list")
    assert len(machine.installed) == 2, "what is set up for the tests can run too"


def test_an_ordinary_user_is_told_the_one_line_to_run_as_root(machine: Machine) -> None:
    for name in ("crun", "nft"):
        (machine.bin / name).unlink()
    machine.program("apt-get", "#!/bin/sh\nexit 99\n")
    machine.program("id", "#!/bin/sh\necho 1000\n")
    code, _, err = machine.run("certify")
    assert code == 3
    assert "apt-get update && apt-get install --yes --no-install-recommends crun nftables\n" in err
    assert machine.installed == []


@pytest.mark.parametrize(
    "words",
    [
        ["judge", "theirs.lbcert.tar.gz"],
        ["--debug", "diff", "kind", "new"],
        ["report"],
        ["profile", "check", "certify"],
        ["certify", "--testbed", "kind", "--help"],
        ["--version"],
        [],
    ],
)
def test_what_stands_up_no_testbed_wants_no_debian_package(machine: Machine, words: list[str]) -> None:
    for name in NEEDED:
        (machine.bin / name).unlink()
    machine.program("apt-get", "#!/bin/sh\nexit 99\n")
    machine.program("id", "#!/bin/sh\necho 1000\n")
    assert machine.run(*words)[:2] == (0, " ".join(["lbcert", *words]) + "\n")
    assert machine.run("--debug", "certify")[0] == 3, "the testbed does want them"


def test_who_asks_what_the_set_up_does_is_told_and_nothing_is_done(machine: Machine) -> None:
    status, shown, _ = machine.run("setup", "--help")
    assert status == 0
    assert "tools/lbcert setup " in shown
    assert not (machine.checkout / ".venv").exists()


def test_debians_keys_are_installed_where_another_distribution_does_not_have_them(machine: Machine) -> None:
    keys = machine.fake / "debian-archive-keyring.gpg"
    keys.rename(keys.with_suffix(".pgp"))
    assert machine.run("certify")[0] == 0
    keys.with_suffix(".pgp").unlink()
    machine.program("id", "#!/bin/sh\necho 0\n")
    machine.program("apt-get", '#!/bin/sh\necho "$*" >> "$FAKE/apt"\n')
    assert machine.run("certify")[0] == 0
    assert (machine.fake / "apt").read_text().splitlines()[1].endswith("install-recommends debian-archive-keyring")


@pytest.mark.parametrize("who", ["root", "user with sudo"])
def test_whoever_may_install_packages_has_them_installed(machine: Machine, who: str) -> None:
    (machine.bin / "crun").unlink()
    machine.program("id", f"#!/bin/sh\necho {0 if who == 'root' else 1000}\n")
    machine.program("sudo", '#!/bin/sh\nshift\necho sudo >> "$FAKE/apt"\nexec "$@"\n')
    machine.program(
        "apt-get",
        '#!/bin/sh\necho "$*" >> "$FAKE/apt"\n'
        f'[ "$1" = update ] || {{ printf "#!/bin/sh\\n" > {machine.bin}/crun; chmod +x {machine.bin}/crun; }}\n',
    )
    assert machine.run("certify")[:2] == (0, "lbcert certify\n")
    said = (machine.fake / "apt").read_text().splitlines()
    assert [line for line in said if line != "sudo"] == ["update", "install --yes --no-install-recommends crun"]
    assert ("sudo" in said) == (who != "root")


def test_what_fails_shows_its_last_words_and_is_tried_again_the_next_time(machine: Machine) -> None:
    (machine.fake / "broken").touch()
    code, _, err = machine.run("list")
    assert code == 3
    assert "no such package" in err
    (machine.fake / "broken").unlink()
    assert machine.run("list")[:2] == (0, "lbcert list\n")


@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_set_up_that_is_stopped_goes_on_the_next_time(machine: Machine, blow: signal.Signals) -> None:
    (machine.fake / "slow").touch()
    process = machine.start("list")
    machine.await_pip()
    os.killpg(process.pid, blow)
    process.communicate(timeout=10)
    assert process.returncode != 0
    (machine.fake / "slow").unlink()
    assert machine.run("list")[:2] == (0, "lbcert list\n")


def test_two_at_once_set_up_once(machine: Machine) -> None:
    (machine.fake / "slow").touch()
    first = machine.start("list")
    machine.await_pip()
    second = machine.start("doctor")
    assert second.stderr
    assert "waiting for another set-up" in second.stderr.readline()
    (machine.fake / "slow").unlink()
    assert first.communicate(timeout=20)[0] == "lbcert list\n"
    assert second.communicate(timeout=20)[0] == "lbcert doctor\n"
    assert len(machine.installed) == 1


def test_an_environment_whose_python_is_gone_is_made_anew(machine: Machine) -> None:
    machine.run("list")
    (machine.checkout / ".venv" / "bin" / "python").unlink()
    assert machine.run("list")[:2] == (0, "lbcert list\n")
    assert len(machine.installed) == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_checkout_that_cannot_be_written_is_served_from_the_users_cache(machine: Machine) -> None:
    machine.checkout.chmod(0o555)
    assert machine.run("list")[:2] == (0, "lbcert list\n")
    assert list((Path(machine.environment["HOME"]) / ".cache" / "lbcert").glob("venv-*"))


@pytest.mark.parametrize(
    "words", [["certify", "--testbed", "kind"], ["certify", "--testbed=kind"], ["test", "certify-kind"], ["kind", "up"]]
)
def test_who_wants_kind_gets_an_engine_unpacked_that_nobody_starts(machine: Machine, words: list[str]) -> None:
    machine.run("test")
    machine.program("iptables", "#!/bin/sh\n")
    # the library by its path, as the tests' machine may not have it
    text = machine.script.read_text().replace("/lib/*/libdevmapper.so.1.02.1", str(machine.fake))
    machine.script.write_text(text)
    machine.program("apt-cache", "#!/bin/sh\nexit 100\n")
    machine.program("apt-get", '#!/bin/sh\necho "$*" >> "$FAKE/apt"\n: > a.deb\n')
    machine.program(
        "dpkg-deb",
        "#!/bin/sh\nmkdir -p usr/sbin usr/bin lib/systemd\n: > lib/systemd/docker.service\n"
        "for name in usr/sbin/dockerd usr/bin/docker usr/bin/containerd usr/sbin/runc; do\n"
        '  printf "#!/bin/sh\\n" > $name; chmod +x $name\ndone\n',
    )
    assert machine.run(*words)[0] == 0
    assert (machine.fake / "apt").read_text() == "-o APT::Sandbox::User=root download docker.io containerd runc\n"
    unpacked = {path.name for path in (machine.checkout / ".venv/bin").iterdir()}
    assert {"dockerd", "docker", "containerd", "runc"} <= unpacked
    assert not list(machine.checkout.rglob("*.service"))
    (machine.fake / "apt").unlink()
    assert machine.run(*words)[0] == 0
    assert not (machine.fake / "apt").exists()


def test_who_does_not_want_kind_gets_no_engine(machine: Machine) -> None:
    machine.program("apt-get", '#!/bin/sh\necho "$*" >> "$FAKE/apt"\n')
    assert machine.run("certify", "--profile", "kindness.toml")[0] == 0
    assert machine.run("certify", "--testbed=kind", "--engine", "podman")[0] == 0
    assert not (machine.fake / "apt").exists()
