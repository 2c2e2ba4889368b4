"""Evidence: what was observed, written once and never edited.

One file holds one kind of observation: gzip-compressed JSON lines, first a header, then a row a line. Each kind is
a `TypedDict` here, and every row is checked against it when it is written and again when it is read, so a judge
never meets a row that is not what it says. The same rows give the same bytes.

All times are integers: nanoseconds of CLOCK_REALTIME, the clock of the kernel's packet timestamps.
"""

import dataclasses
import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any, Final, Generic, Literal, NotRequired, TypedDict, TypeVar, get_type_hints

import msgspec

from lbcert_reports.durable import sync_folder
from lbcert_reports.integers import may_be_absurd, refuse_absurd
from lbcert_reports.located import LocatedError

VERSION: Final = 1
LARGEST: Final = 256_000_000
"""Bytes that an evidence file may unfold to: hundreds of times what a campaign needs, and no bomb."""

BATCH: Final = 4096
"""So many rows are checked at once."""


class Ingress(TypedDict):
    """One observed state of a Service's ``status.loadBalancer``, in the order of one watch."""

    t: int
    service: str
    """``namespace/name``"""
    addresses: list[str]
    present: bool
    """False when the Service was deleted"""
    modes: NotRequired[list[str]]
    """the ``ipMode`` of each entry that has one: ``VIP`` or ``Proxy``"""
    pool: NotRequired[str]
    """the pool that its annotation names as that of its addresses; empty if there is no such annotation"""


class Answer(TypedDict):
    """One ARP or NDP frame about an address, or our own question about it."""

    t: int
    address: str
    mac: str
    """sender hardware address in the ARP or NDP message; ours if the form is ``asked``"""
    form: Literal["asked", "arp-reply", "garp-request", "garp-reply", "na-solicited", "na-unsolicited"]
    dst: str
    """destination hardware address of the frame"""
    flags: dict[str, Any]
    """what else the frame says, e.g. ``solicited``, ``override``, ``router``, ``hop_limit``, ``link_layer``"""


REPLIES: Final = ("arp-reply", "na-solicited")
"""Forms of an `Answer` to a question, for IPv4 and for IPv6."""

ANNOUNCEMENTS: Final = ("garp-request", "garp-reply", "na-unsolicited")
"""Forms of an `Answer` that nobody asked for."""


class Stream(TypedDict):
    """One probe of an open-loop stream: due and sent by plan, received or not."""

    seq: int
    due: int
    sent: int
    """when it really left, or was handed to the kernel if it never did"""
    received: int | None
    endpoint: str | None
    flow: NotRequired[int]
    """source port, where a stream uses several"""
    late: NotRequired[int]
    """how much later than due it was handed to the kernel, ns, if that was more than half a period"""
    waited: NotRequired[int]
    """how long the probe was ready to run and waited for a processor since it was last punctual, ns"""


class Fault(TypedDict):
    """One thing that was done on purpose and whose effect is timed: a fault, or a write to the API."""

    fault: str
    target: str
    began: int
    """just before the first system call or request"""
    effective: int
    """just after the call with which its effect became visible"""
    healed: int | None
    proof: dict[str, Any]


class Route(TypedDict):
    """A prefix's next hops in a router's kernel after a change; none when the route is gone."""

    t: int
    prefix: str
    next_hops: list[str]


class Session(TypedDict):
    """One observed state of a BGP session, as its router tells it."""

    t: int
    router: str
    peer: str
    state: str
    """``Established``, ``Active``, ... as FRR names the states of RFC 4271"""
    uptime_ms: int
    established: int
    """how often this session came up so far"""
    dropped: int
    """how often it went down so far"""
    hold: NotRequired[int]
    """negotiated hold time, s"""
    keepalive: NotRequired[int]
    """negotiated keepalive interval, s"""
    identifier: NotRequired[str]
    """the peer's BGP identifier as its OPEN said it; ``0.0.0.0`` or nothing before that"""


class BgpPath(TypedDict):
    """One path in a router's BGP table."""

    t: int
    router: str
    prefix: str
    next_hop: str
    as_path: list[int]
    origin: str
    """``IGP``, ``EGP`` or ``incomplete``"""
    local_pref: int | None
    med: int | None
    communities: list[str]


