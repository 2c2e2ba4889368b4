"""The experiments that come with lbcert, by name."""

from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import yaml

_FOLDER = files("lbcert_chaos") / "experiments"


def names() -> tuple[str, ...]:
    """The names of the experiments: ``node-power-off``, ..."""
    return tuple(sorted(each.name.removesuffix(".yaml") for each in _FOLDER.iterdir() if each.name.endswith(".yaml")))


def path(name: str) -> Path:
    """The file of an experiment.

    Raises:
        LookupError: there is none of this name.
    """
    if name not in names():
        raise LookupError(f"there is no experiment {name!r}: there are {', '.join(names())}")
    with as_file(_FOLDER / f"{name}.yaml") as file:
        return file


def experiment(name: str) -> dict[str, Any]:
    """An experiment as Chaos Toolkit reads it.

    Raises:
        LookupError: there is none of this name.
    """
    read: dict[str, Any] = yaml.safe_load(path(name).read_text("utf-8"))
    return read
