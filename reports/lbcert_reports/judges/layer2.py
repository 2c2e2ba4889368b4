"""Judges of layer 2 announcement: who answers ARP and NDP for an address, when, and how.

A node is told by hardware addresses: by the one that the message claims, and by the one that sent the frame
(``flags["frame_source"]``) where the evidence has it.
"""

import math
from bisect import bisect_left, bisect_right
from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence
from itertools import groupby, pairwise
from statistics import median
from typing import Any, Final

from lbcert_reports import statistics
from lbcert_reports.evidence import ANNOUNCEMENTS, REPLIES, Answer, Evidence, Fault
from lbcert_reports.judges.registry import Judgement, Limit, Measurement, Unclear, judge, listed, ruling
from lbcert_reports.judges.spans import effect, nanoseconds, rows, seconds, watched
from lbcert_reports.verdicts import Verdict

EVERYBODY: Final = {
    "garp-request": "ff:ff:ff:ff:ff:ff",
    "garp-reply": "ff:ff:ff:ff:ff:ff",
    "na-unsolicited": "33:33:00:00:00:01",
}
"""Where announcements go: to all hosts (RFC 5227, section 2.3), or to all nodes (RFC 4861, section 7.2.6)."""

REPEATS: Final = 1.5
"""How many answers to each question are too many: other hosts ask as well, but seldom."""


@judge("one-announcer")
def one_announcer(
    answers: Evidence[Answer],
    *,
    nodes: dict[str, str],
    addresses: list[str] | None = None,
    within: float = 1.0,
    answered: float = 0.99,
    asks: int = 10,
    owners: dict[str, str] | None = None,
) -> Judgement:
    """All that is said about an address comes from one node, once, and hardly any question goes unanswered.

    Args:
        answers: questions and everything that was heard, in steady state.
        nodes: node of each hardware address.
        addresses: the addresses that are judged; by default all that were asked for.
        within: how long an answer may take, s.
        answered: least share of the questions after which the address must be heard of, in whatever form; with 0
            this is about who answers only, and nothing can be said of an address that nobody answers for.
        asks: how many questions per address it takes for a verdict.
        owners: which node it has to be for an address; by default any, which is so for those that are left out too.
    """
    problems, shares, counts, texts, silent = [], [], [], [], []
    for address, frames in _by_address(answers, addresses).items():
        problems += _strangers(address, frames, nodes)
        problems += _too_many(address, frames, asks)
        speakers = sorted({owner for frame in _heard(frames) for owner in _owners(frame, nodes)})
        texts.append(f"{address}: {len(_heard(frames))} answers from {listed(speakers) or 'nobody'}")
        due = (owners or {}).get(address)
        if len(speakers) > 1:
            problems.append(f"{address} was answered by {listed(speakers)}")
        elif due and speakers and speakers != [due]:
            problems.append(f"{address} was answered by {listed(speakers)}, not by {due}")
        if not answered and not _heard(frames):
            silent.append(address)
        delays = _delays(frames, nanoseconds(within), watched(answers)[1], {*REPLIES, *ANNOUNCEMENTS})
        counts.append(len(delays))
        good = sum(delay is not None for delay in delays)
        shares.append(good / len(delays) if delays else 0.0)
        if delays and shares[-1] < answered:
            problems.append(f"{good} of {len(delays)} questions for {address} were answered within {within:g} s")
    return ruling(
        problems,
        "each address was answered by one node only",
        Measurement(
            "questions answered",
            min(shares),
            "share",
            len(shares),
            "address with the fewest",
            bound=Limit(answered, ">=", "answered"),
        ),
        expected=("the right node answers alone" if owners else "one node answers")
        + (f", {answered:.0%} of the questions within {within:g} s" if answered else ""),
        observed=listed(texts),
        short=f"nobody answered for {listed(silent)}" if silent else _too_few(counts, asks),
    )


