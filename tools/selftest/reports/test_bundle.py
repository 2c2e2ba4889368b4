"""A bundle is a run in one file: same run, same bytes, same verdicts; and nothing in it is trusted."""

import gzip
import hashlib
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import made_runs as made
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lbcert_reports import bundle
from lbcert_reports.bundle import BundleError, Limits, pack, unpack
from lbcert_reports.journal import JournalError
from lbcert_reports.located import LocatedError
from lbcert_reports.publish import report_from, write_all
from lbcert_reports.recorder import Recorder
from lbcert_reports.rejudge import Rejudged, rejudge

S = 1_000_000_000
ASSIGNED = [
    {"t": S, "service": "default/web", "addresses": [], "present": True},
    {"t": 3 * S, "service": "default/web", "addresses": ["10.0.0.1"], "present": True},
]
PROFILE = 'name = "made"\n'


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two cases with its reports: one passes, one fails."""
    folder = tmp_path_factory.mktemp("bundle") / "run"
    recorder = Recorder(folder, now=made.clock())
    pools = {"good": "10.0.0.0/24", "bad": "10.1.0.0/24"}
    recorder.event(
        "run-started",
        run="made",
        suite={"version": "1", "commit": "c0ffee"},
        profile={"name": "made", "version": "1", "sha256": hashlib.sha256(PROFILE.encode()).hexdigest()},
        testbed={"name": "none"},
        environment={},
        command=["lbcert", "certify"],
        options={},
        plan=[made.case(name, covers=["ALLOC-001"])["plan"] for name in pools],
        requirements={"ALLOC-001": made.requirement("ALLOC-001")},
    )
    for case, pool in pools.items():
        with recorder.case(case) as record:
            ref = record.evidence("ingress", ASSIGNED, "watch", ended=60 * S)
            record.judge("ALLOC-001", "assigned-from-pool", {"ingress": ref}, {"pools": [pool]})
    recorder.event("run-finished", cases={"pass": 1, "fail": 1, "error": 0}, duration=1.0)
    recorder.close()
    (folder / "profile.toml").write_text(PROFILE)
    (folder / "logs").mkdir()
    (folder / "logs" / "pytest.log").write_text("log")
    write_all(folder)
    return folder


@pytest.fixture(scope="module")
def packed(run: Path) -> Path:
    target = run.parent / f"run{bundle.SUFFIX}"
    pack(run, target)
    return target


Files = dict[str, bytes]


def content(packed: Path) -> Files:
    """The files of a bundle, as any tar sees them."""
    with tarfile.open(packed) as archive:
        return {each.name: archive.extractfile(each).read() for each in archive}  # type: ignore[union-attr]


def wrapped(archive: bytes) -> bytes:
    """An archive in the envelope of a bundle, as whoever forges one would put it."""
    body = gzip.compress(archive, mtime=0)[10:]
    return bundle._HEAD + hashlib.sha256(body).digest() + body


def forged(files: Files, **manifest: Any) -> bytes:
    """A bundle with these files that is consistent with itself; fields of its manifest by keyword."""
    said = json.loads(files.pop("manifest.json"))
    said["members"] = [
        {"path": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()
    ]
    first = json.dumps(said | manifest).encode()
    return wrapped(b"".join(bundle._parts([("manifest.json", first), *files.items()])))


@pytest.fixture
def judged(tmp_path: Path) -> Callable[[bytes], Rejudged]:
    """Judge the bytes of a bundle."""

    def judge(data: bytes) -> Rejudged:
        path = tmp_path / f"a{bundle.SUFFIX}"
        path.write_bytes(data)
        return rejudge(path)

    return judge


def said(again: Rejudged) -> list[str]:
    return [str(finding) for finding in again.findings]


# --- a bundle that is whole ---------------------------------------------------------------------------------------


def test_a_bundle_is_judged_as_its_run_is(run: Path, packed: Path) -> None:
    from_run, from_bundle = rejudge(run), rejudge(packed)
    assert from_run == from_bundle
    assert (from_bundle.verdicts, from_bundle.findings) == (2, ())


def test_any_tar_unpacks_it_and_finds_what_the_manifest_says(run: Path, packed: Path) -> None:
    files = content(packed)
    manifest = json.loads(files["manifest.json"])
    assert list(files) == ["manifest.json", *(each["path"] for each in manifest["members"])]
    assert set(files) == {
        "manifest.json", "report.json", "profile.toml", "journal/main.jsonl",
        "evidence/bad/watch.jsonl.gz", "evidence/good/watch.jsonl.gz",
    }  # fmt: skip
    for each in manifest["members"]:
        assert files[each["path"]] == (run / each["path"]).read_bytes()
        assert (each["bytes"], each["sha256"]) == (
            len(files[each["path"]]),
            hashlib.sha256(files[each["path"]]).hexdigest(),
        )
    assert manifest["suite"] == {"version": "1", "commit": "c0ffee"}


def test_its_digest_is_the_one_in_the_report(run: Path, packed: Path) -> None:
    digest = json.loads((run / "report.json").read_text())["run"]["journalDigest"]
    assert json.loads(content(packed)["manifest.json"])["digest"] == rejudge(packed).digest == digest
    assert digest in (run / "report.html").read_text()


def test_the_same_run_gives_the_same_bytes(run: Path, packed: Path, tmp_path: Path) -> None:
    copy = Path(copytree(run, tmp_path / "elsewhere"))
    pack(copy, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == packed.read_bytes()


def test_a_run_that_was_killed_is_packed_and_judged_as_far_as_it_went(run: Path, tmp_path: Path) -> None:
    copy = Path(copytree(run, tmp_path / "run"))
    journal = copy / "journal/main.jsonl"
    journal.write_bytes(b"\n".join(journal.read_bytes().split(b"\n")[:-2]) + b'\n{"torn')
    write_all(copy)
    pack(copy, tmp_path / "killed")
    again = rejudge(tmp_path / "killed")
    assert (again.interrupted, again.verdicts, again.findings) == (True, 2, ())


# --- what is not packed -------------------------------------------------------------------------------------------


def test_a_run_that_is_too_large_is_refused_and_nothing_is_left_out_in_silence(run: Path, tmp_path: Path) -> None:
    for limits, problem in (
        (Limits(bytes=1000), "a bundle holds at most 1000; the largest is"),
        (Limits(2), "5 files"),
    ):
        with pytest.raises(BundleError, match=problem):
            pack(run, tmp_path / "large", limits)
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_lacks_evidence_of_its_journal_is_refused(run: Path, tmp_path: Path) -> None:
    copy = Path(copytree(run, tmp_path / "run"))
    (copy / "evidence/bad/watch.jsonl.gz").unlink()
    with pytest.raises(BundleError, match=r"bad/watch.jsonl.gz: is not there, and the journal names it"):
        pack(copy, tmp_path / "lost")


@pytest.mark.parametrize("name", bundle.REQUIRED)
def test_a_run_that_came_to_its_end_and_lacks_what_judging_asks_for_is_refused(
    run: Path, tmp_path: Path, name: str
) -> None:
    copy = Path(copytree(run, tmp_path / "run"))
    (copy / name).unlink()
    with pytest.raises(BundleError, match=f"{name}: is not there, and the run came to its end"):
        pack(copy, tmp_path / "bundle")


def test_a_run_with_altered_evidence_is_refused(run: Path, tmp_path: Path) -> None:
    copy = Path(copytree(run, tmp_path / "run"))
    altered = copy / "evidence/bad/watch.jsonl.gz"
    altered.write_bytes(altered.read_bytes()[:-1] + b"?")
    with pytest.raises(BundleError, match=r"bad/watch.jsonl.gz: was altered"):
        pack(copy, tmp_path / "bundle")


@pytest.mark.parametrize("name", ["evidence/notes.txt", "journal/.main.jsonl", "evidence/good/link.jsonl.gz"])
def test_a_file_that_does_not_belong_into_a_run_is_refused(run: Path, tmp_path: Path, name: str) -> None:
    copy = Path(copytree(run, tmp_path / "run"))
    (copy / name).symlink_to("/etc/passwd")
    with pytest.raises(BundleError, match=f"{name}: does not belong into a run directory"):
        pack(copy, tmp_path / "odd")


# --- what was altered ---------------------------------------------------------------------------------------------


@given(data=st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_altered_byte_anywhere_is_found(packed: Path, judged: Callable[[bytes], Rejudged], data: Any) -> None:
    content = bytearray(packed.read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    assert not judged(bytes(content)).agrees


def test_a_bundle_cut_anywhere_is_refused(packed: Path, judged: Callable[[bytes], Rejudged]) -> None:
    content = packed.read_bytes()
    for length in range(0, len(content), 13):
        again = judged(content[:length])
        assert not again.agrees
        assert again.verdicts == 0
    assert any("is cut off: the archive ends within it" in each for each in said(judged(content[: len(content) // 2])))


def test_bytes_after_the_end_are_found(packed: Path, judged: Callable[[bytes], Rejudged]) -> None:
    assert not judged(packed.read_bytes() + b"\0").agrees
    archive = gzip.decompress(packed.read_bytes())
    assert said(judged(wrapped(archive + bytes(512)))) == [f"a{bundle.SUFFIX}: holds more than its manifest says"]


def test_an_altered_file_is_named_and_the_others_are_judged(packed: Path, judged: Callable[[bytes], Rejudged]) -> None:
    archive = bytearray(gzip.decompress(packed.read_bytes()))
    evidence = content(packed)["evidence/good/watch.jsonl.gz"]
    archive[archive.index(evidence) + 30] ^= 1
    again = judged(wrapped(bytes(archive)))
    assert again.verdicts == 1
    assert said(again)[0].startswith("evidence/good/watch.jsonl.gz: was altered: its SHA-256 is ")
    assert (
        "good ALLOC-001: assigned-from-pool cannot be judged again: evidence/good/watch.jsonl.gz is not as it was"
        in said(again)
    )


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda files: files.pop("evidence/bad/watch.jsonl.gz"), "evidence/bad/watch.jsonl.gz: is missing"),
        (
            lambda files: files.update({"evidence/bad/more.jsonl.gz": b""}),
            "evidence/bad/more.jsonl.gz: is evidence of which the journal knows nothing",
        ),
        (
            lambda files: files.update({"profile.toml": b"other"}),
            f"profile.toml: has the SHA-256 {hashlib.sha256(b'other').hexdigest()}, the run began with",
        ),
        (
            lambda files: files.update(
                {"report.json": files["report.json"].replace(b'"not conformant"', b'"conformant"')}
            ),
            "report.json: profiles.core-l2.certificate: states 'conformant', the journal comes to 'not conformant'",
        ),
        (
            lambda files: files.update({"report.json": b"[" * 100_000}),
            "report.json: cannot be held against the journal",
        ),
        (
            lambda files: files.update(
                {"journal/main.jsonl": files["journal/main.jsonl"].replace(b'"verdict":"fail"', b'"verdict":"pass"')}
            ),
            "bad ALLOC-001: the verdict does not follow: the journal has 'pass', the evidence says 'fail'",
        ),
        (lambda files: files.pop("profile.toml"), "profile.toml: is missing, and the run came to its end"),
        (lambda files: files.pop("report.json"), "report.json: is missing, and the run came to its end"),
        (
            lambda files: files.update({"journal/main.jsonl": files["journal/main.jsonl"] + b"{}\n"}),
            "journal/main.jsonl:13: is not an event with a time t",
        ),
        (lambda files: files.pop("journal/main.jsonl"), f"a{bundle.SUFFIX}: holds no journal"),
    ],
)
def test_what_a_forger_made_consistent_with_its_digests_is_found(
    packed: Path, judged: Callable[[bytes], Rejudged], change: Callable[[Files], object], finding: str
) -> None:
    files = content(packed)
    change(files)
    assert any(each.startswith(finding) for each in said(judged(forged(files))))


def test_a_manifest_that_belongs_to_another_run_is_found(packed: Path, judged: Callable[[bytes], Rejudged]) -> None:
    (found,) = said(judged(forged(content(packed), digest="0" * 64)))
    assert found.startswith(f"manifest.json: has the digest {'0' * 64}, the journal comes to ")
    assert said(judged(forged(content(packed), run="other"))) == [
        "manifest.json: is of the run 'other', the journal of 'made'"
    ]
    (found,) = said(judged(forged(content(packed), suite={"version": "9"})))
    assert found.startswith("manifest.json: has the suite {'version': '9'}, the journal {'version': '1'")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            lambda files: files.update(
                {"journal/main.jsonl": files["journal/main.jsonl"].replace(b'"verdict":"fail"', b'"verdict":"pass"')}
            ),
            r"manifest\.json: has the digest",
        ),
        (
            lambda files: files.update({"evidence/bad/watch.jsonl.gz": files["evidence/good/watch.jsonl.gz"]}),
            r"evidence/bad/watch\.jsonl\.gz: was altered",
        ),
        (lambda files: files.pop("evidence/bad/watch.jsonl.gz"), r"evidence/bad/watch\.jsonl\.gz: is missing"),
        (lambda files: files.update({"journal/main.jsonl": b"{}\n"}), r"a\S+gz/journal/main\.jsonl:1: is not an event"),
    ],
)
def test_a_bundle_whose_parts_are_not_of_one_run_is_not_compared(
    packed: Path, tmp_path: Path, change: Callable[[Files], object], problem: str
) -> None:
    files = content(packed)
    change(files)
    (tmp_path / f"a{bundle.SUFFIX}").write_bytes(forged(files))
    with pytest.raises(LocatedError, match=problem):
        report_from(tmp_path / f"a{bundle.SUFFIX}")


# --- what is hostile ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "../out",
        "/etc/out",
        "evidence/../../out.jsonl.gz",
        "evidence/a/b/c.jsonl.gz",
        "run.sh",
        "evidence/a/b\n.jsonl.gz",
    ],
)
def test_a_name_that_no_run_has_is_refused(
    packed: Path, judged: Callable[[bytes], Rejudged], tmp_path: Path, name: str
) -> None:
    (found,) = said(judged(forged({**content(packed), name: b"out"})))
    assert found == f"manifest.json: names {name!r}, which is no file of a run"
    assert list(tmp_path.iterdir()) == [tmp_path / f"a{bundle.SUFFIX}"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE, tarfile.XHDTYPE])
def test_what_is_no_plain_file_is_refused(packed: Path, tmp_path: Path, kind: bytes) -> None:
    files = content(packed)
    manifest, profile = files["manifest.json"], files["profile.toml"]
    member = tarfile.TarInfo("report.json")
    member.type, member.linkname = kind, "/etc/passwd"
    parts = list(bundle._parts([("manifest.json", manifest), ("profile.toml", profile)]))
    (tmp_path / "odd").write_bytes(wrapped(b"".join([*parts[:3], member.tobuf(tarfile.USTAR_FORMAT), *parts[3:]])))
    found = unpack(tmp_path / "odd", tmp_path / "out")
    assert found.findings == [("report.json", "is due here by the manifest; the archive holds something else")]
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").rglob("report.json"))


def test_an_archive_that_unfolds_beyond_its_manifest_is_not_unfolded(
    packed: Path, judged: Callable[[bytes], Rejudged]
) -> None:
    files = content(packed)
    bomb = wrapped(gzip.decompress(forged(files)) + bytes(300_000_000))
    assert len(bomb) < 1_000_000
    assert said(judged(bomb)) == [f"a{bundle.SUFFIX}: holds more than its manifest says"]


def test_a_manifest_that_claims_too_much_is_refused_before_anything_is_written(packed: Path, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(forged(content(packed)))
    few, small, short = Limits(members=2), Limits(bytes=1000), Limits(manifest=9)
    for limits, problem in ((small, "bytes, more than"), (few, "5 files"), (short, "is not where")):
        found = unpack(tmp_path / "large", tmp_path / "out", limits)
        assert found.findings[0][0] == "manifest.json"
        assert problem in found.findings[0][1]
    assert not (tmp_path / "out").exists()


def test_evidence_that_unfolds_beyond_all_measure_is_refused(
    packed: Path, judged: Callable[[bytes], Rejudged], monkeypatch: pytest.MonkeyPatch
) -> None:
    from lbcert_reports import evidence

    monkeypatch.setattr(evidence, "LARGEST", 100)
    assert any("unfolds to more than 100 bytes" in each for each in said(judged(packed.read_bytes())))


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        ({"version": 2}, "has format 'lbcert-bundle 2', this lbcert reads lbcert-bundle 1"),
        ({"format": "x" * 1000}, "has format '" + "x" * 80),
        ({"members": 3}, "is malformed: Expected `array`"),
        ({"members": [{"path": "report.json", "bytes": -1, "sha256": ""}]}, "has a size below 0"),
        ({"members": [{"path": "report.json", "bytes": 0, "sha256": ""}] * 2}, "names a file twice"),
        ({"members": [{"path": "report.json", "bytes": 10**12, "sha256": ""}]}, "claims 1000000000000 bytes"),
        ({"more": 1}, "is malformed: Object contains unknown field `more`"),
    ],
)
def test_a_manifest_that_is_not_as_it_must_be_is_refused(
    packed: Path, judged: Callable[[bytes], Rejudged], manifest: dict[str, Any], problem: str
) -> None:
    files = content(packed)
    (found,) = said(judged(forged(files, **manifest)))
    assert found.startswith(f"manifest.json: {problem}")


def test_the_suite_that_made_a_bundle_is_known_even_where_its_format_is_not(
    packed: Path, judged: Callable[[bytes], Rejudged]
) -> None:
    later = forged(content(packed), version=2, suite={"version": "9.0"}, signature="x")
    assert judged(later).suite == {"version": "9.0"}


@pytest.mark.parametrize("data", [b"", b"\x1f\x8b", b"plain text", gzip.compress(b"x", mtime=0), bytes(1000)])
def test_what_is_no_bundle_is_refused(judged: Callable[[bytes], Rejudged], data: bytes) -> None:
    assert said(judged(data)) == [f"a{bundle.SUFFIX}: does not begin as a bundle of lbcert does"]


@given(data=st.binary(max_size=2000))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_archive_crashes_the_reader(judged: Callable[[bytes], Rejudged], data: bytes) -> None:
    assert not judged(wrapped(data)).agrees


ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=5)
    | st.just("pass")
    | st.just("\0"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@given(data=st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_journal_crashes_the_judge(packed: Path, judged: Callable[[bytes], Rejudged], data: Any) -> None:
    files = content(packed)
    lines = [json.loads(line) for line in files["journal/main.jsonl"].splitlines()]
    event = data.draw(st.sampled_from(lines))
    field = data.draw(st.sampled_from(sorted(event)))
    event[field] = data.draw(ODD)
    files["journal/main.jsonl"] = "".join(map(made.line, lines)).encode()
    try:
        judged(forged(files))
    except JournalError as error:
        assert error.place  # noqa: PT017 - it is refused with its place, or judged


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_report_and_no_evidence_crash_the_judge(
    packed: Path, judged: Callable[[bytes], Rejudged], data: Any
) -> None:
    files = content(packed)
    report = json.loads(files["report.json"])
    report[data.draw(st.sampled_from(sorted(report)))] = data.draw(ODD)
    files["report.json"] = json.dumps(report).encode()
    rows = [json.loads(row) for row in gzip.decompress(files["evidence/good/watch.jsonl.gz"]).splitlines()]
    row = data.draw(st.sampled_from(rows))
    row[data.draw(st.sampled_from(sorted(row)))] = data.draw(ODD)
    evidence = gzip.compress("".join(json.dumps(each) + "\n" for each in rows).encode())
    files["evidence/good/watch.jsonl.gz"] = evidence
    journal = [json.loads(line) for line in files["journal/main.jsonl"].splitlines()]
    for event in journal:
        if event["event"] == "evidence" and event["case"] == "good":
            event |= {"sha256": hashlib.sha256(evidence).hexdigest(), "bytes": len(evidence)}
    files["journal/main.jsonl"] = "".join(map(made.line, journal)).encode()
    judged(forged(files))
