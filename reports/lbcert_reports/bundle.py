"""The evidence bundle: a run in one file that another machine can judge again.

A bundle is a gzip-compressed tar archive that any tar unpacks: ``manifest.json`` first, then each member in the order
of the manifest, which has its size and SHA-256. The gzip header carries the SHA-256 of all that follows it, so no
byte of a bundle can change without being found, not even one that no decompressor looks at. The same run gives the
same bytes.

Reading trusts nothing: names are those that a run has and no others, every tar header must be the very one that
would be written for its name and size (so there are no links, no devices, no second names), and nothing grows beyond
what the manifest says and `LIMITS` allows.
"""

import hashlib
import io
import re
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from lbcert_reports import journal as journals
from lbcert_reports.located import LocatedError
from lbcert_reports.report import journal_digest

FORMAT: Final = "lbcert-bundle"
VERSION: Final = 1
SUFFIX: Final = ".lbcert.tar.gz"
REQUIRED: Final = ("report.json", "profile.toml")
"""What a run that came to its end has beside its journal and its evidence."""

_MANIFEST: Final = "manifest.json"
_NAME: Final = re.compile(
    r"report\.json|profile\.toml|journal/[A-Za-z0-9_-]{1,90}\.jsonl|evidence/[A-Za-z0-9_-]{1,90}/[A-Za-z0-9_-]{1,90}\.jsonl\.gz"
)
_BLOCK: Final = 512
_CHUNK: Final = 1 << 18
# gzip with one extra field, LB: the SHA-256 of everything that follows the header. No time, no name, no system.
_HEAD: Final = b"\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff" + (36).to_bytes(2, "little") + b"LB" + b"\x20\x00"
_HEAD_SIZE: Final = len(_HEAD) + 32


@dataclass(frozen=True)
class Limits:
    """What a bundle may hold at most; a run that has more is not packed, and a bundle that claims more not unpacked.

    Attributes:
        members: files, without the manifest.
        bytes: their sizes together, as they lie in the run directory.
        manifest: size of the manifest.
    """

    members: int = 20_000
    bytes: int = 512_000_000
    manifest: int = 8_000_000


LIMITS: Final = Limits()