@judge("answers-asked")
def answers_asked(
    answers: Evidence[Answer],
    *,
    nodes: dict[str, str],
    addresses: list[str] | None = None,
    within: float = 1.0,
    asks: int = 10,
    answered: float = 0.99,
    flags: dict[str, Any] | None = None,
    everybody: bool = False,
) -> Judgement:
    """Questions are answered in time, to the asker alone, by a node with its own hardware address.

    Args:
        answers: questions and what was heard.
        nodes: node of each hardware address.
        addresses: the addresses that are judged; by default all that were asked for.
        within: how long an answer may take, s.
        asks: how many questions per address it takes for a verdict.
        answered: least share of the questions that must be answered.
        flags: what else the answers must say, e.g. ``{"hop_limit": 255}``.
        everybody: whether the answers go to all nodes instead, as those to a Neighbor Solicitation without a source
            address do (RFC 4861, section 7.2.4). Announcements have the same form: what is told unasked counts too.
    """
    whom = "all nodes" if everybody else "the asker"
    problems, slowest, shares, counts = [], [], [], []
    for address, frames in _by_address(answers, addresses).items():
        askers = {EVERYBODY["na-unsolicited"] if everybody else f["mac"] for f in frames if f["form"] == "asked"}
        forms = {"na-unsolicited"} if everybody else REPLIES
        replies = [frame for frame in frames if frame["form"] in forms]
        problems += _strangers(address, replies, nodes)
        if wrong := [frame for frame in replies if askers and frame["dst"] not in askers]:
            problems.append(f"{len(wrong)} answers about {address} went to {wrong[0]['dst']}, not to {whom}")
        problems += _claims_of_others(address, replies)
        if not any(_is_alone(frame["dst"]) for frame in frames if frame["form"] == "asked"):
            problems += _without_option(address, replies)
        problems += _wrong_flags(address, replies, flags or {})
        delays = _delays(frames, nanoseconds(within), watched(answers)[1], forms)
        counts.append(len(delays))
        in_time = [seconds(delay) for delay in delays if delay is not None]
        slowest += [max(in_time)] if in_time else []
        shares.append(len(in_time) / len(delays) if delays else 0.0)
        if delays and shares[-1] < answered:
            problems.append(
                f"{len(in_time)} of {len(delays)} questions for {address} were answered within {within:g} s"
            )
    slow = max(slowest, default=None)
    return ruling(
        problems,
        "every question was answered in time and in the right form",
        Measurement("slowest answer", slow, "s", len(slowest), bound=Limit(within, "<=", "within")),
        Measurement("questions answered", min(shares), "share", len(shares), bound=Limit(answered, ">=", "answered")),
        expected=f"an answer to {whom} within {within:g} s" + (f" with {_said(flags)}" if flags else ""),
        observed=f"{min(shares):.1%} answered in time"
        + (f", the slowest after {slow * 1000:.1f} ms" if slow is not None else ""),
        short=_too_few(counts, asks),
    )


@judge("nobody-answers", drops=[Verdict.PASS])
def nobody_answers(
    answers: Evidence[Answer],
    cause: Evidence[Fault] | None = None,
    *,
    addresses: list[str],
    within: float = 0.0,
    asks: int = 5,
) -> Judgement:
    """Nobody answers for addresses that nobody holds, or any more once they were released.

    Args:
        answers: questions and everything that was heard.
        cause: what released the addresses; without it no answer is allowed at all.
        addresses: the addresses.
        within: until when after the cause answers are allowed, s.
        asks: how many questions per address after that it takes for a verdict.
    """
    since = effect(cause)["effective"] + nanoseconds(within) if cause else -math.inf
    problems, counts, delays = [], [], [0.0]
    for address, frames in _by_address(answers, addresses).items():
        counts.append(sum(frame["form"] == "asked" and frame["t"] >= since for frame in frames))
        heard = _heard(frames)
        late = [frame for frame in heard if frame["t"] >= since]
        if late:
            problems.append(f"{address} was answered {len(late)} times by {listed(sorted({f['mac'] for f in late}))}")
        if cause and heard:
            delays.append(seconds(heard[-1]["t"] - effect(cause)["effective"]))
    allowed = f" from {within:g} s after the cause on" if cause else ""
    last = max(delays)
    measurements = [Measurement("last answer", last, "s", len(addresses), bound=Limit(within, "<=", "within"))]
    return ruling(
        problems,
        "nobody answered",
        *(measurements if cause else ()),
        expected=f"no answer{allowed}",
        observed=listed(problems) or "no answer" + (f" later than {last:.2f} s after the cause" if cause else ""),
        short=_too_few(counts, asks),
    )


@judge("never-alternates", drops=[Verdict.PASS])
def never_alternates(
    answers: Evidence[Answer],
    *,
    nodes: dict[str, str],
    hold: float,
    changes: int = 0,
    overlap: float = 0.0,
    addresses: list[str] | None = None,
) -> Judgement:
    """Over a long time the node that answers for an address changes no more often than allowed.

    Args:
        answers: questions and everything that was heard.
        nodes: node of each hardware address.
        hold: how long answers must have been heard, s.
        changes: allowed changes per address; with 0, nothing can be said of an address that several nodes answer for
            all the time, for none of them takes it from another.
        overlap: for how long at a change the old owner may go on answering beside the new one, s.
        addresses: the addresses that are judged; by default all that were asked for.
    """
    problems, counts, spans = [], [], []
    for address, frames in _by_address(answers, addresses).items():
        problems += _strangers(address, _replies(frames), nodes)
        heard = _heard(frames)
        if not changes and (together := _answering_together(frames, nodes)):
            raise Unclear(
                f"{address} is answered by {listed(together)} at once, so it cannot be seen to change its node"
            )
        owners = [owner for _, owner in _tenures(_without_overlaps(heard, nanoseconds(overlap), nodes), nodes)]
        counts.append(max(0, len(owners) - 1))
        spans.append(seconds(heard[-1]["t"] - heard[0]["t"]) if heard else 0.0)
        if counts[-1] > changes:
            problems.append(f"{address} changed its node {counts[-1]} times: {' → '.join(owners[:6])}")
    span = min(spans)
    return ruling(
        problems,
        "the answering node did not change",
        Measurement(
            "changes", max(counts), "count", len(counts), "worst address", bound=Limit(changes, "<=", "changes")
        ),
        expected=f"at most {changes} changes of the answering node in {hold:g} s",
        observed=f"{max(counts)} changes in {span:.1f} s",
        short=f"answers were heard over {span:.1f} s only, {hold:g} s are needed" if span < hold else "",
    )


