"""The testbeds that a run can stand on, by name."""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from lbcert_fixtures.cache import Progress
from lbcert_fixtures.images.sources import ImageSource, Registry
from lbcert_fixtures.profiles import Profile, ResolvedManifest, undeclared_images
from lbcert_fixtures.testbeds import Testbed

if TYPE_CHECKING:
    from lbcert_fixtures.testbeds.netns import Lab
    from lbcert_tools.settings import Settings

Start = Callable[["Settings", Sequence[ResolvedManifest], str, Progress], AbstractContextManager[Testbed]]
"""Starts a testbed for a run: settings, the implementation's manifests, who runs (a worker's id), progress."""


def images_of(profile: Profile, manifests: Sequence[ResolvedManifest]) -> dict[str, ImageSource]:
    """Every image an implementation needs and where it comes from; what nobody declares, from its registry."""
    declared = dict(profile.images)
    if undeclared_images(profile, manifests):
        declared = {use.image: Registry() for each in manifests for use in each.images} | declared
    return declared


@contextlib.contextmanager
def _netns(
    settings: "Settings", manifests: Sequence[ResolvedManifest], who: str, progress: Progress
) -> Iterator[Testbed]:
    from lbcert_fixtures.testbeds import netns

    def start() -> netns.Lab:
        options = netns.LabOptions(
            nodes=settings.nodes,
            kubernetes=settings.kubernetes,
            images=images_of(settings.profile, manifests),
        )
        name = re.sub(r"[^A-Za-z0-9-]+", "-", f"{settings.run.name}-{who}")
        return netns.start(name, options, standing=settings.keep_lab, progress=progress)

    with _standing_on(start, settings, who) as lab:
        yield lab


@contextlib.contextmanager
def _kind(
    settings: "Settings", manifests: Sequence[ResolvedManifest], who: str, progress: Progress
) -> Iterator[Testbed]:
    from lbcert_fixtures.testbeds import kind

    def start() -> kind.KindCluster:
        options = kind.KindOptions(
            nodes=settings.nodes,
            kubernetes=settings.kubernetes,
            images=images_of(settings.profile, manifests),
        )
        return kind.start(
            kind.cluster_name(f"{settings.run.name}-{who}"), options, standing=settings.keep_lab, progress=progress
        )

    with _standing_on(start, settings, who) as cluster:
        yield cluster


@contextlib.contextmanager
def _standing_on(start: Callable[[], "Lab"], settings: "Settings", who: str) -> "Iterator[Lab]":
    """Stand on what is up already, or start one; what is not to be kept is ended."""
    from lbcert_fixtures.testbeds import netns

    if settings.lab:
        standing = netns.attach(settings.lab)
        yield standing
        _save_logs(standing, settings.run / "logs" / who)
        standing.detach()
        return
    lab = start()
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


def _prepare_netns(
    profile: Profile,
    manifests: Sequence[ResolvedManifest],
    nodes: int,
    kubernetes: str | None,
    progress: Progress,
) -> None:
    from lbcert_fixtures.kubernetes.programs import DEFAULT_KUBERNETES
    from lbcert_fixtures.testbeds import netns

    options = netns.LabOptions(
        nodes=nodes, kubernetes=kubernetes or DEFAULT_KUBERNETES, images=images_of(profile, manifests)
    )
    netns.prepare("preparation", options, progress=progress)


def _prepare_kind(
    profile: Profile,
    manifests: Sequence[ResolvedManifest],
    nodes: int,
    kubernetes: str | None,
    progress: Progress,
) -> None:
    from lbcert_fixtures.kubernetes.programs import DEFAULT_KUBERNETES
    from lbcert_fixtures.testbeds import kind

    options = kind.KindOptions(
        nodes=nodes, kubernetes=kubernetes or DEFAULT_KUBERNETES, images=images_of(profile, manifests)
    )
    kind.prepare("preparation", options, progress=progress)


TESTBEDS: Mapping[str, Start] = {"netns": _netns, "kind": _kind}
"""Every testbed by its name."""


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
    prepared = {"netns": _prepare_netns, "kind": _prepare_kind}[testbed]
    prepared(profile, manifests, nodes, kubernetes, progress)
