"""The control that every experiment names: it sets the bench up, watches, and writes what was seen into the journal.

The journal gets one more member, ``lbcert``: ``facts`` (see `bench.Bench.facts`), ``faults`` and ``evidence`` (see
`observers.Observers.evidence`), rows as lbcert's evidence has them; or ``refused``, why it could not begin, and
``unmet``, whether that was because the implementation had not done what the experiment stands on.

Three habits of Chaos Toolkit that this module makes up for, because each makes a broken experiment look like a
success: an action that fails does not end the method; a rollback that fails is not told in the journal's status; and
an error in a control is only logged.
"""

import time
import traceback
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from chaoslib.exceptions import InterruptExecution

from lbcert_chaos import bench
from lbcert_chaos.arrangement import arrange, clear_away
from lbcert_chaos.bench import Bench, BenchError, Choice
from lbcert_chaos.identification import UnidentifiedError
from lbcert_chaos.observers import Observers
from lbcert_fixtures.load import LoadError
from lbcert_fixtures.probes import ProbeError
from lbcert_fixtures.profiles import ProfileError
from lbcert_fixtures.testbeds import PreconditionUnmetError, TestbedError

_FORESEEN = (
    BenchError,
    LoadError,
    PreconditionUnmetError,
    ProbeError,
    ProfileError,
    TestbedError,
    UnidentifiedError,
)

_observing = ExitStack()
_standing = ExitStack()
_rolling_back = False
_refused: list[Exception] = []


def before_experiment_control(
    context: Mapping[str, Any],  # noqa: ARG001 - the interface of Chaos Toolkit
    configuration: Mapping[str, Any] | None = None,
    **_more: Any,
) -> None:
    """Find the lab, arrange what is disturbed, and begin to watch.

    Raises:
        InterruptExecution: it cannot be done, with one clear reason; the experiment does not begin.
    """
    try:
        with ExitStack() as stack:
            found = Bench.find(Choice.of(configuration or {}))
            stack.callback(found.lab.detach)
            stack.callback(clear_away, found)
            arrange(found)
            found.observers = _observing.enter_context(Observers(found))
            stack.callback(bench.use, None)
            bench.use(found)
            _standing.push(stack.pop_all())
    except _FORESEEN as error:
        _refused.append(error)
        raise InterruptExecution(str(error)) from error
    except Exception as error:
        _refused.append(error)
        raise InterruptExecution(f"lbcert itself failed:\n{traceback.format_exc()}") from error


def before_hypothesis_control(context: Mapping[str, Any], **_more: Any) -> None:  # noqa: ARG001
    """All probes of a hypothesis look at the same span of time: it begins now."""
    bench.current().since = time.time_ns()


def before_rollback_control(context: Mapping[str, Any], **_more: Any) -> None:  # noqa: ARG001
    """From here on a failure must not keep the other rollbacks from being played."""
    global _rolling_back
    _rolling_back = True


def after_activity_control(context: Mapping[str, Any], state: Mapping[str, Any] | None = None, **_more: Any) -> None:
    """End an experiment whose action failed: without its fault, a steady state shows nothing.

    Raises:
        InterruptExecution: an action of the method failed.
    """
    if state and state["status"] == "failed" and context["type"] == "action" and not _rolling_back:
        raise InterruptExecution(f"the action {context['name']!r} failed: {''.join(state['exception']).strip()}")


def after_experiment_control(context: Mapping[str, Any], state: dict[str, Any], **_more: Any) -> None:  # noqa: ARG001
    """Stop watching, write what was seen into the journal, and take away what was arranged.

    Raises:
        InterruptExecution: that cannot be done; the journal's status is ``failed`` then.
    """
    if any(run["status"] == "failed" for run in state["rollbacks"]):
        state["status"] = "failed"
    try:
        found = bench.current()
    except BenchError:  # it did not begin
        state["lbcert"] = {
            "refused": [f"{type(error).__name__}: {error}" for error in _refused],
            "unmet": bool(_refused) and all(isinstance(error, PreconditionUnmetError) for error in _refused),
        }
        return
    try:
        with _standing:
            _observing.close()
            state["lbcert"] = {
                "facts": found.facts(),
                "faults": [each.row() for each in found.faults],
                "evidence": list(found.observers.evidence()),
            }
    except Exception as error:
        state["status"] = "failed"
        raise InterruptExecution(f"the experiment did not end as it should: {error}") from error