@judge("owner-moves")
def owner_moves(
    answers: Evidence[Answer],
    cause: Evidence[Fault],
    *,
    nodes: dict[str, str],
    within: float,
    least: int = 1,
    most: int = 1,
    to: list[str] | None = None,
    overlap: float = 0.0,
    addresses: list[str] | None = None,
) -> Judgement:
    """After a cause an address moves to another node in time, no more often than it must, and to the right one.

    Args:
        answers: questions and everything that was heard, from before the cause on.
        cause: the fault or change that makes the address move, or that must not; what was heard after it was healed
            does not count.
        nodes: node of each hardware address.
        within: how long it may take until the new owner answers or announces, s.
        least: how many moves there must be; 0 if the address may stay.
        most: how many moves there may be.
        to: nodes that may own it afterwards; by default any.
        overlap: for how long the old owner may go on answering beside the new one, s.
        addresses: the addresses that are judged; by default all that were asked for.
    """
    fault = effect(cause)
    healed, ended = fault["healed"], watched(answers)[1]
    problems, delays, moved, texts, mute, spans = [], [], [], [], [], []
    for address, frames in _by_address(answers, addresses).items():
        problems += _strangers(address, _replies(frames), nodes)
        span = seconds(min(_seen_until(frames, ended), healed or math.inf) - fault["effective"])
        spans.append(span)
        heard = [frame for frame in _heard(frames) if healed is None or frame["t"] < healed]
        before = [frame for frame in heard if frame["t"] < fault["began"] and _owners(frame, nodes)]
        after = [frame for frame in heard if frame["t"] >= fault["began"]]
        if not before:
            raise Unclear(f"nobody answered for {address} before {fault['fault']}")
        after = _without_overlap(after, _owners(before[-1], nodes), nanoseconds(overlap), nodes)
        tenures = _tenures([before[-1], *after], nodes)
        owners = [owner for _, owner in tenures]
        texts.append(f"{address}: {' → '.join(owners)}")
        moves = len(owners) - 1
        moved.append(moves)
        if moves > most:
            problems.append(f"{address} moved {moves} times: {' → '.join(owners)}")
        if moves and least:
            # A write to the API may show its effect before it is answered.
            delays.append(max(0.0, seconds(tenures[1][0] - fault["effective"])))
            if delays[-1] > within:
                problems.append(f"{address} moved after {delays[-1]:.2f} s")
            if not any(owners[-1] in _owners(frame, nodes) for frame in _replies(after)):
                if span >= within:
                    problems.append(f"{address} is announced by {owners[-1]}, and answered by nobody")
                mute.append(f"no question about {address} was answered by {owners[-1]}")
            if span >= within and moves < least:
                problems.append(f"{address} moved {moves} times only: {' → '.join(owners)}")
        elif span >= within and not any(f["t"] >= fault["effective"] + nanoseconds(within / 2) for f in heard):
            problems.append(f"{address} is answered by nobody")
        elif span >= within and least:
            problems.append(f"{address} is still answered by {listed(owners)}")
        settled = [f for f in after if f["t"] >= fault["effective"] + nanoseconds(within)]
        present = sorted({owner for frame in settled for owner in _owners(frame, nodes)})
        if to is not None and (wrong := sorted({*present, *owners[1:][-1:]} - set(to))):
            problems.append(f"{address} was answered by {listed(wrong)}, not by {listed(to)}")
        if least == most and len(present) > 1:
            problems.append(f"{address} was answered by {listed(present)} after the move")
    return ruling(
        problems,
        "every address is where it should be",
        Measurement("moves", max(moved), "count", len(moved), "worst address", bound=Limit(most, "<=", "most")),
        Measurement(
            "time to new owner",
            max(delays, default=None),
            "s",
            len(delays),
            "slowest address, first answer or announcement after the fault's effect",
            resolution=_spacing(answers),
            bound=Limit(within, "<=", "within"),
            samples=tuple(delays),
        ),
        expected=_moves_text(least, most, within, to),
        observed=listed(texts),
        short=f"answers were heard for {min(spans):.1f} s after the cause only, {within:g} s are needed"
        if min(spans) < within and (not least or min(moved) < least)
        else listed(mute),
    )