class BgpMessage(TypedDict):
    """One BGP message as it passed a router's interface."""

    t: int
    router: str
    source: str
    """the sender's address"""
    destination: str
    type: Literal["OPEN", "UPDATE", "NOTIFICATION", "KEEPALIVE", "ROUTE-REFRESH"]
    length: int
    """bytes, with the header"""
    code: NotRequired[int]
    """the error code of a NOTIFICATION (RFC 4271, section 4.5): 6 is Cease"""


class BgpClosing(TypedDict):
    """A TCP segment that closes a BGP session's connection, as it passed a router's interface."""

    t: int
    router: str
    source: str
    """the sender's address"""
    destination: str
    flag: Literal["FIN", "RST"]


class Reply(TypedDict):
    """One request to a Service and what came of it."""

    t: int
    source: str
    """``ip:port`` or ``[ip]:port`` that the client used"""
    vantage: str
    address: str
    port: int
    protocol: str
    outcome: Literal["ok", "refused", "reset", "timeout", "unreachable"]
    client_seen: str | None
    """the client's address as the endpoint saw it, with or without port"""
    endpoint: str | None
    node: str | None
    latency: int
    """ns"""


def host(endpoint: str) -> str:
    """The address in ``ip``, ``ip:port``, ``[ip]`` or ``[ip]:port``, in canonical form; what is none stays as it is.

    An IPv4 address mapped into IPv6, as a dual-stack socket shows it, is the IPv4 address.
    """
    text = endpoint[1:].partition("]")[0] if endpoint.startswith("[") else endpoint
    if text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        ip = ip_address(text)
    except ValueError:
        return endpoint
    return str(getattr(ip, "ipv4_mapped", None) or ip)


class Connection(TypedDict):
    """The fate of one long-lived connection."""

    id: int
    source: str
    address: str
    port: int
    opened: int
    endpoint: str | None
    node: str | None
    outcome: Literal["alive", "reset", "refused", "timeout", "stalled"]
    at: int | None
    """when it broke, or was last seen alive"""
    last_reply: int | None
    rst_from: str | None
    silence: NotRequired[int]
    """longest time that a heartbeat was or is without answer, ns"""


class Flow(TypedDict):
    """Which node one flow entered in one phase (``before``, ``after``, ``control``, ...)."""

    source: str
    node: str
    phase: str


class Snapshot(TypedDict):
    """Any object as it was at a moment."""

    t: int
    what: str
    value: Any


class KubernetesEvent(TypedDict):
    """A Kubernetes Event about an object."""

    t: int
    type: str
    reason: str
    message: str
    kind: str
    name: str
    """``namespace/name`` of the object, or its name if it has no namespace"""


class Admission(TypedDict):
    """One object that was handed to the API server, and whether it took it."""

    t: int
    row: str
    """what it is, as the case's table names it"""
    kind: str
    name: str
    """``namespace/name``"""
    operation: Literal["create", "update"]
    spec: Any
    """what was asked: the whole ``spec`` of a creation, what an update merges into it"""
    accepted: bool
    status: int
    """of HTTP; 0 if there was no answer"""
    message: str
    """what the API server says of a refusal"""


class Noise(TypedDict):
    """What the machine did besides, over one span of time."""

    t: int
    until: int
    foreign_cpu: float
    """share of all processors' time used by programs that are not the run's, 0 to 1"""


class Calibration(TypedDict):
    """One gap of known length, ns.

    Nothing passed from `effective` to `healing`, and everything did before `began` and after `healed`.
    """

    method: str
    """how it was made: ``link cut``, ``packet drop``; empty for a control"""
    size: int
    """the length that was meant, ns; 0 for a control, in which nothing was cut"""
    began: int
    effective: int
    healing: int
    healed: int
    late: int
    """the longest that an answer to a datagram was late at its ends; 0 if that was less than half a millisecond"""


class LoadSecond(TypedDict):
    """What the requests of a load generator that ended within one second came to.

    Not the truth about the load balancer: the generator's users wait for answers. That is the streams' to say.
    """

    t: int
    """the end of the second"""
    users: int
    requests: int
    failures: int
    p50: int | None
    """latency, ns; none if no request ended"""
    p95: int | None
    p99: int | None
    errors: dict[str, int]
    """failures by what the generator calls them"""


