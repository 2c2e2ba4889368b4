"""The catalogue of requirements: complete, well-formed, and loud about anything malformed."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest

from lbcert_suites import catalogue as catalogue_module
from lbcert_suites.catalogue import (
    CatalogueError,
    catalogue,
    head,
    read_rejections,
    read_requirements,
    rejections,
)

SHIPPED = Path(catalogue_module.__file__).parent / "requirements"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped catalogue, to be spoiled."""
    return Path(copytree(SHIPPED, tmp_path / "requirements"))


@pytest.fixture
def spoil(folder: Path) -> Callable[[str, str, str], None]:
    """Replace the first occurrence of a text in a file of the copy."""

    def replace(name: str, old: str, new: str) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return replace


def test_the_catalogue_holds_199_requirements_at_their_levels() -> None:
    levels = Counter(requirement.level for requirement in catalogue().values())
    assert len(catalogue()) == 199
    assert levels == {"MUST": 107, "MUST NOT": 1, "SHOULD": 85, "MAY": 6}


def test_every_area_has_its_number_of_requirements() -> None:
    areas = Counter(requirement.area for requirement in catalogue().values())
    assert areas == {"ALLOC": 51, "L2": 50, "BGP": 46, "POLICY": 12, "RESET": 10, "CONFIG": 21, "OBS": 9}


def test_every_conformance_profile_has_its_number_of_requirements() -> None:
    profiles = Counter(requirement.profile for requirement in catalogue().values())
    assert profiles == {
        "core": 53,
        "core-l2": 33,
        "core-bgp": 31,
        "extended-bgp": 19,
        "extended-l2": 15,
        "extended-config": 13,
        "extended-obs": 11,
        "extended-alloc": 9,
        "extended-dual": 8,
        "extended-chaos": 4,
        "extended-bfd": 2,
        "extended-gr": 1,
    }
    assert set(profiles) == set(head().profiles)


def test_classes_come_in_their_numbers() -> None:
    classes = Counter(requirement.class_.split()[0] for requirement in catalogue().values())
    assert classes == {"MLB": 137, "RFC": 32, "K8S": 30}


def test_coverage_by_metallbs_own_tests_comes_in_its_numbers() -> None:
    covered = [requirement.covered_by for requirement in catalogue().values()]
    assert sum(text.startswith("not covered") for text in covered) == 65
    assert sum(text.startswith("unit tests only") for text in covered) == 21


def test_ids_of_an_area_are_consecutive_from_one() -> None:
    for area, count in Counter(requirement.area for requirement in catalogue().values()).items():
        assert [name for name in catalogue() if name.startswith(f"{area}-")] == [
            f"{area}-{number:03}" for number in range(1, count + 1)
        ]


def test_a_core_requirement_counts_for_both_core_certificates() -> None:
    assert catalogue()["ALLOC-001"].certificates == ("core-l2", "core-bgp")
    assert catalogue()["L2-003"].certificates == ("core-l2",)


@pytest.mark.parametrize(
    ("requirement", "mode", "concerned"),
    [
        ("L2-003", "native", True),
        ("RESET-008", "frr-k8s", True),
        ("RESET-008", "native", False),
        ("RESET-007", "frr-k8s", False),
        ("RESET-008", "ebpf", True),
    ],
)
def test_a_requirement_concerns_its_modes_and_any_mode_of_a_product_of_its_own(
    requirement: str, mode: str, concerned: bool
) -> None:
    assert catalogue()[requirement].concerns(mode) is concerned


def test_a_requirement_goes_into_the_journal_as_plain_text() -> None:
    plain = catalogue()["L2-013"].plain()
    assert plain["level"] == "MUST NOT"
    assert all(isinstance(value, str) and value for value in plain.values())
    assert "\n" not in plain["statement"]


def test_the_rejection_matrix_holds_54_rows() -> None:
    assert len(rejections()) == 54
    assert rejections()["peer-15"].mode == ("frr", "frr-k8s")
    assert rejections()["peer-15"].detected == ("webhook", "load")


def test_a_rejection_recognises_its_message_whatever_the_case() -> None:
    row = rejections()["peer-6"]
    assert row.explains("admission webhook: BGPPeer must have BOTH Address and Interface unset")
    assert not row.explains("missing local ASN")


def test_a_rejection_without_fragment_is_explained_by_any_message() -> None:
    assert rejections()["l2-2"].check
    assert rejections()["l2-2"].explains("spec.preferredNodeSelectors[0].weight: Invalid value: 0")


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        ("l2.toml", 'level = "MUST"', 'level = "SHALL"', "l2.toml: L2-001: level"),
        ("bgp.toml", 'profile = "core-bgp"', 'profile = "core-ospf"', "bgp.toml: BGP-001: profile"),
        ("obs.toml", 'title = "Events on allocation"', 'titel = "x"', "obs.toml: OBS-001: titel"),
        ("reset.toml", 'mode = ["any"]', "mode = []", "reset.toml: RESET-001: mode"),
        (
            "alloc.toml",
            'id = "ALLOC-002"',
            'id = "ALLOC-001"',
            "alloc.toml: ALLOC-001: this id is used twice",
        ),
        ("policy.toml", 'id = "POLICY-001"', 'id = "RESET-900"', "stands in the file of area POLICY"),
        ("config.toml", 'id = "CONFIG-001"\n', "", "config.toml: an entry without id: id"),
        ("l2.toml", 'area = "L2"', "area = L2", "l2.toml: Invalid value (at line 3"),
    ],
)
def test_a_malformed_requirement_is_named_with_file_and_id(
    folder: Path, spoil: Callable[[str, str, str], None], name: str, old: str, new: str, expected: str
) -> None:
    spoil(name, old, new)
    with pytest.raises(CatalogueError) as error:
        read_requirements(folder)
    assert expected in str(error.value)


def test_all_malformed_requirements_are_named_at_once(folder: Path, spoil: Callable[[str, str, str], None]) -> None:
    spoil("l2.toml", 'level = "MUST"', 'level = "SHALL"')
    spoil("bgp.toml", 'evidence = ["code"', 'evidence = ["hearsay"')
    (folder / "obs.toml").unlink()
    with pytest.raises(CatalogueError) as error:
        read_requirements(folder)
    assert [problem.split(":")[0] for problem in error.value.problems] == ["l2.toml", "bgp.toml", "obs.toml"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('row = "pool-2"', 'row = "pool-1"', "pool-1: this name is used twice"),
        ('match = ["invalid CIDR"]\n', "", "pool-2: needs exactly one of match and check"),
        ('detected = ["webhook"]', 'detected = ["oracle"]', "pool-1: detected"),
    ],
)
def test_a_malformed_rejection_is_named_with_its_row(
    folder: Path, spoil: Callable[[str, str, str], None], old: str, new: str, expected: str
) -> None:
    spoil("rejections.toml", old, new)
    with pytest.raises(CatalogueError) as error:
        read_rejections(folder)
    assert f"rejections.toml: {expected}" in str(error.value)
