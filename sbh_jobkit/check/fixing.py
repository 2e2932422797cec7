"""Make the changes that findings propose; formatting and comments of other lines stay as they are."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from sbh_jobkit.errors import JobkitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from sbh_jobkit.check.checked import Checked
    from sbh_jobkit.check.finding import Edit


def fix(checked: Checked) -> int:
    """Write the files of a plugin with the changes of its findings; return how many findings that puts right.

    Changes that touch each other are left for another check. Raises JobkitError if a file cannot be written.
    """
    texts, done = _changed(checked)
    for path, (_, after) in texts.items():
        try:
            path.write_bytes(after.encode())
        except OSError as error:
            msg = f"{path} cannot be written: {error.strerror}"
            raise JobkitError(msg) from error
    return done


def diff(checked: Checked) -> str:
    """Return the changes as a unified diff, with paths from the directory where the command was typed."""
    texts, _ = _changed(checked)
    parts = []
    for path, (before, after) in texts.items():
        name = checked.path_of(path.relative_to(checked.folder).as_posix()) if checked.folder else path.as_posix()
        lines = difflib.unified_diff(
            before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{name}", f"b/{name}"
        )
        parts += [line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines]
    return "".join(parts)


def _changed(checked: Checked) -> tuple[dict[Path, tuple[str, str]], int]:
    """Return each file with its text before and after, and the number of findings that are put right."""
    if checked.folder is None:
        return {}, 0
    chosen: list[Edit] = []
    done = 0
    for found in checked.findings:
        if found.edits and not any(_touch(one, other) for one in found.edits for other in chosen):
            chosen += found.edits
            done += 1
    texts = {}
    for file in dict.fromkeys(edit.file for edit in chosen):
        path = checked.folder / file
        before = path.read_bytes().decode()
        texts[path] = before, _edited(before, [edit for edit in chosen if edit.file == file])
    return texts, done


def _touch(one: Edit, other: Edit) -> bool:
    if one.file != other.file:
        return False
    (start, end), (begin, stop) = _span(one), _span(other)
    return start <= begin <= end or begin <= start <= stop


def _span(edit: Edit) -> tuple[tuple[int, int], tuple[int, int]]:
    return (edit.line, edit.column), (edit.end_line, edit.end_column)


def _edited(text: str, edits: Iterable[Edit]) -> str:
    starts = [*_line_starts(text)]
    newline = "\r\n" if "\r\n" in text else "\n"
    for edit in sorted(edits, key=_span, reverse=True):
        start = starts[edit.line - 1] + edit.column - 1
        end = starts[edit.end_line - 1] + edit.end_column - 1
        text = f"{text[:start]}{edit.text.replace(chr(10), newline)}{text[end:]}"
    return text


def _line_starts(text: str) -> Iterator[int]:
    """Yield where each line begins, as Python counts lines."""
    yield 0
    position = 0
    while position < len(text):
        if text[position] == "\n" or (text[position] == "\r" and text[position + 1 : position + 2] != "\n"):
            yield position + 1
        position += 1
