"""The page as text: complete, in order, and deaf to what hostile names ask of it."""

import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import made_runs as made
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbcert_reports import html
from lbcert_reports.publish import report_of
from lbcert_reports.report import build
from lbcert_reports.verdicts import Result
from lbcert_suites.catalogue import head


class Page(HTMLParser):
    """The elements of a page, and the text of each `id`-less leaf in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    def attributes(self, name: str) -> Iterator[str]:
        return (value for _, attributes in self.elements for key, value in attributes.items() if key == name and value)

    def count(self, tag: str) -> int:
        return sum(each == tag for each, _ in self.elements)


@pytest.fixture(scope="module")
def page(sample: Path) -> Page:
    return Page((sample / "report.html").read_text())


def test_the_parts_come_in_their_order(page: Page) -> None:
    sections = [attributes["id"] for tag, attributes in page.elements if tag == "section"]
    assert sections == [
        "certificate", "why-not", "profiles", "requirements", "failover", "spread", "connections", "load", "paths",
        "timelines", "environment", "reproduce",
    ]  # fmt: skip


def test_every_requirement_has_a_row_with_its_fragment(page: Page, sample: Path) -> None:
    rows = [attributes["id"] for tag, attributes in page.elements if tag == "details" and "data-verdict" in attributes]
    assert rows == [each["id"] for each in report_of(sample)["requirements"]]


def test_every_link_and_every_reuse_leads_to_something_on_the_page(page: Page) -> None:
    ids = list(page.attributes("id"))
    assert len(ids) == len(set(ids))
    targets = {link.removeprefix("#") for link in page.attributes("href") if link != "data:,"}
    assert targets - set(ids) == set()


def test_nothing_on_the_page_is_fetched_and_no_style_is_set_in_an_attribute(page: Page) -> None:
    assert list(page.attributes("src")) == []
    assert all(link.startswith("#") or link == "data:," for link in page.attributes("href"))
    assert list(page.attributes("style")) == []


def test_the_page_forbids_itself_all_but_its_own_script_and_style(page: Page) -> None:
    (policy,) = (each for each in page.attributes("content") if "default-src" in each)
    assert "default-src 'none'" in policy
    assert len(re.findall(r"'sha256-[A-Za-z0-9+/]{43}='", policy)) == 2
    assert "unsafe" not in policy


def test_empty_groups_of_reasons_say_none() -> None:
    text = html.render(made.build(made.case("a", made.verdict("L2-001", "pass"))))
    assert text.count('<span class="amount">none</span>') == 6


def test_every_part_without_data_says_so() -> None:
    text = html.render(made.build(made.case("a", made.verdict("L2-001", "pass"))))
    assert text.count('<p class="none">No case of this run') == 6


KIND = {
    "command": ["lbcert", "certify", "--testbed", "kind", "--profile", "my lb.toml", "--output=out"],
    "options": {"trials": 3, "seed": 7, "quick": True},
    "testbed": {
        "name": "kind",
        "nodes": 4,
        "kubernetes": "1.36",
        "proxy_mode": "iptables",
        "families": "ipv6",
        "engine": "podman",
        "feature_gates": {"Gate": False},
    },
    "profile": {"path": "/profiles/my lb.toml"},
}


def commands(**run: Any) -> list[str]:
    """All commands that the page of a made run offers, and the rest of its code, as text."""
    text = html.render(made.build(made.case("a", made.verdict("L2-001", "pass")), **run))
    return [unescape(each) for each in re.findall("<code>(.*?)</code>", text)]


@pytest.mark.parametrize("place", [["--output", "out"], ["--output=out"], []])
def test_the_command_of_the_run_has_the_seed_that_was_drawn_and_writes_nowhere_in_particular(place: list[str]) -> None:
    command = ["lbcert", "certify", *place, "--profile", "my lb.toml"]
    found = commands(**KIND | {"command": command})
    assert "lbcert certify --profile 'my lb.toml' --seed 7" in found


def test_a_seed_that_was_asked_for_is_not_said_twice() -> None:
    command = ["lbcert", "certify", "--profile", "made", "--seed=7"]
    assert "lbcert certify --profile made --seed=7" in commands(**KIND | {"command": command})


def test_a_requirement_alone_is_checked_as_the_run_was_made() -> None:
    assert (
        "lbcert certify --profile '/profiles/my lb.toml' --quick --testbed kind --nodes 4 --kubernetes 1.36"
        " --proxy-mode iptables --families ipv6 --engine podman --trials 3 --seed 7"
        " --feature-gate Gate=false --only L2-001"
    ) in commands(**KIND)


def test_the_family_of_a_cluster_that_has_one_stands_beside_the_version_of_kubernetes() -> None:
    run = made.case("a", made.verdict("L2-001", "pass"))
    assert "<dd>kind, Kubernetes 1.36, IPv6 only</dd>" in html.render(made.build(run, testbed=KIND["testbed"]))
    dual = html.render(made.build(run, testbed={"name": "netns", "kubernetes": "1.36", "families": "dual"}))
    assert "<dd>netns, Kubernetes 1.36</dd>" in dual


def test_a_node_image_decides_the_version_of_kubernetes() -> None:
    testbed = {"name": "kind", "kubernetes": "1.34", "node_image": "kindest/node:v1.34.0"}
    alone = "lbcert certify --profile made --testbed kind --node-image ARCHIVE --only L2-001"
    assert alone in commands(testbed=testbed)


def test_the_bundle_is_named_and_its_digest_is_called_no_checksum_of_it() -> None:
    document = made.build(made.case("a", made.verdict("L2-001", "pass")))
    text = html.render(document)
    assert "<code>lbcert judge made.lbcert.tar.gz</code>" in text
    assert "sha256 <code" not in text
    assert not re.search(f"sha256 {document['run']['journalDigest'][:16]}", text)


def test_whether_a_case_can_fail_is_said_where_there_is_one() -> None:
    ids = ("L2-001", "L2-002", "L2-003")
    text = html.render(
        made.build(made.case("a", made.verdict("L2-001", "pass"), catches=["no-arp"]),
                   made.case("b", made.verdict("L2-002", "pass")),
                   requirements=list(map(made.requirement, ids)))
    )  # fmt: skip
    assert text.count("Shown able to fail by") == 2
    assert text.count("no seeded defect") == 1


def test_every_conformance_profile_is_explained_in_the_words_of_the_catalogue() -> None:
    shared = "; allocation and traffic policy"
    assert {
        name: text + shared * name.startswith("core") for name, text in head().profiles.items() if name != "core"
    } == html.ABOUT
    page = html.render(made.build(made.case("a", made.verdict("L2-001", "pass"))))
    assert '<p class="about">Announcement in layer 2' in page


def test_a_requirement_of_the_core_names_the_certificates_to_which_it_belongs() -> None:
    shared = made.requirement("L2-001", profile="core")
    page = html.render(made.build(made.case("a", made.verdict("L2-001", "pass")), requirements=[shared]))
    assert "<dt>Conformance profile</dt><dd>core-l2, core-bgp</dd>" in page


def test_every_certificate_is_explained() -> None:
    assert list(html.CERTIFIED) == [*Result]


def test_an_interrupted_run_says_so_at_the_top() -> None:
    text = html.render(made.build(made.case("a", made.verdict("L2-001", "pass"), outcome=None), finished=False))
    assert text.index("It certifies nothing") < text.index("<h1>")


def test_expected_observed_reason_and_digest_of_the_evidence_can_be_read(page: Page, sample: Path) -> None:
    said = " ".join(page.said)
    for words in (
        "the next hop leaves the router within 3 s",
        "4 of 5 trials within the bound",
        "0.87 s longer than allowed",
    ):
        assert words in said
    assert report_of(sample)["evidence"][0]["sha256"] in said


def test_bias_and_spread_are_shown_of_each_probe(page: Page) -> None:
    text = " ".join(" ".join(page.said).split())
    assert "Each probe against known gaps, before and after the timed cases" in text
    assert re.search(r"UDP over IPv6 every 1 ms from client 16 2 controls -?[\d.]+ µs, of [\d.]+ m?s by (link|p)", text)
    assert re.search(r"UDP over IPv6 every 10 ms from client 8 2 controls .* 1[01]\.\d+ ms .*? too long yes", text)
    assert "is not accepted" not in text


def test_a_calibration_that_was_refused_says_so_and_why() -> None:
    report = build(made.journal(made.case("a", made.verdict("L2-003", "pass"))), lambda _: pytest.fail("no evidence"))
    report["calibration"]["made"] = [
        {
            "date": "2026-11-25T10:00:00Z",
            "writer": "main",
            "accepted": False,
            "reason": "1 of 1 controls showed a gap",
            "probes": ["UDP every 1 ms"],
        }
    ]
    text = " ".join(" ".join(Page(html.render(report)).said).split())
    assert (
        "The calibration of 25 November 2026, 10:00 UTC is not accepted, so no verdict on timing beside it "
        "by that probe (UDP every 1 ms) stands: 1 of 1 controls showed a gap."
    ) in text


def test_a_case_beside_all_requirements_is_not_lost() -> None:
    text = html.render(
        made.build(made.case("a", outcome="error", error={"type": "E", "message": "lost?", "place": ""}))
    )
    assert "Cases beside the requirements" in text
    assert "lost?" in text


PLAIN = Page(html.render(made.build(made.case("a", made.verdict("L2-001", "fail"), outcome="fail"))))


HOSTILE = (
    "<script>",
    "</script>",
    "<img src=x onerror=alert(1)>",
    "'",
    '"',
    ">",
    "&",
    "-->",
    "javascript:",
    "{{1}}",
    "{%",
)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(HOSTILE), max_size=6).map("".join))
def test_no_name_and_no_text_adds_an_element_a_handler_or_a_link(text: str) -> None:
    said = dict.fromkeys(("reason", "expected", "observed", "judge"), text)
    document = made.build(
        made.case(
            "a", made.verdict("L2-001", "fail", **said), outcome="fail", title=text or "t", text=text, catches=[text]
        ),
        profile={"name": text, "version": text, "expected_failures": {}},
        command=[text],
    )
    page = Page(html.render(document))
    assert page.count("script") == PLAIN.count("script") == 1
    assert page.count("img") == 0
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert all(link.startswith("#") or link == "data:," for link in page.attributes("href"))