@judge("answered-again", drops=[Verdict.FAIL])
def answered_again(
    answers: Evidence[Answer],
    cause: Evidence[Fault],
    *,
    within: float,
    lasting: bool = True,
    during: bool = False,
    addresses: list[str] | None = None,
) -> Judgement:
    """After a cause questions about an address go unanswered for no longer than the limit, by whomever.

    Clients that know the address do not notice; those that do not yet have nothing else. A silence lasts from the last
    answer at most, and from the first question after it at least: while nobody asks, nothing is known.

    Args:
        answers: questions and everything that was heard, from before the cause on.
        cause: what may silence the address.
        within: for how long there may be no answer, s.
        lasting: whether a silence counts that only the healing of the fault ends; where this is about how long an
            address is silent on its way to another node, nothing can be said of one that does not get there.
        during: whether only what is heard until the fault was healed counts.
        addresses: the addresses that are judged; by default all that were asked for.
    """
    fault = effect(cause)
    ended = watched(answers)[1]
    span = seconds(ended - fault["effective"])
    last = ended if lasting and not during else fault["healed"] or ended
    problems, silences, texts, open_ends, unasked = [], [], [], [], []
    for address, frames in _by_address(answers, addresses).items():
        replies = [frame["t"] for frame in _replies(frames) if frame["t"] < last]
        if not any(t < fault["began"] for t in replies):
            raise Unclear(f"nobody answered for {address} before {fault['fault']}")
        asked = [frame["t"] for frame in frames if frame["form"] == "asked"]  # in order of time, as all are
        silent = _silences(replies, asked, fault["began"])
        unended = _silences([replies[-1], last], asked, fault["began"])
        if not lasting and any(longest > within for longest, _, _ in unended):
            open_ends.append(f"{address} was answered by nobody until {fault['fault']} was healed")
        else:
            silent += unended
        longest = max((longest for longest, _, _ in silent), default=0.0)
        silences.append(longest)
        texts.append(f"{address}: unanswered for {longest:.2f} s at most")
        if certain := [(longest, since) for longest, least, since in silent if least > within]:
            lasted, since = max(certain)
            begin = max(0.0, seconds(since - fault["effective"]))
            problems.append(f"{address} was answered by nobody for {lasted:.2f} s, from {begin:.2f} s on")
        elif longest > within:
            unasked.append(f"for {longest:.2f} s nobody answered for {address}, nor asked for some of that")
    return ruling(
        problems,
        "every address was answered again in time",
        Measurement(
            "longest silence",
            max(silences, default=None),
            "s",
            len(silences),
            "worst address, between two answers with a question between them",
            resolution=_spacing(answers),
            bound=Limit(within, "<=", "within"),
            samples=tuple(silences),
        ),
        expected=f"no address is unanswered for more than {within:g} s",
        observed=listed(texts),
        short=listed([*open_ends, *unasked])
        if span >= within
        else f"answers were heard for {span:.1f} s after the cause only, {within:g} s are needed",
    )


@judge("settles-on-one")
def settles_on_one(
    answers: Evidence[Answer],
    cause: Evidence[Fault],
    *,
    nodes: dict[str, str],
    within: float,
    hold: float = 1.0,
    addresses: list[str] | None = None,
) -> Judgement:
    """After a cause an address may be answered by several nodes for a while, and then by one alone.

    Args:
        answers: questions and everything that was heard.
        cause: what made several nodes answer, or ended it.
        nodes: node of each hardware address.
        within: how long it may take until one node answers alone, s.
        hold: how long it must have been seen to, s.
        addresses: the addresses that are judged; by default all that were asked for.
    """
    fault = effect(cause)
    ended = watched(answers)[1]
    problems, delays, texts, open_ends = [], [], [], []
    for address, frames in _by_address(answers, addresses).items():
        problems += _strangers(address, frames, nodes)
        seen = _seen_until(frames, ended)
        tenures = _tenures([f for f in _heard(frames) if f["t"] >= fault["effective"]], nodes)
        since, owner = tenures[-1] if tenures else (seen, "nobody")
        texts.append(f"{address}: {len(tenures)} tenures, at last {owner}")
        left_open = ""
        if seconds(seen - since) < hold:
            left_open = f"{address} is answered by {listed(sorted({n for _, n in tenures[-4:]})) or 'nobody'}"
        elif not any(owner in _owners(f, nodes) for f in _replies(frames) if f["t"] >= since):
            left_open = f"{address} is announced by {owner}, and answered by nobody,"
        elif _unanswered(frames, ended - nanoseconds(hold)):
            left_open = f"{address} is answered by nobody any more"
        if left_open:
            span = seconds(seen - fault["effective"])
            open_ends.append(left_open)
            problems += [f"{left_open} {span:.1f} s after the cause"] if span >= within + hold else []
            continue
        asked = sum(f["form"] == "asked" and fault["effective"] <= f["t"] <= since for f in frames)
        was_silent = asked > 1  # the one that was answered, and one that was not
        delays.append(seconds(since - fault["effective"]) if tenures[1:] or was_silent else 0.0)
        if delays[-1] > within:
            problems.append(f"one node alone answered for {address} only {delays[-1]:.2f} s after the cause")
    return ruling(
        problems,
        "one node came to answer alone",
        Measurement(
            "time to one owner",
            max(delays, default=None),
            "s",
            len(delays),
            "slowest address, from the cause to the last change of the answering node, or to the end of a silence",
            resolution=_spacing(answers),
            bound=Limit(within, "<=", "within"),
            samples=tuple(delays),
        ),
        expected=f"one node answers alone within {within:g} s",
        observed=listed(texts),
        short=listed(open_ends),
    )


