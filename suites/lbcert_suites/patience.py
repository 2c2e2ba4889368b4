"""Waiting for what may never come."""

from collections.abc import Callable
from typing import Final

SHORT_SECONDS: Final = 10.0
"""How long is waited for what did not come the last time: longer than any built-in profile takes for it (8 s)."""


class Patience:
    """Waits as long as declared, but only shortly once that was in vain, until it is not any more.

    An implementation that never does what most cases stand on fails the case that is about it. The others would wait
    as long, each of them, to learn the same.
    """

    def __init__(self) -> None:
        self._is_lost = False

    def wait(self, wait: Callable[[float], bool], budget: float) -> bool:
        """Wait for something.

        Args:
            wait: waits for at most so many seconds and returns whether it came.
            budget: how long it may take, s.
        """
        came = wait(min(budget, SHORT_SECONDS) if self._is_lost else budget)
        self._is_lost = not came
        return came
