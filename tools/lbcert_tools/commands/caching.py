"""``lbcert cache``: what lbcert keeps between runs."""

import contextlib
from pathlib import Path

import click

from lbcert_fixtures.cache import cache_folder, remove_tree


@click.group()
def cache() -> None:
    """See or empty what lbcert keeps between runs: built programs, images, root file systems.

    Everything in it is made again when it is needed; Kubernetes' programs take about eight minutes.
    """


@cache.command()
def size() -> None:
    """Say where the cache is and what it holds."""
    folder = cache_folder()
    parts = {part.name: _bytes(part) for part in _parts(folder)}
    for name, count in sorted(parts.items(), key=lambda part: -part[1]):
        click.echo(f"{_megabytes(count):>10}  {name}")
    click.echo(f"{_megabytes(sum(parts.values())):>10}  {folder}")


@cache.command()
@click.argument("parts", nargs=-1)
@click.option("--yes", is_flag=True, help="Do not ask.")
def clean(parts: tuple[str, ...], yes: bool) -> None:
    """Remove PARTS of the cache (as `lbcert cache size` names them), or all of it.

    What clusters that are up keep their data in stays.
    """
    from lbcert_fixtures.testbeds.kind import engine

    found = {part.name: part for part in _parts(cache_folder())}
    if unknown := [name for name in parts if name not in found]:
        there = f"there are {', '.join(found)}" if found else "it is empty"
        raise click.BadParameter(f"the cache has no part {', '.join(unknown)}; {there}")
    chosen = [found[name] for name in parts or found]
    if not chosen:
        click.echo("the cache is empty")
        return
    names = ", ".join(part.name for part in chosen)
    if not yes:
        click.confirm(f"Remove {names} ({_megabytes(sum(map(_bytes, chosen)))})?", abort=True)
    for part in chosen:
        if part.name == engine.DATA:
            engine.clean_data(part)
            with contextlib.suppress(OSError):  # some run
                part.rmdir()
        else:
            remove_tree(part)
    if removed := ", ".join(part.name for part in chosen if not part.exists()):
        click.echo(f"removed {removed}")
    if used := ", ".join(str(data) for part in chosen for data in part.glob("*")):
        click.echo(f"in use, and kept: {used}; `lbcert lab status` says which clusters are up")


def _parts(folder: Path) -> list[Path]:
    # An environment made by the set-up script runs this very command.
    return sorted(p for p in folder.glob("*") if p.is_dir() and not p.name.startswith("venv-"))


def _bytes(folder: Path) -> int:
    """What a folder takes, hard links once; what belongs to others and cannot be read is not counted."""
    sizes: dict[tuple[int, int], int] = {}
    for path in folder.rglob("*"):
        try:
            status = path.lstat()
        except OSError:
            continue
        sizes[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(sizes.values())


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.0f} MB"