@judge("gratuitous-announced")
def gratuitous_announced(
    answers: Evidence[Answer],
    cause: Evidence[Fault],
    *,
    nodes: dict[str, str],
    within: float = 1.0,
    forms: list[str] | None = None,
    flags: dict[str, Any] | None = None,
    bursts: list[float] | None = None,
    end: float | None = None,
    tolerance: float = 0.2,
    manner: bool = False,
    addresses: list[str] | None = None,
) -> Judgement:
    """A node that takes over an address says so to everybody, unasked and at once.

    Args:
        answers: everything that was heard, from before the takeover on.
        cause: what made another node take over.
        nodes: node of each hardware address.
        within: how long after the new owner's first sign the announcement may come, s.
        forms: forms that there must be; by default any of ``garp-request``, ``garp-reply``, ``na-unsolicited``.
        flags: what else the announcements must say, e.g. ``{"override": True}``.
        bursts: when bursts of announcements are due after the first, which is at once, s; each may be sent twice. By
            default any schedule is right.
        end: from when on after the first there may be no announcement, s; by default there may.
        tolerance: how far a burst may be from that, s.
        manner: whether this is only about forms, flags and bursts: not about whether the address is announced at all
            and at once, by a node with its own hardware address and to everybody, and nothing can be said if not.
        addresses: the addresses that are judged; by default all that were heard of.
    """
    fault = effect(cause)
    until = fault["healed"] or watched(answers)[1]
    problems, delays, samples, texts, short = [], [], [], [], []
    for address, frames in _by_address(answers, addresses).items():
        heard = [f for f in _heard(frames) if f["t"] < (fault["healed"] or math.inf)]
        old = {owner for f in heard if f["t"] < fault["began"] for owner in _owners(f, nodes)}
        new = [f for f in heard if not old.issuperset(_owners(f, nodes))]
        if not new:
            raise Unclear(f"no other node took over {address} after {fault['fault']}")
        owner = min(_owners(new[0], nodes) - old)
        announced = [f for f in new if f["form"] in ANNOUNCEMENTS and owner in _owners(f, nodes)]
        span = seconds(until - new[0]["t"])
        if not announced and span < within:
            texts.append(f"{address}: nothing from {owner} for {span:.2f} s")
            short.append(f"{owner} was watched for {span:.2f} s only once it had {address}, {within:g} s are needed")
            continue
        if not announced and manner:
            raise Unclear(f"{owner} took over {address} and announced nothing")
        if not announced:
            problems.append(f"{owner} took over {address} and announced nothing")
            texts.append(f"{address}: nothing from {owner}")
            continue
        delays.append(seconds(announced[0]["t"] - new[0]["t"]))
        offsets = [seconds(frame["t"] - announced[0]["t"]) for frame in announced]
        samples.append(offsets)
        texts.append(f"{address}: {len(announced)} frames from {owner}, {_forms(announced)}")
        if missing := sorted(set(forms or ()) - {frame["form"] for frame in announced}):
            problems.append(f"{owner} announced {address} without {listed(missing)}")
        if not manner:
            problems += _no_announcement(address, owner, announced, delays[-1], within)
        problems += _wrong_flags(address, announced, flags or {})
        if bursts and delays[-1] > tolerance:
            problems.append(f"{owner} announced {address} only {delays[-1]:.2f} s after it first answered")
        if bursts and (often := max(Counter(f["form"] for f in announced).values())) > 2 * len(bursts) + 2:
            problems.append(f"{owner} announced {address} {often} times, {len(bursts)} are declared")
        for due in bursts or ():
            if not any(abs(offset - due) <= tolerance for offset in offsets):
                problems.append(f"{owner} sent no burst for {address} at {due:g} s")
        if end is not None and (late := [offset for offset in offsets if offset > end + tolerance]):
            problems.append(f"{owner} still announced {address} {late[0]:.2f} s after the first")
    return ruling(
        problems,
        "every takeover was announced",
        Measurement(
            "time to announcement",
            max(delays, default=None),
            "s",
            len(delays),
            "from the new owner's first frame to its first announcement",
            bound=Limit(within, "<=", "within"),
        ),
        Measurement(
            "announcements",
            min((len(each) for each in samples), default=0),
            "count",
            len(samples),
            "address with the fewest; samples: seconds after the first",
            samples=tuple(samples),
        ),
        expected=f"an announcement to everybody within {within:g} s"
        + (f" as {listed(forms)}" if forms else "")
        + (f" with {_said(flags)}" if flags else "")
        + (f", bursts at {listed(bursts, 9)} s" if bursts else ""),
        observed=listed(texts),
        short=listed(short),
    )


