"""Evidence files keep what was observed, byte for byte, and say where they are not what they claim."""

import gzip
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lbcert_reports import evidence
from lbcert_reports.evidence import KINDS, Evidence, EvidenceError
from lbcert_reports.integers import absurd

ROW = {"t": 1, "service": "default/web", "addresses": ["10.0.0.1"], "present": True}
STREAM = {"period": 1_000_000, "kernel_drops": 0}
TIMES = st.integers(0, 2**62)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(), lambda each: st.lists(each, max_size=3)
)
ROWS = {
    kind: st.lists(st.from_type(row), max_size=4)
    for kind, row in KINDS.items()
    if kind not in ("objects", "answers", "faults", "noise", "activities", "admissions")
}


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """A new folder for each call: Hypothesis runs one test many times."""
    return lambda: tmp_path_factory.mktemp("evidence")


def store(path: Path, rows: Any, kind: str = "ingress", **meta: Any) -> evidence.Written:
    return evidence.write(path, kind, rows, case="layer2/x", name="steady", meta=meta)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_is_written_is_read_back(folder: Callable[[], Path], data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(ROWS)))
    rows = data.draw(ROWS[kind])
    meta = STREAM if kind == "stream" else {"anything": data.draw(JSON)}
    path = folder() / "a.jsonl.gz"
    if absurd(rows):
        with pytest.raises(EvidenceError, match="holds a number of twenty digits or more"):
            evidence.write(path, kind, rows, case="c", name="n", meta=meta)
        return
    written = evidence.write(path, kind, rows, case="c", name="n", meta=meta)
    assert evidence.read(path) == Evidence(kind, "c", "n", meta, tuple(rows))
    assert written.rows == len(rows)
    assert written.bytes == path.stat().st_size
    assert written.sha256 == hashlib.sha256(path.read_bytes()).hexdigest() == evidence.digest(path)


def test_the_same_rows_give_the_same_bytes_whatever_the_order_of_their_fields(tmp_path: Path) -> None:
    first = store(tmp_path / "a.jsonl.gz", [ROW], pools=["10.0.0.0/24"])
    again = store(tmp_path / "b.jsonl.gz", [dict(reversed(ROW.items()))], pools=["10.0.0.0/24"])
    assert first == again
    assert (tmp_path / "a.jsonl.gz").read_bytes()[4:8] == bytes(4), "no time in the gzip header"


def test_the_file_is_a_header_and_a_row_a_line(tmp_path: Path) -> None:
    store(tmp_path / "a.jsonl.gz", [ROW, ROW], pools=["10.0.0.0/24"])
    header, *rows = map(json.loads, gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()).splitlines())
    assert header == {
        "kind": "ingress", "version": 1, "case": "layer2/x", "name": "steady", "pools": ["10.0.0.0/24"],
    }  # fmt: skip
    assert rows == [ROW, ROW]


def test_rows_may_be_dataclasses_with_addresses(tmp_path: Path) -> None:
    @dataclass
    class Observed:
        t: int
        service: str
        addresses: list[IPv4Address]
        present: bool

    store(tmp_path / "a.jsonl.gz", [Observed(1, "default/web", [IPv4Address("10.0.0.1")], True)])
    assert evidence.read(tmp_path / "a.jsonl.gz").rows == (ROW,)


def test_evidence_is_never_overwritten(tmp_path: Path) -> None:
    store(tmp_path / "a.jsonl.gz", [ROW])
    before = (tmp_path / "a.jsonl.gz").read_bytes()
    with pytest.raises(EvidenceError, match=r"a\.jsonl\.gz: exists; evidence is never overwritten \(give each"):
        store(tmp_path / "a.jsonl.gz", [])
    assert (tmp_path / "a.jsonl.gz").read_bytes() == before