class Activity(TypedDict):
    """One activity of a Chaos Toolkit experiment, as its journal tells it."""

    t: int
    until: int
    phase: Literal["before", "method", "after", "rollback"]
    """the hypothesis before the method and after it are ``before`` and ``after``"""
    name: str
    type: Literal["probe", "action"]
    status: str
    """``succeeded`` or ``failed``"""
    met: bool | None
    """for a probe of the hypothesis whether it was within its tolerance"""
    output: Any


KINDS: Final[Mapping[str, type]] = {
    "ingress": Ingress,
    "answers": Answer,
    "stream": Stream,
    "faults": Fault,
    "routes": Route,
    "sessions": Session,
    "paths": BgpPath,
    "messages": BgpMessage,
    "closings": BgpClosing,
    "replies": Reply,
    "connections": Connection,
    "flows": Flow,
    "objects": Snapshot,
    "events": KubernetesEvent,
    "admissions": Admission,
    "noise": Noise,
    "calibration": Calibration,
    "load": LoadSecond,
    "activities": Activity,
}
"""Every kind of evidence and the type of its rows."""


TIMES: Final = frozenset(
    {
        *("t", "until", "due", "sent", "received", "began", "effective", "healing", "healed"),
        *("opened", "at", "last_reply", "ended"),
    }
)
"""The fields of rows and headers that are times."""


class Meta(TypedDict, total=False):
    """Header fields with a meaning; a header may hold others beside."""

    began: int
    """since when it was watched, for kinds that record changes only"""
    ended: int
    """until when it was watched"""
    pools: list[str]
    address: str
    port: int
    period: int
    """planned distance between probes, ns"""
    vantage: str
    family: Literal["ipv4", "ipv6"]
    protocol: str
    kernel_drops: int
    """packets that the kernel dropped from the capture: more than 0 voids a trial"""
    clock_step: int
    """by how much the clock was set meanwhile, ns"""
    absence: int
    """how late, at worst, a probe looked at its connections, ns"""
    lateness: dict[str, int]
    """how much later than due probes were handed to the kernel, ns, by quantile: ``p99``, ..."""
    router: str


class StreamMeta(TypedDict):
    """What a stream's header has to say: without it no gap can be measured."""

    period: int
    kernel_drops: int
    clock_step: NotRequired[int]


def probe_of(meta: Mapping[str, Any]) -> str:
    """What a stream was measured with, in words, as far as its header tells: one probe is calibrated for itself.

    Args:
        meta: the header.
    """
    family = {"ipv4": "IPv4", "ipv6": "IPv6"}.get(meta.get("family", ""), "")
    parts = [
        str(meta.get("protocol", "")).upper(),
        family and f"over {family}",
        f"every {meta.get('period', 0) / 1e6:g} ms",
        f"from {meta['vantage']}" if "vantage" in meta else "",
    ]
    return " ".join(part for part in parts if part)


class EvidenceError(LocatedError):
    """Evidence that cannot be written or read: always ours, never the implementation's."""


Row = TypeVar("Row")


@dataclasses.dataclass(frozen=True)
class Evidence(Generic[Row]):
    """What one evidence file holds.

    Attributes:
        kind: a key of `KINDS`.
        case: the case that recorded it.
        name: its name within the case.
        meta: the other fields of the header; see `Meta`.
        rows: the observations, in the order in which they were recorded.
        bytes: what its file unfolds to; 0 if it was read from none.
    """

    kind: str
    case: str
    name: str
    meta: Mapping[str, Any]
    rows: tuple[Row, ...]
    bytes: int = dataclasses.field(default=0, compare=False)

    @property
    def watched(self) -> tuple[int, int] | None:
        """From when to when it was watched (ns): as the header says, else from the first row to the last."""
        times = [row["t"] for row in self.rows if isinstance(row, Mapping) and "t" in row]
        began = self.meta.get("began", times[0] if times else None)
        ended = self.meta.get("ended", times[-1] if times else None)
        return None if began is None or ended is None else (began, ended)

    @property
    def times(self) -> tuple[int, int] | None:
        """The earliest and the latest time in it, header and rows (ns); None if there is none."""
        of: list[Mapping[str, Any]] = [self.meta, *(row for row in self.rows if isinstance(row, Mapping))]
        found = [each[field] for each in of for field in TIMES & each.keys() if isinstance(each[field], int)]
        return (min(found), max(found)) if found else None