class Member(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A file of a bundle, by its path within the run directory."""

    path: str
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What a bundle says that it holds.

    Attributes:
        format: `FORMAT`.
        version: `VERSION` of the format.
        suite: version, commit and catalogue of the suite that made the run.
        run: the run's name.
        digest: the digest in the certificate strip of the run's report: over all events of the journal, which hold
            the digest of each evidence file.
        members: the files, in order.
    """

    format: str
    version: int
    suite: dict[str, Any]
    run: str
    digest: str
    members: list[Member]


class BundleError(LocatedError):
    """A run that cannot be packed, or a file that is no whole bundle."""


class AlteredError(BundleError):
    """A run that is not as it was written."""


@dataclass
class Unpacked:
    """What was found in a bundle.

    Attributes:
        manifest: what it says of itself; None if it could not be read.
        suite: the suite that made the run, as far as the manifest tells, even one of a format that is not known here.
        whole: whether every file of the manifest is there and nothing else, altered or not.
        findings: place and problem of what does not hold.
    """

    manifest: Manifest | None = None
    suite: dict[str, Any] = field(default_factory=dict)
    whole: bool = False
    findings: list[tuple[str, str]] = field(default_factory=list)


def is_member(name: str) -> bool:
    """Whether a path within a run directory is one that lbcert writes and a bundle carries."""
    return _NAME.fullmatch(name) is not None


def is_bundle(path: Path) -> bool:
    """Whether a file begins as a bundle does, be it whole or not.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return file.read(len(_HEAD)) == _HEAD


def pack(run: Path, target: Path, limits: Limits = LIMITS) -> int:
    """Pack journals, evidence, report.json and the profile's text of a run directory; returns the bundle's size.

    What is left out follows from what is packed (report.html, junit.xml, badge.svg) or proves nothing (logs).

    Raises:
        AlteredError: evidence was altered, or is not there though the journal names it.
        BundleError: the run has more than `limits` allow (evidence is never left out), came to its end without
            `REQUIRED`, or has a file that does not belong there; or one cannot be read or written.
        JournalError: there is no journal, or it is malformed.
    """
    contents = {path.relative_to(run).as_posix(): path for path in _files(run)}
    journal = journals.read(run)
    start = next(iter(journal.of("run-started")), None)
    if lost := [each["path"] for each in journal.of("evidence") if each["path"] not in contents]:
        raise AlteredError(str(run / lost[0]), "is not there, and the journal names it", "is the run directory whole?")
    if journal.finished and (lacking := [name for name in REQUIRED if name not in contents]):
        raise BundleError(
            str(run / lacking[0]), "is not there, and the run came to its end", "try `lbcert report` first"
        )
    _within(run, {name: path.stat().st_size for name, path in contents.items()}, limits)
    members = []
    for name, path in contents.items():
        content = _read(path)
        members.append(Member(name, len(content), hashlib.sha256(content).hexdigest()))
    digests = {member.path: member.sha256 for member in members}
    if altered := [each["path"] for each in journal.of("evidence") if digests[each["path"]] != each["sha256"]]:
        raise AlteredError(str(run / altered[0]), "was altered: its SHA-256 is not the one in the journal")
    suite = dict(start["suite"]) if start else {}
    manifest = Manifest(FORMAT, VERSION, suite, start["run"] if start else "", journal_digest(journal), members)
    packed = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS, 9)
    body, crc, size = io.BytesIO(), 0, 0
    said = msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=1) + b"\n"
    for part in _parts([(_MANIFEST, said), *((each.path, _read(contents[each.path], each)) for each in members)]):
        body.write(packed.compress(part))
        crc, size = zlib.crc32(part, crc), size + len(part)
    body.write(packed.flush() + crc.to_bytes(4, "little") + (size % 2**32).to_bytes(4, "little"))
    return _write(target, _HEAD + hashlib.sha256(body.getbuffer()).digest(), body)


def unpack(bundle: Path, folder: Path, limits: Limits = LIMITS) -> Unpacked:
    """Unpack a bundle into an empty folder as far as it is whole; never raises for what the bundle holds.

    Raises:
        BundleError: the file cannot be read, or the folder not be written.
    """
    found = Unpacked()
    try:
        with bundle.open("rb") as file:
            head = file.read(_HEAD_SIZE)
            if head[: len(_HEAD)] != _HEAD or len(head) < _HEAD_SIZE:
                found.findings.append((bundle.name, "does not begin as a bundle of lbcert does"))
                return found
            if _digest(file) != head[len(_HEAD) :]:
                found.findings.append((bundle.name, "was altered or cut: its SHA-256 is not the one in its header"))
            file.seek(0)
            try:
                _take(_Stream(bundle.name, file), folder, found, limits)
                found.whole = True
            except BundleError as error:
                found.findings.append((error.place, error.problem))
    except OSError as error:
        raise BundleError(str(error.filename or bundle), f"cannot be read: {error.strerror or error}") from error
    return found


@contextmanager
def opened(path: Path) -> Iterator[tuple[Path, Unpacked]]:
    """A run directory of a run directory or of a bundle, the latter unpacked for as long as this lasts.

    An error about an unpacked file names the bundle: nobody else ever sees where that file lay.

    Raises:
        BundleError: the bundle cannot be read.
    """
    if path.is_dir():
        yield path, Unpacked(whole=True)
        return
    with tempfile.TemporaryDirectory(prefix="lbcert-bundle-") as folder:
        try:
            yield Path(folder), unpack(path, Path(folder))
        except LocatedError as error:
            raise type(error)(error.place.replace(folder, str(path)), error.problem, error.hint) from error


def _files(run: Path) -> list[Path]:
    """What goes into the bundle, in order."""
    single = [run / name for name in REQUIRED if (run / name).exists()]
    tree = [path for name in ("journal", "evidence") for path in sorted((run / name).rglob("*")) if not path.is_dir()]
    for path in [*single, *tree]:
        name = path.relative_to(run).as_posix()
        if path.is_symlink() or not path.is_file() or not _NAME.fullmatch(name):
            raise BundleError(str(path), "does not belong into a run directory", "remove it, then pack the run again")
    return [*single, *tree]


def _within(run: Path, sizes: dict[str, int], limits: Limits) -> None:
    if len(sizes) > limits.members:
        raise BundleError(str(run), f"holds {len(sizes)} files, a bundle holds at most {limits.members}")
    if (total := sum(sizes.values())) > limits.bytes:
        largest = max(sizes, key=lambda name: sizes[name])
        raise BundleError(
            str(run),
            f"holds {total} bytes, a bundle holds at most {limits.bytes}; the largest is {largest}, {sizes[largest]}",
            "no evidence is ever left out: hand on the run directory itself, or certify in parts with --only",
        )


def _read(path: Path, member: Member | None = None) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BundleError(str(path), f"cannot be read: {error.strerror or error}") from error
    if member and len(content) != member.bytes:
        raise BundleError(str(path), "changed while it was packed", "pack a run when it has ended")
    return content


def _header(name: str, size: int) -> bytes:
    """The one tar header that a member of this name and size has."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member.tobuf(tarfile.USTAR_FORMAT)


def _parts(members: list[tuple[str, bytes]]) -> Iterator[bytes]:
    for name, content in members:
        yield _header(name, len(content))
        yield content
        yield bytes(-len(content) % _BLOCK)
    yield bytes(2 * _BLOCK)


def _write(target: Path, head: bytes, body: io.BytesIO) -> int:
    partial = target.with_name(f".{target.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(head)
            file.write(body.getbuffer())
        partial.replace(target)
        return target.stat().st_size
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise BundleError(str(target), f"cannot be written: {error.strerror or error}") from error


def _digest(file: Any) -> bytes:
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.digest()


class _Stream:
    """The archive within the compressed file, read piece by piece, so that no bomb unfolds."""

    def __init__(self, name: str, file: Any) -> None:
        self.name = name
        self._file = file
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._held = bytearray()

    def exactly(self, count: int, place: str) -> bytes:
        """So many bytes.

        Raises:
            BundleError: there are fewer, or they do not decompress.
        """
        while len(self._held) < count and self._more(place):
            pass
        if len(self._held) < count:
            raise BundleError(place, "is cut off: the archive ends within it")
        taken = bytes(self._held[:count])
        del self._held[:count]
        return taken

    def ended(self) -> bool:
        """Whether nothing follows, compressed or not, and the compressed data came to its end."""
        while not self._held and self._more(self.name):
            pass
        return not self._held and self._inflate.eof and not self._inflate.unused_data and not self._file.read(1)

    def _more(self, place: str) -> bool:
        """Decompress a little more; False if there is no more."""
        data = self._inflate.unconsumed_tail or (b"" if self._inflate.eof else self._file.read(_CHUNK))
        if not data:
            return False
        try:
            self._held += self._inflate.decompress(data, _CHUNK)
        except zlib.error as error:
            raise BundleError(place, f"cannot be decompressed: {error}") from error
        return True


def _take(stream: _Stream, folder: Path, found: Unpacked, limits: Limits) -> None:
    """Read the archive member by member and write each that is as the manifest says."""
    manifest = found.manifest = _manifest(stream, limits, found)
    for member in manifest.members:
        if stream.exactly(_BLOCK, member.path) != _header(member.path, member.bytes):
            raise BundleError(member.path, "is due here by the manifest; the archive holds something else")
        target = folder / member.path
        target.parent.mkdir(parents=True, exist_ok=True)
        digest, left = hashlib.sha256(), member.bytes
        with target.open("xb") as file:
            while left:
                piece = stream.exactly(min(left, _CHUNK), member.path)
                digest.update(piece)
                file.write(piece)
                left -= len(piece)
        if any(stream.exactly(-member.bytes % _BLOCK, member.path)):
            raise BundleError(member.path, "is followed by bytes that belong to nothing")
        if (got := digest.hexdigest()) != member.sha256:
            found.findings.append((member.path, f"was altered: its SHA-256 is {got}, the manifest has {member.sha256}"))
    if any(stream.exactly(2 * _BLOCK, "the end of the archive")) or not stream.ended():
        raise BundleError(stream.name, "holds more than its manifest says")


def _manifest(stream: _Stream, limits: Limits, found: Unpacked) -> Manifest:
    """The manifest, if this lbcert can read what it describes."""
    header = stream.exactly(_BLOCK, _MANIFEST)
    try:
        size = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape").size
    except (tarfile.TarError, ValueError) as error:
        raise BundleError(_MANIFEST, f"is not where it belongs, at the beginning: {error}") from error
    if not 0 <= size <= limits.manifest or header != _header(_MANIFEST, size):
        raise BundleError(_MANIFEST, "is not where it belongs, at the beginning")
    content = stream.exactly(size, _MANIFEST)
    if any(stream.exactly(-size % _BLOCK, _MANIFEST)):
        raise BundleError(_MANIFEST, "is followed by bytes that belong to nothing")
    try:
        # The format first: a later one may have other fields.
        said = msgspec.json.decode(content)
        if isinstance(said, dict):
            found.suite = dict(suite) if isinstance(suite := said.get("suite"), dict) else {}
            if (said.get("format"), said.get("version")) != (FORMAT, VERSION):
                named = f"{said.get('format')} {said.get('version')}"[:80]
                raise BundleError(_MANIFEST, f"has format {named!r}, this lbcert reads {FORMAT} {VERSION}")
        manifest = msgspec.convert(said, Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(_MANIFEST, f"is malformed: {error}") from error
    _allowed(manifest, limits)
    return manifest


def _allowed(manifest: Manifest, limits: Limits) -> None:
    names = [member.path for member in manifest.members]
    if odd := next((name for name in names if not _NAME.fullmatch(name)), None):
        raise BundleError(_MANIFEST, f"names {odd[:200]!r}, which is no file of a run")
    if len(set(names)) < len(names):
        raise BundleError(_MANIFEST, "names a file twice")
    if any(member.bytes < 0 for member in manifest.members):
        raise BundleError(_MANIFEST, "has a size below 0")
    if len(names) > limits.members or (total := sum(each.bytes for each in manifest.members)) > limits.bytes:
        size = f"{len(names)} files" if len(names) > limits.members else f"{total} bytes"
        raise BundleError(_MANIFEST, f"claims {size}, more than a bundle holds")
