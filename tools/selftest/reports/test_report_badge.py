"""The badge."""

from pathlib import Path
from xml.etree import ElementTree as ET

import made_runs as made

from lbcert_reports import badge


def words(document: dict[str, object]) -> list[str]:
    return [str(each.text) for each in ET.fromstring(badge.render(document)).iter() if each.tag.endswith("}text")]


def test_the_badge_says_each_profile_with_its_certificate(sample: Path) -> None:
    text = (sample / "badge.svg").read_text()
    assert [each for each in ("core-l2", "undetermined", "core-bgp", "not conformant") if each not in text] == []


def test_a_conformant_profile_reads_conformant() -> None:
    assert words(made.build(made.case("a", made.verdict("L2-001", "pass")))) == ["lbcert core-l2", "conformant"]


def test_a_certificate_on_a_cluster_of_one_family_reads_so() -> None:
    document = made.build(made.case("a", made.verdict("L2-001", "pass")), testbed={"name": "none", "families": "ipv4"})
    assert words(document) == ["lbcert core-l2", "conformant, IPv4 only"]
    assert document["profiles"][0]["summary"] == "1 of 1 requirements pass, IPv4 only"
    assert "The cluster is IPv4 only: nothing is said about the other address family." in document["summary"]["limits"]


def test_a_run_that_certifies_nothing_has_a_badge_that_says_so() -> None:
    assert words(made.build()) == ["lbcert no profile", "undetermined"]


def test_a_hostile_name_stays_text() -> None:
    document = made.build(profile={"name": "<script>", "version": '"'})
    assert "<script" not in badge.render(document)
