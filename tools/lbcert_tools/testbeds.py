"""The testbeds that a run can stand on, by name."""

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lbcert_fixtures.cache import Progress
from lbcert_fixtures.images.sources import ImageSource, Registry
from lbcert_fixtures.images.store import ImageError, ImageStore
from lbcert_fixtures.kubernetes.programs import DEFAULT_KUBERNETES
from lbcert_fixtures.profiles import Profile, ResolvedManifest, undeclared_images
from lbcert_fixtures.testbeds import Testbed, TestbedError
from lbcert_fixtures.testbeds.families import DUAL

if TYPE_CHECKING:
    from lbcert_fixtures.testbeds.netns import Lab
    from lbcert_tools.settings import Settings


DEFAULT_ENGINE = "docker"
"""What runs the containers of kind unless somebody says otherwise."""


class ChoiceError(Exception):
    """What was asked for cannot be stood on: a mistake in the command. The message says which, and what there is."""


@dataclass(frozen=True)
class Sort:
    """How testbeds of one sort are had.

    Attributes:
        options: makes what a user decides about one, of ``nodes``, ``kubernetes``, ``proxy_mode``, ``families``
            and ``images``, and of what else it can be told.
        name: makes a name that one can have out of a wish.
        prepare: builds and fetches what one needs; takes a name, options and progress.
        start: starts one; takes the same, whether it outlives this process, and where its logs are kept if it does not
            come up.
    """

    options: Callable[..., Any]
    name: Callable[[str], str]
    prepare: Callable[..., object]
    start: Callable[..., "Lab"]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The testbed that a run stands on, as it was chosen or, of a lab that is up, as it is.

    Attributes:
        name: its sort, a key of `TESTBEDS`.
        nodes: how many.
        kubernetes: the version, as in ``1.36``.
        proxy_mode: kube-proxy's mode.
        families: the address families of the cluster, a key of `FAMILIES`.
        engine: what runs the containers; kind only.
        feature_gates: of Kubernetes, by name; kind only.
        node_image: the name of a node image that was given; empty for the one that lbcert makes; kind only.
        node_archive: the archive that holds it; None of a lab that is up, which has it.
    """

    name: str = "netns"
    nodes: int = 3
    kubernetes: str = DEFAULT_KUBERNETES
    proxy_mode: str = "nftables"
    families: str = DUAL
    engine: str = DEFAULT_ENGINE
    feature_gates: Mapping[str, bool] = field(default_factory=dict)
    node_image: str = ""
    node_archive: Path | None = None

    @property
    def sort(self) -> Sort:
        """How it is had."""
        return TESTBEDS[self.name]()

    def options(self, images: Mapping[str, ImageSource]) -> Any:
        """What a testbed is started with, images among it."""
        more: dict[str, Any] = {}
        if self.name == "kind":
            more = {"engine": self.engine, "feature_gates": self.feature_gates, "node_image": self.node_archive}
        return self.sort.options(
            nodes=self.nodes,
            kubernetes=self.kubernetes,
            proxy_mode=self.proxy_mode,
            families=self.families,
            images=images,
            **more,
        )

    def plain(self) -> dict[str, Any]:
        """What the journal says about it; engine, gates and node image only if they are not as ever."""
        said: dict[str, Any] = {
            "name": self.name,
            "nodes": self.nodes,
            "kubernetes": self.kubernetes,
            "proxy_mode": self.proxy_mode,
            "families": self.families,
        }
        if self.engine != DEFAULT_ENGINE:
            said["engine"] = self.engine
        if self.feature_gates:
            said["feature_gates"] = dict(self.feature_gates)
        if self.node_image:
            said["node_image"] = self.node_image
        return said


def choose(
    *,
    testbed: str | None = None,
    nodes: int | None = None,
    kubernetes: str | None = None,
    proxy_mode: str | None = None,
    families: str | None = None,
    engine: str | None = None,
    feature_gates: Sequence[str] = (),
    node_image: str | Path | None = None,
    lab: str | None = None,
) -> Chosen:
    """What a run stands on: a lab that is up says it of itself, else it is what was asked for.

    Args:
        testbed: its sort.
        nodes: how many.
        kubernetes: the version, as in ``1.36``.
        proxy_mode: kube-proxy's mode.
        families: the address families of the cluster, a key of `FAMILIES`.
        engine: what runs the containers of kind.
        feature_gates: each as in ``NAME=true``.
        node_image: an archive with a node image.
        lab: the lab that is up; None or empty to start one.

    Raises:
        ChoiceError: there is no such testbed or lab, it has no such thing, or two of these contradict each other.
    """
    gates = dict(map(gate, feature_gates))
    if testbed is not None and testbed not in TESTBEDS:
        raise ChoiceError(f"--testbed {testbed}: there is {', '.join(TESTBEDS)}")
    if nodes is not None and nodes < 1:
        raise ChoiceError(f"--nodes is {nodes}: it must be 1 or more")
    if lab:
        if node_image:
            raise ChoiceError(f"--node-image: the lab {lab} is up, with a node image of its own")
        return _agreed(_of_lab(lab), lab, testbed, nodes, kubernetes, proxy_mode, families, engine, gates)
    sort = testbed or "netns"
    for option, given in (("--engine", engine), ("--feature-gate", gates), ("--node-image", node_image)):
        if given and sort != "kind":
            raise ChoiceError(f"{option}: the testbed {sort} cannot be told; --testbed kind can")
    if node_image and kubernetes:
        raise ChoiceError("--kubernetes: the version is that of the node image; give one of the two")
    image = _name_in(Path(node_image)) if node_image else ""
    return Chosen(
        name=sort,
        nodes=nodes or 3,
        kubernetes=_version_in(image) if image else kubernetes or DEFAULT_KUBERNETES,
        proxy_mode=proxy_mode or "nftables",
        families=families or DUAL,
        engine=engine or DEFAULT_ENGINE,
        feature_gates=gates,
        node_image=image,
        node_archive=Path(node_image).absolute() if node_image else None,
    )


def gate(words: str) -> tuple[str, bool]:
    """A feature gate and whether it is on, of ``NAME=true`` or ``NAME=false``.

    Raises:
        ChoiceError: it is neither.
    """
    name, _, value = words.partition("=")
    if not name or value not in ("true", "false"):
        raise ChoiceError(f"--feature-gate {words}: say NAME=true or NAME=false")
    return name, value == "true"


def _name_in(archive: Path) -> str:
    """The name of the node image in an archive."""
    from lbcert_fixtures.testbeds.kind.image import image_in

    if not archive.is_file():
        raise ChoiceError(f"--node-image {archive}: there is no such file; `lbcert kind image --output` writes one")
    try:
        return image_in(archive).name
    except ImageError as error:
        raise ChoiceError(f"--node-image: {error}") from error


def _version_in(image: str) -> str:
    """The version of Kubernetes in a node image, as its name says it; the name where that says none."""
    found = re.search(r":v(\d+\.\d+)\.", image)
    return found[1] if found else f"of {image}"


def _of_lab(name: str) -> Chosen:
    """What a lab that is up is."""
    try:
        with attached(name) as lab:
            version = json.loads(lab.kubectl("get", "--raw=/version", timeout=15))
            return Chosen(
                name="kind" if lab.is_kind else "netns",
                nodes=len(lab.nodes),
                kubernetes=".".join(version["gitVersion"].removeprefix("v").split(".")[:2]),
                proxy_mode=lab.specification.proxy_mode,
                families=lab.specification.families,
                engine=lab.engine or DEFAULT_ENGINE,
                feature_gates=lab.feature_gates,
                node_image=lab.node_image,
            )
    except TestbedError as error:
        raise ChoiceError(f"--lab {name}: {error}") from error


def _agreed(
    chosen: Chosen,
    lab: str,
    testbed: str | None,
    nodes: int | None,
    kubernetes: str | None,
    proxy_mode: str | None,
    families: str | None,
    engine: str | None,
    gates: Mapping[str, bool],
) -> Chosen:
    """What a lab is, if what was asked for does not contradict it."""
    asked = {
        "--testbed": (testbed, chosen.name),
        "--nodes": (nodes, chosen.nodes),
        "--kubernetes": (kubernetes, chosen.kubernetes),
        "--proxy-mode": (proxy_mode, chosen.proxy_mode),
        "--families": (families, chosen.families),
        "--engine": (engine, chosen.engine),
        "--feature-gate": (gates or None, chosen.feature_gates),
    }
    for option, (wanted, there) in asked.items():
        if wanted is not None and wanted != there:
            shown = [_shown(each) for each in (wanted, there)]
            raise ChoiceError(f"{option} {shown[0]}: the lab {lab} is up, with {shown[1]}; leave the option out")
    return chosen


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={str(on).lower()}" for name, on in value.items()) or "none"
    return str(value)


@contextlib.contextmanager
def attached(name: str) -> Iterator["Lab"]:
    """A lab that is up, let go of at the end.

    Raises:
        TestbedError: there is none of this name, with the names of those that are up.
    """
    from lbcert_fixtures.testbeds import netns

    lab = netns.attach(name)
    try:
        yield lab
    finally:
        lab.detach()


def images_of(profile: Profile, manifests: Sequence[ResolvedManifest]) -> dict[str, ImageSource]:
    """Every image an implementation needs and where it comes from; what nobody declares, from its registry."""
    declared = dict(profile.images)
    if undeclared_images(profile, manifests):
        declared = {use.image: Registry() for each in manifests for use in each.images} | declared
    return declared


def _netns() -> Sort:
    from lbcert_fixtures.testbeds import netns

    def name(wanted: str) -> str:
        return re.sub(r"[^A-Za-z0-9-]+", "-", wanted)

    return Sort(netns.LabOptions, name, netns.prepare, netns.start)


def _kind() -> Sort:
    from lbcert_fixtures.testbeds import kind

    return Sort(kind.KindOptions, kind.cluster_name, kind.prepare, kind.start)


TESTBEDS: Mapping[str, Callable[[], Sort]] = {"netns": _netns, "kind": _kind}
"""Every sort of testbed by its name; what one needs is imported when it is asked for."""


BOOTS = ("lab", "kind")
"""The steps by which testbeds tell how their boot goes; others are of what is built and fetched before it."""


@contextlib.contextmanager
def stand(
    settings: "Settings", manifests: Sequence[ResolvedManifest], who: str, progress: Progress
) -> Iterator[Testbed]:
    """Stand on what is up already, or start a testbed for a run; what is not to be kept is ended.

    Args:
        settings: the run's.
        manifests: the implementation's.
        who: who runs: a worker's id.
        progress: told what is done and how long it will take.
    """
    images = images_of(settings.profile, manifests)
    if settings.lab:
        with attached(settings.lab) as standing:
            if lacking := _lacking(standing, images, progress):
                progress("lab", f"importing {len(lacking)} image{'s'[: len(lacking) - 1]}")
                standing.import_images(list(lacking.values()))
                standing.restart_pods(lacking)
            yield standing
            _save_logs(standing, settings.run / "logs" / who)
        return
    sort = settings.testbed.sort
    name = sort.name(lab_name(settings.run, who))
    logs = settings.run / "logs" / who
    lab = sort.start(name, settings.testbed.options(images), standing=settings.keep_lab, logs=logs, progress=progress)
    try:
        yield lab
    finally:
        _save_logs(lab, logs)
        if settings.keep_lab:
            lab.detach()
        else:
            lab.stop()


def lab_name(run: Path, who: str) -> str:
    """A wish for the name of a run's testbed, which that of no other run has, wherever that one keeps its directory.

    Args:
        run: the run directory.
        who: who runs: a worker's id.
    """
    digest = hashlib.sha256(bytes(run.absolute())).hexdigest()[:6]
    return f"{run.name[:40]}-{digest}-{who}"  # the name of a socket has an end


def _lacking(lab: "Lab", images: Mapping[str, ImageSource], progress: Progress) -> dict[str, Path]:
    """Archives of the images, by name, that a lab does not have, or had from what has changed since."""
    store = ImageStore(images)
    archives = {name: store.archive(name, progress) for name in images}
    return {name: archives[name] for name in lab.lacks(archives)}


def _save_logs(lab: object, folder: Path) -> None:
    """Keep the logs of the testbed's programs, where it has any to give."""
    save = getattr(lab, "save_logs", None)
    if save:
        with contextlib.suppress(OSError):  # a full disk must not keep the lab from being ended
            save(folder)


def prepare(
    testbed: Chosen, profile: Profile, manifests: Sequence[ResolvedManifest], lab: str | None, progress: Progress
) -> None:
    """Build and fetch what a run will need of a testbed, or a lab that is up lacks; nothing is started.

    Raises:
        ProgramsError, ImageError: something cannot be had.
        TestbedError: this machine or user cannot have the testbed.
    """
    images = images_of(profile, manifests)
    if lab:
        with attached(lab) as standing:
            _lacking(standing, images, progress)
    else:
        testbed.sort.prepare("preparation", testbed.options(images), progress=progress)