@judge("announced-by-owner")
def announced_by_owner(
    answers: Evidence[Answer],
    *,
    nodes: dict[str, str],
    window: float = 1.0,
    addresses: list[str] | None = None,
) -> Judgement:
    """Only who answers questions about an address announces it: who has lost it falls silent in every form.

    An announcement of a node that answers nobody puts a way into the caches of others that leads nowhere.

    Args:
        answers: questions and everything that was heard.
        nodes: node of each hardware address.
        window: within how long of an announcement its sender has to answer, or to have answered, s, if anybody does.
        addresses: the addresses that are judged; by default all that were asked for.
    """
    began, ended = watched(answers)
    problems, count, lost = [], 0, 0
    for address, frames in _by_address(answers, addresses).items():
        replies = [(frame["t"], _owners(frame, nodes)) for frame in _replies(frames)]
        announcements = [frame for frame in _heard(frames) if frame["form"] in ANNOUNCEMENTS]
        strange: Counter[str] = Counter()
        for frame in announcements:
            if not began + nanoseconds(window) <= frame["t"] <= ended - nanoseconds(window):
                continue
            count += 1
            near = [owners for t, owners in replies if abs(t - frame["t"]) <= nanoseconds(window)]
            if near and not set[str]().union(*near) & _owners(frame, nodes):
                strange.update(_owners(frame, nodes))
        lost += sum(strange.values())
        problems += [f"{node} announced {address} {often} times and did not answer" for node, often in strange.items()]
    return ruling(
        problems,
        "who announced an address answered for it",
        Measurement("announcements without answers", lost, "count", count, bound=Limit(0, "<=", "window")),
        expected=f"a node that announces an address answers within {window:g} s of it",
        observed=f"{lost} of {count} announcements were of nodes that did not",
        short="" if count else "nobody announced anything",
    )


def _no_announcement(address: str, owner: str, announced: Sequence[Answer], delay: float, within: float) -> list[str]:
    """What keeps frames from being an announcement: they come late, go to somebody, or speak for another."""
    problems = [*_claims_of_others(address, announced), *_without_option(address, announced)]
    if delay > within:
        problems.append(f"{owner} announced {address} {delay:.2f} s after it first answered")
    if private := [frame["dst"] for frame in announced if frame["dst"] != EVERYBODY[frame["form"]]]:
        problems.append(f"{owner} announced {address} to {private[0]} instead of everybody")
    if other := [f for f in announced if f["flags"].get("target", address) != address]:
        problems.append(f"{owner} announced {address} with the target {other[0]['flags']['target']}")
    return problems


@judge("spread-over-nodes")
def spread_over_nodes(
    answers: Evidence[Answer],
    *,
    nodes: dict[str, str],
    alpha: float = 0.001,
    addresses: list[str] | None = None,
) -> Judgement:
    """Many addresses land on the nodes about evenly, and on every node.

    Args:
        answers: answers for all addresses, in steady state.
        nodes: node of each hardware address.
        alpha: fail below this probability of a spread at least as uneven if all nodes were alike.
        addresses: the addresses that are judged; by default all that were asked for.
    """
    names = sorted(set(nodes.values()))
    counts = dict.fromkeys(names, 0)
    silent = []
    for address, frames in _by_address(answers, addresses).items():
        tenures = _tenures(_heard(frames), nodes)
        if tenures:
            counts[tenures[-1][1]] += 1
        else:
            silent.append(address)
    if not sum(counts.values()):
        raise Unclear("no address was answered by a node")
    result = statistics.spread(counts, dict.fromkeys(names, 1 / len(names)))
    problems = []
    if result.p < alpha:
        problems.append(f"a spread this uneven has the probability {result.p:.2g} (effect size w {result.effect:.2f})")
    # A node may stay empty by chance, unless that is less probable than alpha.
    if (1 - 1 / len(names)) ** result.n < alpha:
        problems += [f"{name} owns no address" for name, count in counts.items() if not count]
    short = ""
    if silent:
        short = f"nobody answered for {listed(silent)}"
    elif result.n < 5 * len(names):
        short = f"{result.n} addresses, {5 * len(names)} are needed"
    return ruling(
        problems,
        "the addresses are spread over all nodes",
        Measurement("spread", result.p, "p", result.n, "chi-square", bound=Limit(alpha, ">=", "alpha")),
        Measurement("effect size", result.effect, "w", result.n, "Cohen's w"),
        expected=f"{result.n / len(names):.0f} addresses on each node, p at least {alpha:g}",
        observed=", ".join(f"{name}: {count}" for name, count in counts.items()) + f" (p {result.p:.3g})",
        short=short,
    )


