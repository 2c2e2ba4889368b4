"""The page for authors of cases: every judge with its roles and its bound, from signatures and docstrings."""

import inspect
from typing import Any, get_args

from lbcert_reports.judges.registry import REGISTRY, Judge


def describe() -> str:
    """Every judge with what it claims, its roles and its bound, as Markdown (``docs/judges.md``)."""
    lines = [
        "# Judges",
        "",
        "Written by `python -m lbcert_reports.judges > docs/judges.md`; a test holds it to the code.",
        "",
        "A case names a judge, hands it evidence by role, and a bound:",
        "",
        "```python",
        'record.judge("L2-003", "one-announcer", {"answers": ref}, {"nodes": nodes, "derivation": "docs, layer 2"})',
        "```",
        "",
        "- Durations in a bound are seconds. Times in evidence are nanoseconds.",
        "- Watch a little longer than the bound (`within`, `hold`): a watch that ends before it was reached decides",
        "  nothing.",
        "- Repeated trials: give the roles numbers (`answers.1`, `cause.1`, `answers.2`, ...); a role without a number",
        "  is shared by all trials. The judgements are combined, and the measurements pooled.",
        "- Every bound may hold `trials`, how many trials there must be, and `derivation`, where the bound comes",
        "  from: a text, or a text for each key.",
        "- A list or table that has to be in the bound must not be empty: of nothing nothing can be said.",
        "- What disturbed the observation itself makes a verdict that it could have made inconclusive: frames that the",
        "  capture lost, and a clock that was set by more than times are from their limits.",
        "- A judge never raises. Evidence from which nothing can be said is *inconclusive*; a wrong role or bound,",
        "  or a judge that breaks, is an *error*, which is ours.",
        "",
        "| judge | claim |",
        "|---|---|",
        *(f"| [`{name}`](#{name}) | {_claim(each)} |" for name, each in REGISTRY.items()),
    ]
    for name, each in REGISTRY.items():
        lines += ["", f"## {name}", "", _claim(each)]
        if more := _docstring(each)[0][1:]:
            lines += ["", " ".join(more)]
        arguments = _docstring(each)[1]
        lines += ["", "| role | kind | |", "|---|---|---|"] if each.roles else []
        for role in each.roles:
            notes = ["optional"] * role.optional + ["all trials at once"] * role.trials
            mark = f" ({', '.join(notes)})" if notes else ""
            lines.append(f"| `{role.name}` | {role.kind} | {arguments[role.name]}{mark} |")
        defaults = inspect.signature(each.function).parameters
        lines += ["", "| bound | type | default | |", "|---|---|---|---|"]
        for key, hint in each.bound.items():
            default = "required" if key in each.required else f"`{defaults[key].default!r}`"
            lines.append(f"| `{key}` | `{_type(hint)}` | {default} | {arguments[key]} |")
    return "\n".join(lines) + "\n"


def _claim(each: Judge) -> str:
    return _docstring(each)[0][0]


def _docstring(each: Judge) -> tuple[list[str], dict[str, str]]:
    """Paragraphs before ``Args:``, and the description of each argument."""
    text, _, section = inspect.cleandoc(each.function.__doc__ or "").partition("\nArgs:\n")
    arguments: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc("\n" + section).splitlines():
        if line.startswith(" "):
            arguments[name] += " " + line.strip()
        elif line:
            name, _, arguments[name] = (part.strip() for part in line.partition(":"))
    return [" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n")], arguments


def _type(hint: Any) -> str:
    text = hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint)
    return text.replace("typing.", "").replace(" | None", "").replace("|", "\\|")
