"""Errors that say where, what, and what to do about it."""


class LocatedError(Exception):
    """Something that was handed to us is not right.

    Attributes:
        place: where, e.g. ``evidence/case/name.jsonl.gz:17``.
        problem: what is wrong there.
        hint: what to do about it, if we know.
    """

    def __init__(self, place: str, problem: str, hint: str = "") -> None:
        super().__init__(f"{place}: {problem}" + (f" ({hint})" if hint else ""))
        self.place = place
        self.problem = problem
        self.hint = hint