def _by_address(answers: Evidence[Answer], addresses: Sequence[str] | None) -> dict[str, list[Answer]]:
    """The frames about each address in order of time.

    Raises:
        Unclear: if there is no address, no frame, or none about one of the addresses.
    """
    if addresses is not None and not addresses:
        raise Unclear("there is no address to judge")
    frames: dict[str, list[Answer]] = {address: [] for address in addresses or ()}
    # At the same time the question came first: an answer came to something.
    for frame in sorted(rows(answers, "answers"), key=lambda frame: (frame["t"], frame["form"] != "asked")):
        if addresses is None or frame["address"] in frames:
            frames.setdefault(frame["address"], []).append(frame)
    if silent := [address for address, each in frames.items() if not each]:
        raise Unclear(f"nobody asked for {listed(silent)}")
    return frames


def _seen_until(frames: Sequence[Answer], ended: int) -> int:
    """Until when it was seen who answers for an address, ns.

    The watch, which ended then (ns), may have gone on when nobody asked any more, because the process that asks got no
    processor: of that time nothing is known. At most two questions may be owed at its end.
    """
    asked = [frame["t"] for frame in frames if frame["form"] == "asked"]
    usual = median(later - earlier for earlier, later in pairwise(asked)) if asked[1:] else 0
    return min(ended, frames[-1]["t"] + int(2 * usual))


def _heard(frames: Sequence[Answer]) -> list[Answer]:
    return [frame for frame in frames if frame["form"] != "asked"]


def _silences(replies: Sequence[int], asked: Sequence[int], began: int) -> list[tuple[float, float, int]]:
    """Between neighbouring answers, how long what was asked went unanswered at most and at least, s, and since when.

    What ended before the fault began is none.
    """
    return [
        (seconds(until - since), seconds(until - asked[first]), since)
        for since, until in pairwise(replies)
        if until > began and (first := bisect_right(asked, since)) < bisect_left(asked, until)
    ]


def _unanswered(frames: Sequence[Answer], until: int) -> bool:
    """Whether the last questions were answered by nobody, the first of them asked before a time (ns).

    A single one may have been asked just when the watch ended.
    """
    last = max(frame["t"] for frame in _replies(frames))
    asked = [frame["t"] for frame in frames if frame["form"] == "asked" and frame["t"] > last]
    return len(asked) > 1 and asked[0] <= until


def _replies(frames: Sequence[Answer]) -> list[Answer]:
    return [frame for frame in frames if frame["form"] in REPLIES]


def _claims_of_others(address: str, frames: Sequence[Answer]) -> list[str]:
    """What is wrong if a frame gives another hardware address than the one that sent it."""
    odd = [frame for frame in frames if frame["flags"].get("frame_source", frame["mac"]) != frame["mac"]]
    return [
        f"{frame['flags']['frame_source']} spoke for {address} with the hardware address {frame['mac']}"
        for frame in odd[:1]
    ]


def _without_option(address: str, frames: Sequence[Answer]) -> list[str]:
    """What is wrong if Neighbor Advertisements do not say the hardware address, as all but unicast answers have to."""
    bare = [frame for frame in frames if frame["flags"].get("link_layer", frame["mac"]) is None]
    return [f"{len(bare)} frames about {address} had no link-layer address option"] if bare else []


def _is_alone(mac: str) -> bool:
    """Whether a hardware address is that of one interface, not of a group."""
    return not int(mac[:2], 16) & 1


def _macs(frame: Answer) -> set[str]:
    """The hardware address that the message claims, and the one that sent it."""
    return {frame["mac"], frame["flags"].get("frame_source", frame["mac"])}


def _owners(frame: Answer, nodes: Mapping[str, str]) -> set[str]:
    """The nodes behind a frame: one, unless it claims another's hardware address; none if no node has it."""
    return {nodes[mac] for mac in _macs(frame) if mac in nodes}


def _strangers(address: str, frames: Sequence[Answer], nodes: Mapping[str, str]) -> list[str]:
    """What is wrong if somebody answered that is no node."""
    macs = sorted({mac for frame in _heard(frames) for mac in _macs(frame)} - nodes.keys())
    return [f"{address} was answered by {listed(macs)}, which no node has"] if macs else []


def _tenures(heard: Sequence[Answer], nodes: Mapping[str, str]) -> list[tuple[int, str]]:
    """Since when (ns) which node answers: an entry for each change."""
    seen = [(frame["t"], owner) for frame in heard for owner in sorted(_owners(frame, nodes))]
    return [next(group) for _, group in groupby(seen, key=lambda each: each[1])]


