"""Address families as parameters of cases: one that the cluster does not have does not apply."""

from typing import Final

import pytest

IPV4: Final = pytest.mark.needs("ipv4")
IPV6: Final = pytest.mark.needs("ipv6")
DUAL: Final = pytest.mark.needs("dual-stack")

EACH: Final = (pytest.param("ipv4", marks=IPV4), pytest.param("ipv6", marks=IPV6))
"""One family, and the other."""
