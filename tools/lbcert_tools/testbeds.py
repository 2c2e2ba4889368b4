"""The testbeds that a run can stand on, by name."""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lbcert_fixtures.cache import Progress
from lbcert_fixtures.images.sources import ImageSource, Registry
from lbcert_fixtures.profiles import Profile, ResolvedManifest, undeclared_images
from lbcert_fixtures.testbeds import Testbed

if TYPE_CHECKING:
    from lbcert_fixtures.testbeds.netns import Lab
    from lbcert_tools.settings import Settings


@dataclass(frozen=True)
class Sort:
    """How testbeds of one sort are had.

    Attributes:
        options: makes what a user decides about one, of ``nodes``, ``kubernetes`` and ``images``.
        name: makes a name that one can have out of a wish.
        prepare: builds and fetches what one needs; takes a name, options and progress.
        start: starts one; takes the same, and whether it outlives this process.
    """

    options: Callable[..., Any]
    name: Callable[[str], str]
    prepare: Callable[..., object]
    start: Callable[..., "Lab"]


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
    from lbcert_fixtures.testbeds import netns

    if settings.lab:
        standing = netns.attach(settings.lab)
        yield standing
        _save_logs(standing, settings.run / "logs" / who)
        standing.detach()
        return
    sort = TESTBEDS[settings.testbed]()
    images = images_of(settings.profile, manifests)
    options = sort.options(nodes=settings.nodes, kubernetes=settings.kubernetes, images=images)
    name = sort.name(f"{settings.run.name}-{who}")
    lab = sort.start(name, options, standing=settings.keep_lab, progress=progress)
    try:
        yield lab
    finally:
        _save_logs(lab, settings.run / "logs" / who)
        if settings.keep_lab:
            lab.detach()
        else:
            lab.stop()


def _save_logs(lab: object, folder: Path) -> None:
    """Keep the logs of the testbed's programs, where it has any to give."""
    save = getattr(lab, "save_logs", None)
    if save:
        with contextlib.suppress(OSError):  # a full disk must not keep the lab from being ended
            save(folder)


def prepare(
    testbed: str,
    profile: Profile,
    manifests: Sequence[ResolvedManifest],
    nodes: int,
    kubernetes: str | None,
    progress: Progress,
) -> None:
    """Build and fetch what a testbed will need; nothing is started.

    Raises:
        ProgramsError, ImageError: something cannot be had.
        TestbedError: this machine or user cannot have the testbed.
    """
    from lbcert_fixtures.kubernetes.programs import DEFAULT_KUBERNETES

    sort = TESTBEDS[testbed]()
    images = images_of(profile, manifests)
    options = sort.options(nodes=nodes, kubernetes=kubernetes or DEFAULT_KUBERNETES, images=images)
    sort.prepare("preparation", options, progress=progress)
