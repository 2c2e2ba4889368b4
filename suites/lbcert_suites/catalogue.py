"""The catalogue: every requirement a load balancer is held against, as data.

The text lives in ``requirements/*.toml``, a file per area; ``requirements/catalogue.toml`` says how to read
it. Loading is strict: a key too many, a word outside its vocabulary or an id used twice stops the suite with
the file and the id, because a requirement that is silently lost is one that nobody is held against.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

Level = Literal["MUST", "MUST NOT", "SHOULD", "MAY"]
Mode = Literal["any", "native", "frr", "frr-k8s"]
Evidence = Literal["code", "documented", "standard", "experiment"]
ConformanceProfile = Literal[
    "core",
    "core-l2",
    "core-bgp",
    "extended-alloc",
    "extended-dual",
    "extended-l2",
    "extended-bgp",
    "extended-bfd",
    "extended-gr",
    "extended-config",
    "extended-obs",
    "extended-chaos",
]

_FOLDER = files(__package__) / "requirements"
_AREAS = ("alloc", "l2", "bgp", "policy", "reset", "config", "obs")
_CLOSED = ConfigDict(extra="forbid")
_LONGEST_WAIVER = timedelta(days=366)

# Paragraphs are wrapped in the files for their readers; the line breaks mean nothing.
Paragraph = Annotated[str, AfterValidator(lambda text: " ".join(text.split())), Field(min_length=1)]
Words = Annotated[tuple[str, ...], Field(min_length=1)]
Modes = Annotated[tuple[Mode, ...], Field(min_length=1)]

T = TypeVar("T")


class CatalogueError(Exception):
    """The catalogue is malformed.

    Attributes:
        problems: every mistake found, each with its file and, where there is one, the id of its entry.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("the catalogue of requirements is malformed:\n" + "\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, config=_CLOSED)
class Requirement:
    """One row of the catalogue.

    Attributes:
        id: stable name, e.g. ``L2-003``; the part before the dash names the area.
        title: what it is about, in a few words.
        level: RFC 2119 keyword.
        profile: the conformance profile it belongs to.
        class_: ``K8S``, ``MLB`` or ``RFC n``: whose rule it is.
        mode: the MetalLB BGP backends it is about; ``("any",)`` for all.
        evidence: where the requirement was found.
        statement: what is required.
        observe: how to see it from outside.
        numbers: bounds, budgets and defaults.
        source: files, documentation pages, issues and standards it was read from.
        covered_by: what MetalLB's own end-to-end suite covers.
        note: what the author of a case should know; empty if there is nothing.
    """

    _: KW_ONLY
    id: Annotated[str, Field(pattern=r"^(ALLOC|L2|BGP|POLICY|RESET|CONFIG|OBS)-\d{3}$")]
    title: Paragraph
    level: Level
    profile: ConformanceProfile
    class_: Annotated[str, Field(alias="class", pattern=r"^(K8S|MLB|RFC \d+)$")]
    mode: Modes
    evidence: Annotated[tuple[Evidence, ...], Field(min_length=1)]
    statement: Paragraph
    observe: Paragraph
    numbers: Paragraph
    source: Paragraph
    covered_by: Paragraph
    note: Paragraph | Literal[""] = ""

    @property
    def area(self) -> str:
        """The area it belongs to, e.g. ``L2``."""
        return self.id.partition("-")[0]

    @property
    def certificates(self) -> tuple[str, ...]:
        """The conformance profiles whose certificate depends on it: both core ones for ``core``."""
        return ("core-l2", "core-bgp") if self.profile == "core" else (self.profile,)

    def concerns(self, mode: str) -> bool:
        """Whether it is about an implementation of this mode.

        A mode of a product's own, none of MetalLB's, is concerned by every requirement: there the
        capabilities that the product declares decide.
        """
        return "any" in self.mode or mode in self.mode or mode not in {"native", "frr", "frr-k8s"}

    def plain(self) -> dict[str, str]:
        """What the journal and the report carry about it."""
        return {
            "id": self.id,
            "title": self.title,
            "level": self.level,
            "profile": self.profile,
            "statement": self.statement,
            "source": self.source,
        }


@dataclass(frozen=True, config=_CLOSED)
class Rejection:
    """One mistake in a configuration object that an implementation refuses.

    Attributes:
        row: stable name, e.g. ``pool-3``.
        kind: the kind of the object, or ``all kinds``.
        condition: what is wrong with it.
        match: fragments, any of which the message contains, ignoring case; empty if none is promised.
        check: what the API server itself answers with where `match` is empty.
        detected: where: ``webhook`` and ``schema`` refuse at admission, ``load`` stores the object and keeps
            the last good configuration.
        mode: the MetalLB BGP backends it is about.
        note: when which of several places in `detected` finds it; empty if there is nothing to say.
    """

    _: KW_ONLY
    row: Annotated[str, Field(pattern=r"^[a-z0-9]+-\d+$")]
    kind: Literal[
        "IPAddressPool",
        "L2Advertisement",
        "BGPAdvertisement",
        "BGPPeer",
        "Community",
        "BFDProfile",
        "all kinds",
    ]
    condition: Paragraph
    match: Words | tuple[()] = ()
    check: str = ""
    detected: Annotated[tuple[Literal["webhook", "schema", "load"], ...], Field(min_length=1)]
    mode: Modes
    note: str = ""

    def explains(self, message: str) -> bool:
        """Whether a message of refusal names this mistake; always true where no fragment is promised."""
        return not self.match or any(fragment.lower() in message.lower() for fragment in self.match)


@dataclass(frozen=True, config=_CLOSED)
class Head:
    """What the catalogue says about itself.

    Attributes:
        version: semantic version of the catalogue.
        basis: what it was written against.
        profiles: the conformance profiles and what each is about.
    """

    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    basis: Paragraph
    profiles: dict[ConformanceProfile, Paragraph]


@dataclass(frozen=True, config=_CLOSED)
class Waiver:
    """Requirements that have no case, and why.

    Attributes:
        title: what they have in common.
        reason: why there is no case.
        decided: when that was decided.
        review_by: the last day on which it holds without being decided again.
        requirements: their ids.
    """

    _: KW_ONLY
    title: Paragraph
    reason: Paragraph
    decided: date
    review_by: date
    requirements: Words

    def holds(self, day: date) -> bool:
        """Whether it is decided on a day, and not past its review."""
        return self.decided <= day <= self.review_by


@dataclass(frozen=True, config=_CLOSED)
class _Waivers:
    waiver: list[dict[str, Any]]


@dataclass(frozen=True, config=_CLOSED)
class _Area:
    """A file of requirements: the entries stay raw so that each is reported by its own id."""

    area: str
    title: Paragraph
    requirement: list[dict[str, Any]]


@dataclass(frozen=True, config=_CLOSED)
class _Matrix:
    rejection: list[dict[str, Any]]


@cache
def head() -> Head:
    """What the catalogue says about itself: version, basis and conformance profiles.

    Raises:
        CatalogueError: if ``catalogue.toml`` is malformed.
    """
    return _read(_FOLDER / "catalogue.toml", Head)


@cache
def catalogue() -> Mapping[str, Requirement]:
    """Every requirement by its id, in the order of the files.

    Raises:
        CatalogueError: naming each file and id in which something is malformed.
    """
    return read_requirements(_FOLDER)


@cache
def rejections() -> Mapping[str, Rejection]:
    """Every row of the rejection matrix by its name, in the order of the file.

    Raises:
        CatalogueError: naming each row in which something is malformed.
    """
    return read_rejections(_FOLDER)


@cache
def waivers() -> Mapping[str, Waiver]:
    """For each requirement that is waived its waiver.

    Raises:
        CatalogueError: naming each waiver in which something is malformed.
    """
    return read_waivers(_FOLDER, catalogue())


def read_requirements(folder: Traversable) -> Mapping[str, Requirement]:
    """Read the requirement files of a folder; `catalogue` is this for the suite's own folder.

    Raises:
        CatalogueError: naming each file and id in which something is malformed.
    """
    entries: dict[str, Requirement] = {}
    problems: list[str] = []
    for name in _AREAS:
        file = folder / f"{name}.toml"
        try:
            area = _read(file, _Area)
        except CatalogueError as error:
            problems += error.problems
            continue
        for raw in area.requirement:
            label = f"{file.name}: {raw.get('id', 'an entry without id')}"
            try:
                entry = TypeAdapter(Requirement).validate_python(raw)
            except ValidationError as error:
                problems += _sentences(label, error)
                continue
            if entry.area != area.area:
                problems.append(f"{label}: stands in the file of area {area.area}")
            if entry.id in entries:
                problems.append(f"{label}: this id is used twice")
            entries[entry.id] = entry
    if problems:
        raise CatalogueError(problems)
    return MappingProxyType(entries)


def read_rejections(folder: Traversable) -> Mapping[str, Rejection]:
    """Read the rejection matrix of a folder; `rejections` is this for the suite's own folder.

    Raises:
        CatalogueError: naming each row in which something is malformed.
    """
    file = folder / "rejections.toml"
    rows: dict[str, Rejection] = {}
    problems: list[str] = []
    for raw in _read(file, _Matrix).rejection:
        label = f"{file.name}: {raw.get('row', 'a row without name')}"
        try:
            row = TypeAdapter(Rejection).validate_python(raw)
        except ValidationError as error:
            problems += _sentences(label, error)
            continue
        if bool(row.match) == bool(row.check):
            problems.append(f"{label}: needs exactly one of match and check")
        if row.row in rows:
            problems.append(f"{label}: this name is used twice")
        rows[row.row] = row
    if problems:
        raise CatalogueError(problems)
    return MappingProxyType(rows)


def read_waivers(folder: Traversable, known: Mapping[str, Requirement]) -> Mapping[str, Waiver]:
    """Read the waivers of a folder; `waivers` is this for the suite's own folder and catalogue.

    Raises:
        CatalogueError: naming each waiver in which something is malformed.
    """
    file = folder / "waivers.toml"
    waived: dict[str, Waiver] = {}
    problems: list[str] = []
    for raw in _read(file, _Waivers).waiver:
        label = f"{file.name}: {raw.get('title', 'a waiver without title')}"
        try:
            waiver = TypeAdapter(Waiver).validate_python(raw)
        except ValidationError as error:
            problems += _sentences(label, error)
            continue
        if waiver.review_by < waiver.decided:
            problems.append(f"{label}: is reviewed before it is decided")
        if waiver.review_by - waiver.decided > _LONGEST_WAIVER:
            problems.append(f"{label}: is reviewed more than a year after it is decided")
        for name in waiver.requirements:
            if name not in known:
                problems.append(f"{label}: there is no requirement {name}")
            if name in waived:
                problems.append(f"{label}: waives {name}, which another waives")
            waived[name] = waiver
    if problems:
        raise CatalogueError(problems)
    return MappingProxyType(waived)


def _read(file: Traversable, shape: type[T]) -> T:
    try:
        return TypeAdapter(shape).validate_python(tomllib.loads(file.read_text("utf-8")))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise CatalogueError([f"{file.name}: {error}"]) from error
    except ValidationError as error:
        raise CatalogueError(list(_sentences(file.name, error))) from error


def _sentences(label: str, error: ValidationError) -> Iterator[str]:
    for detail in error.errors(include_url=False, include_context=False):
        yield f"{label}: {'.'.join(map(str, detail['loc']))}: {re.sub('^Input', 'it', detail['msg'])}"
