"""The benchmarks, as far as they can be held against the code that they measure."""

from pathlib import Path

import pytest

import lbcert_fixtures
import lbcert_suites
import lbcert_tools
from lbcert_tools.bench_certificate import PHASES

PACKAGES = [Path(str(package.__file__)).parent for package in (lbcert_fixtures, lbcert_suites, lbcert_tools)]


@pytest.mark.parametrize("place", [place for places in PHASES.values() for place in places])
def test_every_place_by_which_a_phase_is_known_exists(place: str) -> None:
    path, _, function = place.partition(":")
    files = [file for package in PACKAGES for file in package.rglob("*.py") if f"/{path}" in str(file)]
    assert any(f"def {function}" in file.read_text() for file in files)