@pytest.mark.parametrize(
    ("kind", "rows", "meta", "place", "problem"),
    [
        ("ingress", [ROW, {**ROW, "t": "now"}], {}, ":3", "t: Expected `int`, got `str`"),
        ("ingress", [{**ROW, "addresses": ["a", 1]}], {}, ":2", "addresses[1]: Expected `str`, got `int`"),
        ("ingress", [{**ROW, "colour": "a"}], {}, ":2", "unknown field colour"),
        ("ingress", [{"t": 1}], {}, ":2", "missing required field"),
        ("ingress", [7], {}, ":2", "Expected `object`, got `int`"),
        ("ingress", [{**ROW, "service": object()}], {}, ":2", "cannot be written as JSON"),
        ("ingres", [], {}, ":1", "there is no kind of evidence 'ingres'"),
        ("ingress", [], {"kind": "x"}, ":1", "the header's own fields cannot be set: kind"),
        ("ingress", [], {"began": "now"}, ":1", "header of 'ingress': began: Expected `int`, got `str`"),
        ("stream", [], {"period": 1}, ":1", "header of 'stream': Object missing required field `kernel_drops`"),
    ],
)
def test_what_is_not_as_its_kind_says_is_refused_with_its_place_and_leaves_nothing(
    tmp_path: Path, kind: str, rows: Any, meta: Any, place: str, problem: str
) -> None:
    with pytest.raises(EvidenceError) as error:
        evidence.write(tmp_path / "deep" / "a.jsonl.gz", kind, rows, case="c", name="n", meta=meta)
    assert error.value.place == f"{tmp_path}/deep/a.jsonl.gz{place}"
    assert problem in error.value.problem
    assert not list(tmp_path.iterdir())


def altered(lines: list[bytes], tail: bytes = b"\n") -> bytes:
    return gzip.compress(b"\n".join(lines) + tail, mtime=0)  # the content is part of a test's name


HEADER = b'{"kind":"ingress","version":1,"case":"c","name":"n"}'
GOOD = json.dumps(ROW).encode()


@pytest.mark.parametrize(
    ("content", "place", "problem"),
    [
        (altered([HEADER, GOOD, b'{"t":1']), ":3", "is not JSON"),
        (altered([HEADER, GOOD], b""), ":2", "the last line does not end"),
        (altered([HEADER, b'{"t":1.5}']), ":2", "t: Expected `int`, got `float`"),
        (altered([HEADER, GOOD, GOOD + GOOD]), ":3", "is not JSON"),
        (altered([HEADER, GOOD, b"", GOOD]), ":3", "is not JSON"),
        (altered([HEADER, GOOD, b'"t"']), ":3", "Expected `object`, got `str`"),
        (altered([HEADER, GOOD, GOOD.replace(b"{", b'{"u":1,')]), ":3", "unknown field u"),
        (altered([HEADER, *evidence.BATCH * [GOOD], b"{}"]), f":{evidence.BATCH + 2}", "missing required field `t`"),
        (altered([HEADER, GOOD, GOOD.replace(b"1", 20 * b"1", 1)]), ":3", "holds a number of twenty digits or more"),
        (altered([b"[]"]), ":1", "the header is not an object with a kind"),
        (altered([b'{"kind":"ingress","version":2}']), ":1", "has version 2, this lbcert reads version 1"),
        (altered([b'{"kind":"other","version":1}']), ":1", "there is no kind of evidence 'other'"),
        (gzip.compress(b"", mtime=0), ":1", "has no header"),
        (altered([HEADER, GOOD])[:-9], "", "is not whole"),
        (b"plain text", "", "is not whole"),
    ],
)
def test_a_file_that_was_altered_is_refused_with_file_and_line(
    tmp_path: Path, content: bytes, place: str, problem: str
) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(content)
    with pytest.raises(EvidenceError) as error:
        evidence.read(path)
    assert error.value.place == f"{path}{place}"
    assert problem in error.value.problem


def test_a_file_that_is_missing_is_refused_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match=r"No such file.*is the run directory whole\?"):
        evidence.read(tmp_path / "a.jsonl.gz")
    with pytest.raises(EvidenceError, match="No such file"):
        evidence.digest(tmp_path / "a.jsonl.gz")


def test_a_full_disk_is_one_error_and_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EvidenceError, match=r"cannot be written: No space left on device \(what was recorded"):
        store(tmp_path / "a.jsonl.gz", [ROW])
    assert not list(tmp_path.iterdir())


def test_how_long_something_was_watched_comes_from_the_header_else_from_the_rows() -> None:
    rows = ({"t": 5}, {"t": 9})
    assert Evidence("ingress", "c", "n", {}, rows).watched == (5, 9)
    assert Evidence("ingress", "c", "n", {"began": 1, "ended": 20}, rows).watched == (1, 20)
    assert Evidence("ingress", "c", "n", {"began": 1, "ended": 20}, ()).watched == (1, 20)
    assert Evidence[Any]("ingress", "c", "n", {"began": 1}, ()).watched is None
