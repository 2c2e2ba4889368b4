"""What is asked of an implementation about configuration objects, and what is written down of the answers."""

from collections.abc import Mapping
from typing import Any

import pytest

from lbcert_fixtures.profiles import load
from lbcert_fixtures.testbeds import PreconditionUnmetError
from lbcert_suites.catalogue import rejections
from lbcert_suites.config import proposals
from lbcert_suites.config.proposals import PEER, POOL, Proposals, Row, bfd, community, peer, pool


class Cluster:
    """Answers with one status after the other, and keeps the last."""

    def __init__(self, *statuses: int) -> None:
        self._statuses = list(statuses)
        self.asked: list[tuple[Any, ...]] = []

    def propose(self, kind: str, name: str, spec: Mapping[str, Any], **how: Any) -> tuple[int, str]:
        self.asked.append((kind, name, spec, how))
        status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        return status, "no" if status >= 400 else ""


class Record:
    """Keeps what it is told."""

    def evidence(self, _kind: str, rows: Any, name: str) -> str:
        self.rows = list(rows)
        return name

    def judge(self, requirement: str, judge: str, inputs: Any, bound: Any) -> None:
        self.judged = (requirement, judge, inputs, bound)


def made(cluster: Cluster, profile: str = "metallb-native") -> tuple[Proposals, Record]:
    record = Record()
    return Proposals(cluster, load(profile), record), record  # type: ignore[arg-type]


def test_what_an_implementation_cannot_do_is_not_asked() -> None:
    cluster = Cluster(422)
    propose, record = made(cluster)
    rows = [bfd("multiplier 1", "bfd-1"), peer("keepalive", "peer-9", "bgp-keepalive-time"), peer("hold", "peer-8")]
    propose.refused("CONFIG-010", rows, [PEER])
    assert [each["row"] for each in record.rows] == ["peer", "hold"]
    bound = {"rows": {"hold": ["invalid hold time"]}, "control": ["peer"]}
    assert record.judged == ("CONFIG-010", "objects-refused", {"admissions": "admissions"}, bound)


def test_where_nothing_would_have_to_be_refused_nothing_is_said() -> None:
    propose, record = made(Cluster(201))
    with pytest.raises(PreconditionUnmetError, match="nothing that would have to be refused"):
        propose.refused("CONFIG-012", [bfd("multiplier 1", "bfd-1")], [PEER])
    assert not hasattr(record, "judged")


def test_each_answer_is_written_down() -> None:
    propose, record = made(Cluster(201))
    propose.accepted("CONFIG-002", [POOL, Row("edit", "BGPPeer", {"a": 1}, name="x", edit=True, namespace="default")])
    first, second = record.rows
    assert (first["accepted"], first["status"], first["operation"], first["name"]) == (
        True, 201, "create", "metallb-system/proposed",
    )  # fmt: skip
    assert (second["operation"], second["name"], second["spec"]) == ("update", "default/x", {"a": 1})
    assert record.judged[3] == {"rows": ["pool", "edit"]}


def test_what_is_wrong_because_of_another_object_is_asked_until_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposals, "AGAIN_SECONDS", 0)
    for across, asked, accepted in ((True, 3, False), (False, 1, True)):
        cluster = Cluster(201, 201, 422)
        propose, record = made(cluster)
        propose.refused("CONFIG-004", [pool("overlap", "10.0.0.0/24", matrix="pool-5", across=across)], [])
        assert (len(cluster.asked), record.rows[0]["accepted"]) == (asked, accepted)


def test_objects_without_a_mistake_are_of_every_kind_and_those_of_the_matrix_are_in_it() -> None:
    kinds = {row.kind for row in (*proposals.VALID, bfd("profile"))}
    assert kinds == {each.kind for each in rejections().values()} - {"all kinds"}
    assert community("alias", ("a", "1:2")).spec == {"communities": [{"name": "a", "value": "1:2"}]}
    assert "myASN" not in peer("no AS", myASN=None).spec
