"""What a run stands on: what was chosen, or a lab that is up, which says what it is and is given what it lacks."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lbcert_fixtures.cache import silent
from lbcert_fixtures.images.sources import OwnImage
from lbcert_fixtures.profiles import load
from lbcert_fixtures.testbeds import TestbedError, netns
from lbcert_fixtures.testbeds.kind import KindCluster, KindOptions
from lbcert_fixtures.testbeds.netns import Lab, LabOptions
from lbcert_tools import testbeds
from lbcert_tools.testbeds import ChoiceError, Chosen, choose


class Standing:
    """A lab that is up, as far as it is asked for anything."""

    name = "there"
    is_kind = True
    node_image = ""
    engine = "podman"
    feature_gates = {"Some": True}  # noqa: RUF012 - nobody changes it
    specification = SimpleNamespace(proxy_mode="iptables", families="ipv4")
    nodes = ("w1", "w2")

    def __init__(self, *lacking: str) -> None:
        self.lacking = list(lacking)
        self.imported: list[str] = []
        self.restarted: list[str] = []
        self.detached = 0

    def kubectl(self, *arguments: str, timeout: float) -> str:
        assert arguments == ("get", "--raw=/version")
        return json.dumps({"gitVersion": "v1.34.2"})

    def lacks(self, archives: Any) -> list[str]:
        return [name for name in archives if name in self.lacking]

    def import_images(self, archives: list[Path]) -> None:
        self.imported += [path.name for path in archives]

    def restart_pods(self, images: Any) -> None:
        self.restarted += images

    def save_logs(self, folder: Path) -> None:
        """There are none."""

    def detach(self) -> None:
        self.detached += 1


@pytest.fixture
def standing(monkeypatch: pytest.MonkeyPatch) -> Standing:
    lab = Standing()

    def attach(name: str) -> Standing:
        if name != "there":
            raise TestbedError(f"no lab named {name!r} is up (up: there)")
        return lab

    monkeypatch.setattr(netns, "attach", attach)
    return lab


# --- what was chosen --------------------------------------------------------------------------------------------------


def test_what_nobody_decides_is_the_lab_of_three_nodes_with_the_newest_kubernetes() -> None:
    assert choose() == Chosen(name="netns", nodes=3, kubernetes="1.36", proxy_mode="nftables")
    assert isinstance(choose().options({}), LabOptions)


def test_kind_is_told_all_that_was_decided_of_it() -> None:
    chosen = choose(
        testbed="kind",
        nodes=2,
        kubernetes="1.34",
        proxy_mode="iptables",
        families="ipv6",
        engine="podman",
        feature_gates=["A=true", "B=false"],
    )
    gates = {"A": True, "B": False}
    options: dict[str, Any] = {"proxy_mode": "iptables", "families": "ipv6", "engine": "podman", "feature_gates": gates}
    assert chosen.options({}) == KindOptions(nodes=2, kubernetes="1.34", **options)
    assert chosen.plain()["engine"] == "podman"
    assert "engine" not in choose(testbed="kind").plain()
    assert chosen.plain()["families"] == "ipv6"
    assert chosen.plain()["feature_gates"] == gates


@pytest.mark.parametrize(
    ("name", "version"),
    [("kindest/node:v1.35.1", "1.35"), ("lbcert/kind-node:v1.36.3-aa", "1.36"), ("my:1", "of my:1")],
)
def test_a_node_image_decides_the_version_and_is_named_in_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, version: str
) -> None:
    (tmp_path / "node.tar").touch()
    monkeypatch.setattr(testbeds, "_name_in", lambda _archive: name)
    assert choose(testbed="kind", node_image=tmp_path / "node.tar").options({}).node_image == tmp_path / "node.tar"
    chosen = choose(testbed="kind", node_image=tmp_path / "node.tar")
    assert (chosen.plain()["kubernetes"], chosen.plain()["node_image"]) == (version, name)
    with pytest.raises(ChoiceError, match="the version is that of the node image"):
        choose(testbed="kind", node_image=tmp_path / "node.tar", kubernetes="1.36")


def test_a_file_that_is_no_node_image_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "node.tar").write_text("no archive")
    with pytest.raises(ChoiceError, match=r"--node-image: the node image .*node\.tar cannot be read"):
        choose(testbed="kind", node_image=tmp_path / "node.tar")


# --- a lab that is up -------------------------------------------------------------------------------------------------


def test_a_lab_that_is_up_says_itself_what_it_is(standing: Standing) -> None:
    assert choose(lab="there") == Chosen(
        name="kind",
        nodes=2,
        kubernetes="1.34",
        proxy_mode="iptables",
        families="ipv4",
        engine="podman",
        feature_gates={"Some": True},
    )
    assert standing.detached == 1


def test_a_lab_with_a_node_image_that_was_given_says_so(standing: Standing) -> None:
    assert "node_image" not in choose(lab="there").plain()
    standing.node_image = "kindest/node:v1.34.2"
    assert choose(lab="there").plain()["node_image"] == "kindest/node:v1.34.2"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"testbed": "netns"}, "--testbed netns: the lab there is up, with kind"),
        ({"nodes": 3}, "--nodes 3: the lab there is up, with 2"),
        ({"kubernetes": "1.36"}, r"--kubernetes 1\.36: the lab there is up, with 1\.34"),
        ({"proxy_mode": "nftables"}, "with iptables; leave the option out"),
        ({"families": "dual"}, "--families dual: the lab there is up, with ipv4; leave the option out"),
        ({"engine": "docker"}, "--engine docker: the lab there is up, with podman; leave the option out"),
        ({"feature_gates": ["Some=false"]}, "--feature-gate Some=false: the lab there is up, with Some=true"),
        ({"node_image": "node.tar"}, "--node-image: the lab there is up"),
        ({"lab": "their"}, r"no lab named 'their' is up \(up: there\)"),
    ],
)
def test_what_contradicts_a_lab_that_is_up_is_refused(standing: Standing, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(ChoiceError, match=said):
        choose(**{"lab": "there", **asked})


def test_a_lab_is_given_the_images_that_it_was_started_without(
    standing: Standing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = {"here:1": OwnImage(image="echo"), "lacking:1": OwnImage(image="echo")}
    standing.lacking = ["lacking:1"]
    monkeypatch.setattr(testbeds, "images_of", lambda _profile, _manifests: declared)
    monkeypatch.setattr(testbeds.ImageStore, "archive", lambda _store, name, _progress: tmp_path / name)
    told: list[str] = []
    settings: Any = SimpleNamespace(profile=load("metallb-native"), lab="there", run=tmp_path)
    with testbeds.stand(settings, (), "main", lambda step, detail="", fraction=None: told.append(detail)) as up:
        assert up is standing
        assert standing.imported == standing.restarted == ["lacking:1"]
    assert told == ["importing 1 image"]
    assert standing.detached == 1


def test_a_run_keeps_the_logs_of_a_testbed_that_does_not_come_up(tmp_path: Path) -> None:
    def start(_name: str, _options: object, *, standing: bool, logs: Path, progress: object) -> Lab:
        raise TestbedError(f"its logs go to {logs.relative_to(tmp_path)}")

    chosen = SimpleNamespace(sort=testbeds.Sort(dict, str, dict, start), options=lambda _images: None)
    settings: Any = SimpleNamespace(
        profile=load("reference"), lab=None, run=tmp_path / "run", testbed=chosen, keep_lab=False
    )
    with pytest.raises(TestbedError, match="run/logs/main"), testbeds.stand(settings, (), "main", silent):
        pytest.fail("it came up")


@pytest.mark.parametrize("sort", ["netns", "kind"])
def test_runs_whose_directories_end_alike_stand_on_testbeds_of_different_names(sort: str) -> None:
    name = testbeds.TESTBEDS[sort]().name
    runs = [Path(f"/builds/{job}/{'a-long-name-' * 20}run") for job in (1, 2)]
    names = [name(testbeds.lab_name(run, who)) for run in runs for who in ("main", "gw0")]
    assert len(set(names)) == 4
    assert max(map(len, names)) < 60
    assert name(testbeds.lab_name(runs[0], "main")) == names[0]


@pytest.mark.parametrize(("sort", "machines"), [(Lab, ["n1"]), (KindCluster, ["n1", "control-plane"])])
def test_images_go_to_every_machine_that_runs_pods(
    monkeypatch: pytest.MonkeyPatch, sort: type[Lab], machines: list[str]
) -> None:
    lab, calls = sort("any"), []
    places = [
        {"name": name, "role": role, "ipv4": f"10.0.0.{number}", "ipv6": f"fd00::{number}", "mac": ""}
        for number, (name, role) in enumerate([("control-plane",) * 2, ("n1", "node"), ("n2", "node")], start=1)
    ]
    about = {"specification": {}, "places": places, "off": ["n2"]}

    def call(verb: str, **arguments: Any) -> dict[str, Any]:
        if verb == "describe":
            return about
        calls.append((verb, arguments["place"]))
        return {"images": {"docker.io/library/there:1": "sha256:1", "docker.io/library/changed:1": "sha256:1"}}

    monkeypatch.setattr(lab, "_call", call)
    monkeypatch.setattr("lbcert_fixtures.testbeds.netns.lab.digest_in", lambda archive: f"sha256:{archive}")
    archives = {"there:1": Path("1"), "changed:1": Path("2"), "docker.io/lacking/one:1": Path("3")}
    assert lab.lacks(archives) == ["changed:1", "docker.io/lacking/one:1"]
    lab.import_images([Path("one.tar")])
    assert calls == [(verb, place) for verb in ("images", "import_images") for place in machines]