def _without_overlap(frames: Sequence[Answer], old: set[str], overlap: int, nodes: Mapping[str, str]) -> list[Answer]:
    """Leave out what the old owner says after the new one spoke first, for as long as it may."""
    first = next((frame["t"] for frame in frames if not old.issuperset(_owners(frame, nodes))), None)
    return [
        frame
        for frame in frames
        if first is None or not first <= frame["t"] <= first + overlap or not old & _owners(frame, nodes)
    ]


def _without_overlaps(frames: Sequence[Answer], overlap: int, nodes: Mapping[str, str]) -> list[Answer]:
    """Leave out what an old owner says soon after another spoke first, at every change."""
    kept: list[Answer] = []
    owner, former, until = set[str](), set[str](), math.inf
    for frame in frames:
        speakers = _owners(frame, nodes)
        if not speakers or (speakers == former and frame["t"] <= until):
            continue
        if speakers != owner:
            former, until = owner, frame["t"] + overlap
        owner = speakers
        kept.append(frame)
    return kept


def _answering_together(frames: Sequence[Answer], nodes: Mapping[str, str]) -> list[str]:
    """The nodes that answer the same questions, if most of those that are answered have more than one answer."""
    answered: list[set[str]] = []
    for frame in frames:
        if frame["form"] == "asked":
            answered.append(set())
        elif answered and frame["form"] in REPLIES:
            answered[-1] |= _owners(frame, nodes)
    several = [each for each in answered if len(each) > 1]
    return sorted(set[str]().union(*several)) if 2 * len(several) > sum(map(bool, answered)) else []


def _delays(frames: Sequence[Answer], within: int, ended: int, forms: Collection[str] = REPLIES) -> list[int | None]:
    """For each question how long its answer took, ns; None if none came within that time.

    An answer is that of the oldest question that still waits, for a busy machine answers after the next question was
    asked; twice the time counts as lost, not as late. A question without answer that was asked too near to the end
    of the watch is none of them.
    """
    delays: dict[int, int | None] = {}
    waiting: deque[int] = deque()
    for number, frame in enumerate(frames):
        if frame["form"] == "asked":
            delays[number] = None
            waiting.append(number)
        elif frame["form"] in forms:
            while waiting and frame["t"] - frames[waiting[0]]["t"] > 2 * within:
                waiting.popleft()
            if waiting:
                asked = waiting.popleft()
                delay = frame["t"] - frames[asked]["t"]
                delays[asked] = delay if delay <= within else None
    for number in waiting:
        if ended - frames[number]["t"] < within:
            del delays[number]
    return list(delays.values())


def _spacing(answers: Evidence[Answer]) -> float | None:
    """The longest distance between two questions, s: what the timing of answers cannot tell apart."""
    times = sorted(frame["t"] for frame in answers.rows if frame["form"] == "asked")
    return max((seconds(later - earlier) for earlier, later in pairwise(times)), default=None)


def _wrong_flags(address: str, frames: Sequence[Answer], flags: Mapping[str, Any]) -> list[str]:
    """What frames about an address should have said and did not."""
    problems = []
    for flag, wanted in flags.items():
        wrong = [frame for frame in frames if frame["flags"].get(flag) != wanted]
        if wrong:
            got = wrong[0]["flags"].get(flag)
            problems.append(f"{len(wrong)} frames about {address} had {flag} {got!r}, not {wanted!r}")
    return problems


def _said(flags: Mapping[str, Any] | None) -> str:
    return listed(f"{flag} {value!r}" for flag, value in (flags or {}).items())


def _forms(frames: Sequence[Answer]) -> str:
    return " + ".join(
        f"{sum(frame['form'] == form for frame in frames)} {form}"
        for form in ANNOUNCEMENTS
        if any(frame["form"] == form for frame in frames)
    )


def _moves_text(least: int, most: int, within: float, to: Sequence[str] | None) -> str:
    if not most:
        return "the address stays where it is"
    count = f"{least}" if least == most else f"{least} to {most}"
    return f"{count} moves, the first within {within:g} s" + (f", to {listed(to)}" if to else "")


def _too_many(address: str, frames: Sequence[Answer], asks: int) -> list[str]:
    """What is wrong if a node answers questions more than once, if there are questions enough to tell."""
    asked = sum(frame["form"] == "asked" for frame in frames)
    counts = Counter(frame["mac"] for frame in _replies(frames))
    return [
        f"{mac} answered {asked} questions for {address} {count} times"
        for mac, count in sorted(counts.items())
        if asked >= asks and count > REPEATS * asked
    ]


def _too_few(counts: Sequence[int], asks: int) -> str:
    fewest = min(counts)
    return f"only {fewest} questions were asked for an address, {asks} are needed" if fewest < asks else ""
