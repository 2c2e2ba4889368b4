"""Ranges of addresses, written out."""

from ipaddress import ip_address


def expanded(entry: str) -> list[str]:
    """Every address of a pool's entry ``first-last``, as text."""
    first, last = (ip_address(part.strip()) for part in entry.split("-"))
    return [str(type(first)(number)) for number in range(int(first), int(last) + 1)]
