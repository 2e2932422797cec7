"""The lines that no run reached: one line that counts them, or all of them with their source."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

from sbh_jobkit.report.terminal.runs import wrap_line
from sbh_jobkit.report.text import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sbh_jobkit.simulation.unreached import UnreachedLines

_MOST_FILES = 2
_LONGEST = 200


def unreached_lines(
    found: Mapping[str, Sequence[UnreachedLines]], *, whole: bool, width: int | None = None
) -> Iterator[str]:
    """Write how many lines no run reached, by the name of the plugin; with `whole` also each of them."""
    number = sum(len(each.lines) for functions in found.values() for each in functions)
    if number:
        sentence = f"{count(number, 'line')} of {_where(found)} {'was' if number == 1 else 'were'} never reached"
        yield from wrap_line(f"{sentence}{':' if whole else '; --unreached lists them'}", width=width)
    elif whole:
        yield "every line was reached"
    if whole:
        for name, functions in found.items():
            for each in functions:
                yield f"  {f'{name}: ' if len(found) > 1 else ''}{heading(each)}"
                yield from (f"    {line}" for line in source_lines(each))


def heading(each: UnreachedLines) -> str:
    """Write the place and the name of a function."""
    return f"{each.place} {each.function}{'' if each.called else ' (never called)'}"


def source_lines(each: UnreachedLines) -> Iterator[str]:
    """Yield the source of the lines with their numbers, without the indentation that all of them have."""
    numbers = [line for first, last in each.ranges for line in range(first, last + 1)]
    texts = dedent("\n".join(each.text[line] for line in numbers)).split("\n")
    width = len(f"{numbers[-1]}")
    for line, text in zip(numbers, texts, strict=True):
        shown_text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"
        yield f"{line:>{width}}  {shown_text}".rstrip()


def _where(found: Mapping[str, Sequence[UnreachedLines]]) -> str:
    names = [name for name, functions in found.items() if functions]
    if len(names) > 1:
        return count(len(names), "plugin")
    files = list(dict.fromkeys(each.file for functions in found.values() for each in functions))
    return " and ".join(files) if len(files) <= _MOST_FILES else count(len(files), "file")