@dataclasses.dataclass(frozen=True)
class Written:
    """What writing evidence gave.

    Attributes:
        sha256: digest of the file, hexadecimal.
        rows: number of rows, without the header.
        bytes: size of the file.
    """

    sha256: str
    rows: int
    bytes: int


def write(
    path: Path, kind: str, rows: Iterable[object], *, case: str, name: str, meta: Mapping[str, Any] | None = None
) -> Written:
    """Write evidence to a new file, durable when this returns.

    Args:
        path: the file, ``*.jsonl.gz``; its folders are made.
        kind: a key of `KINDS`.
        rows: mappings or dataclass instances with the fields of that kind; addresses may be `ipaddress` objects.
        case: the case that observed it.
        name: its name within the case.
        meta: further header fields.

    Raises:
        EvidenceError: if the kind, the header or a row is not as declared, the file exists, or the disk refuses.
            Nothing is left behind then.
    """
    check = _checker(kind, path)
    header = {"kind": kind, "version": VERSION, "case": case, "name": name}
    if clash := header.keys() & (meta or {}).keys():
        raise EvidenceError(f"{path}:1", f"the header's own fields cannot be set: {', '.join(sorted(clash))}")
    full = plain({**header, **(meta or {})}, f"{path}:1")
    _check_meta(kind, full, f"{path}:1")
    lines = [msgspec.json.encode(full, order="sorted")]
    for number, row in enumerate(rows, start=2):
        lines.append(msgspec.json.encode(check(plain(row, f"{path}:{number}"), number), order="sorted"))
    if (size := sum(map(len, lines)) + len(lines)) > LARGEST:
        raise EvidenceError(str(path), f"would hold {size} bytes, more than {LARGEST}", "record it in parts")
    for number, line in enumerate(lines, start=1):
        refuse_absurd(line, path, number, EvidenceError)
    # Compressed in memory first: what reaches the disk is either the whole file or nothing.
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=buffer, mode="wb", compresslevel=6, mtime=0) as compressed:
        compressed.write(b"\n".join(lines) + b"\n")
    content = buffer.getvalue()
    _store(path, content)
    return Written(hashlib.sha256(content).hexdigest(), len(lines) - 1, len(content))


def read(path: Path, most: int = LARGEST) -> Evidence[Any]:
    """Read an evidence file and check every row.

    Args:
        path: the file.
        most: bytes that it may unfold to.

    Raises:
        EvidenceError: naming file, line and field, if it cannot be read or is not what it claims to be.
    """
    try:
        content = _unfolded(path, most)
    except OSError as error:
        hint = "evidence is written once by the run and never moved; is the run directory whole?"
        raise EvidenceError(str(path), f"cannot be read: {error.strerror or error}", hint) from error
    except (EOFError, zlib.error) as error:
        raise EvidenceError(str(path), f"is not whole: {error}", "the file was cut or altered") from error
    lines = content.split(b"\n")
    if lines.pop():
        raise EvidenceError(f"{path}:{len(lines) + 1}", "the last line does not end", "the file was cut")
    if not lines:
        raise EvidenceError(f"{path}:1", "has no header")
    if may_be_absurd(content):
        for number, line in enumerate(lines, start=1):
            refuse_absurd(line, path, number, EvidenceError)
    header = _decode(lines[0], f"{path}:1")
    if not isinstance(header, dict) or not isinstance(kind := header.get("kind"), str):
        raise EvidenceError(f"{path}:1", "the header is not an object with a kind")
    if header.get("version") != VERSION:
        raise EvidenceError(f"{path}:1", f"has version {header.get('version')!r}, this lbcert reads version {VERSION}")
    check = _checker(kind, path)
    _check_meta(kind, header, f"{path}:1")
    rows = tuple(_rows(kind, lines, path, check))
    meta = {key: value for key, value in header.items() if key not in ("kind", "version", "case", "name")}
    return Evidence(kind, str(header.get("case", "")), str(header.get("name", "")), meta, rows, len(content))


