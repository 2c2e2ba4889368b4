"""What a run was asked to do, read once from pytest's options."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lbcert_fixtures.profiles import Profile, ProfileError, load
from lbcert_fixtures.testbeds.families import FAMILIES
from lbcert_suites.catalogue import catalogue
from lbcert_tools import rundir
from lbcert_tools.planning import words_of
from lbcert_tools.plugin import destination
from lbcert_tools.testbeds import ChoiceError, Chosen, choose, gate

DEFAULT_TRIALS = 5


@dataclass(frozen=True)
class Settings:
    """What a run was asked to do.

    Attributes:
        profile: the implementation under test.
        run: the run directory.
        trials: how often each fault is tried.
        quick: whether thorough cases are left out.
        everything: whether the cases of campaigns are taken in.
        aside: whether a second lab, at the lowest priority, takes the cases that take no times.
        only: expressions that choose cases; empty for all.
        testbed: what it stands on.
        lab: a standing lab to stand on instead of booting one; empty for none.
        keep_lab: whether the lab stays up.
        seed: of everything that is chosen at random.
        shuffle: whether the seed decides the order of the cases.
        load_workers: processes of the load generator; 0 for one that does it all.
        load_ui: port on which its web UI is offered; 0 for none.
        calibrate: whether the probes are calibrated.
    """

    profile: Profile
    run: Path
    trials: int
    quick: bool
    only: tuple[str, ...]
    testbed: Chosen
    lab: str
    keep_lab: bool
    seed: int
    load_workers: int = 0
    load_ui: int = 0
    shuffle: bool = False
    everything: bool = False
    aside: bool = False
    calibrate: bool = True

    @property
    def shown(self) -> Profile:
        """The implementation as the cluster can show it."""
        return self.profile.within(FAMILIES[self.testbed.families])

    def options(self) -> dict[str, Any]:
        """What the journal says about them."""
        return {
            "trials": self.trials,
            "quick": self.quick,
            "all": self.everything,
            "aside": self.aside,
            "only": ", ".join(words_of(self.only)),
            "nodes": self.testbed.nodes,
            "kubernetes": self.testbed.kubernetes,
            "families": self.testbed.families,
            "seed": self.seed,
            "shuffle": self.shuffle,
        }


def settle(config: pytest.Config) -> None:
    """Check the profile, and decide what is left open, in the process that oversees a run.

    Raises:
        pytest.UsageError: with every mistake of the profile, or with what cannot be stood on.
    """
    name = str(_option(config, "profile"))
    try:
        load(name, requirements=catalogue())
    except ProfileError as error:
        raise pytest.UsageError(str(error)) from error
    defaults: dict[str, Callable[[], object]] = {
        "run-dir": lambda: str(rundir.choose(name)),
        "seed": lambda: secrets.randbelow(1 << 31),
        "trials": lambda: 1 if _option(config, "quick") else DEFAULT_TRIALS,
    }
    for option, default in defaults.items():
        if _option(config, option) is None:
            setattr(config.option, destination(option), default())
    if _option(config, "trials") < 1:
        raise pytest.UsageError(f"--trials is {_option(config, 'trials')}: it must be 1 or more")
    _settle_testbed(config)


def _settle_testbed(config: pytest.Config) -> None:
    """Decide what is left open of the testbed; of a lab that is up there is nothing to decide."""
    try:
        chosen = choose(
            testbed=_option(config, "testbed"),
            nodes=_option(config, "nodes"),
            kubernetes=_option(config, "kubernetes"),
            proxy_mode=_option(config, "proxy-mode"),
            families=_option(config, "families"),
            engine=_option(config, "engine"),
            feature_gates=_option(config, "feature-gate") or (),
            node_image=_option(config, "node-image"),
            lab=_option(config, "lab"),
        )
    except ChoiceError as error:
        raise pytest.UsageError(str(error)) from error
    settled = {
        "testbed": chosen.name,
        "nodes": chosen.nodes,
        "kubernetes": chosen.kubernetes,
        "proxy-mode": chosen.proxy_mode,
        "families": chosen.families,
        "engine": chosen.engine,
        "feature-gate": [f"{name}={str(on).lower()}" for name, on in chosen.feature_gates.items()],
        "node-image": str(chosen.node_archive) if chosen.node_archive else None,
        "node-image-name": chosen.node_image,
    }
    for option, value in settled.items():  # in words that pytest-xdist hands on to its workers
        setattr(config.option, destination(option), value)


def settings_of(config: pytest.Config) -> Settings:
    """The settings of a run.

    Raises:
        pytest.UsageError: no profile is named.
    """
    if not _option(config, "profile"):
        raise pytest.UsageError("the cases of lbcert need to know what they test: --profile NAME|FILE")
    return Settings(
        profile=load(_option(config, "profile"), requirements=catalogue()),
        run=Path(_option(config, "run-dir")).absolute(),
        trials=_option(config, "trials"),
        quick=_option(config, "quick"),
        only=tuple(_option(config, "only") or ()),
        testbed=_testbed(config),
        lab=_option(config, "lab") or "",
        keep_lab=_option(config, "keep-lab"),
        seed=_option(config, "seed"),
        load_workers=_option(config, "load-workers") or 0,
        load_ui=_option(config, "load-ui") or 0,
        everything=_option(config, "all"),
        aside=_option(config, "aside"),
        shuffle=bool(_option(config, "shuffle")),
        calibrate=not _option(config, "no-calibration"),
    )


def _testbed(config: pytest.Config) -> Chosen:
    """What the run stands on, as it was settled."""
    archive = _option(config, "node-image")
    return Chosen(
        name=_option(config, "testbed"),
        nodes=_option(config, "nodes"),
        kubernetes=_option(config, "kubernetes"),
        proxy_mode=_option(config, "proxy-mode"),
        families=_option(config, "families"),
        engine=_option(config, "engine"),
        feature_gates=dict(map(gate, _option(config, "feature-gate"))),
        node_image=_option(config, "node-image-name"),
        node_archive=Path(archive) if archive else None,
    )


def _option(config: pytest.Config, name: str) -> Any:
    return config.getoption(destination(name))