def _unfolded(path: Path, most: int) -> bytes:
    """What a compressed file holds, if it is one whole and no bomb."""
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
    content = inflate.decompress(path.read_bytes(), most + 1)
    if len(content) > most:
        raise EvidenceError(
            str(path), f"unfolds to more than {most} bytes", "no evidence of lbcert does, alone or of one case"
        )
    if not inflate.eof or inflate.unused_data:
        raise EOFError("it is followed by something else" if inflate.eof else "it ends too early")
    return content


def digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal.

    Raises:
        EvidenceError: if it cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise EvidenceError(str(path), f"cannot be read: {error.strerror or error}") from error


def _checker(kind: str, path: Path) -> Callable[[object, int], dict[str, Any]]:
    """A function that checks a row of this kind at a line number, and returns it."""
    try:
        row_type = KINDS[kind]
    except KeyError:
        raise EvidenceError(
            f"{path}:1", f"there is no kind of evidence {kind!r}", f"kinds are: {', '.join(KINDS)}"
        ) from None
    fields = _fields(kind)

    def check(row: object, line: int) -> dict[str, Any]:
        try:
            checked: dict[str, Any] = msgspec.convert(row, row_type)
        except msgspec.ValidationError as error:
            raise EvidenceError(f"{path}:{line}", f"row of {kind!r}: {_located(error)}") from error
        if isinstance(row, dict) and (unknown := row.keys() - fields):
            hint = f"fields of {kind!r} are: {', '.join(sorted(fields))}"
            raise EvidenceError(f"{path}:{line}", f"unknown field {', '.join(sorted(unknown))}", hint)
        return checked

    return check


@cache
def _fields(kind: str) -> frozenset[str]:
    """The fields that a row of this kind may have."""
    return frozenset(get_type_hints(KINDS[kind]))


def _rows(
    kind: str, lines: Sequence[bytes], path: Path, check: Callable[[object, int], dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """The rows after the header, many at a time: one by one takes several times as long. Then who is wrong is found."""
    row_type, fields, decode = KINDS[kind], _fields(kind), msgspec.json.Decoder().decode
    for first in range(1, len(lines), BATCH):
        batch = lines[first : first + BATCH]
        try:
            every = list(map(decode, batch))
            rows = msgspec.convert(every, list[row_type])  # type: ignore[valid-type] # one of those declared here
            are_good = all(map(fields.issuperset, every))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            are_good = False
        if not are_good:
            rows = [check(_decode(line, f"{path}:{n}"), n) for n, line in enumerate(batch, start=first + 1)]
        yield from rows


def _check_meta(kind: str, header: Mapping[str, Any], place: str) -> None:
    try:
        msgspec.convert(header, StreamMeta if kind == "stream" else Meta)
    except msgspec.ValidationError as error:
        raise EvidenceError(place, f"header of {kind!r}: {_located(error)}") from error


def _located(error: msgspec.ValidationError) -> str:
    """The field first, then what is wrong with it."""
    problem, _, where = str(error).partition(" - at `$.")
    return f"{where.rstrip('`')}: {problem}" if where else problem


def plain(value: object, place: str) -> Any:
    """A mapping or dataclass as plain JSON values; addresses and paths become text.

    Raises:
        EvidenceError: naming `place`, if it holds something else.
    """
    try:
        return msgspec.json.decode(msgspec.json.encode(value, enc_hook=_as_text))
    except (NotImplementedError, TypeError, ValueError, OverflowError) as error:
        raise EvidenceError(place, f"cannot be written as JSON: {error}") from error


def _as_text(value: object) -> str:
    if isinstance(value, IPv4Address | IPv6Address | Path):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} {value!r}")


def _decode(line: bytes, place: str) -> Any:
    try:
        return msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EvidenceError(place, f"is not JSON: {error}", "the file was altered after it was written") from error


def _store(path: Path, content: bytes) -> None:
    """Create the file with this content and make it durable; leave nothing behind on failure."""
    created = False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            created = True
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)
    except FileExistsError:
        raise EvidenceError(
            str(path), "exists; evidence is never overwritten", "give each evidence of a case its own name"
        ) from None
    except OSError as error:
        if created:
            path.unlink(missing_ok=True)
        raise EvidenceError(
            str(path), f"cannot be written: {error.strerror or error}", "what was recorded before is kept"
        ) from error
