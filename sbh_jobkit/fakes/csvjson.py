"""Read the rows of a table from a file: CSV with a header, or a JSON list of objects."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import WorldError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Row = dict[str, Any]


def read(path: Path) -> list[Row]:
    """Return a file's rows; raises WorldError with the file, the line and what to do.

    Values in a CSV file are text, or None if empty; values in a JSON file keep their types.
    """
    readers = {".csv": _csv, ".json": _json}
    if path.suffix.lower() not in readers:
        raise _error(path, None, "a table is read from a .csv or a .json file; insert other rows with world.db.insert")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else f"{error.strerror}"
        raise _error(path, None, f"{reason}; a relative path begins at the folder of world.py") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise _error(path, line, "the file is not UTF-8; save it as UTF-8") from error
    return readers[path.suffix.lower()](path, text)


def _csv(path: Path, text: str) -> list[Row]:
    lines = csv.reader(text.splitlines(keepends=True), strict=True)
    try:
        header = next(lines, [])
        _check_header(path, header)
        return [
            dict(zip(header, [cell or None for cell in cells], strict=True))
            for cells in _data_lines(path, lines, header)
        ]
    except csv.Error as error:
        raise _error(path, lines.line_num, f"the line is not CSV: {error}; close the quotes") from error


def _check_header(path: Path, header: list[str]) -> None:
    if not header:
        raise _error(path, 1, "there is no header; name the columns in the first line")
    for number, name in enumerate(header, 1):
        if not name:
            raise _error(path, 1, f"column {number} has no name; name it")
        if header.count(name) > 1:
            raise _error(path, 1, f"two columns are named {name!r}; rename one")


def _data_lines(path: Path, lines: Any, header: list[str]) -> Iterator[list[str]]:
    for cells in lines:
        if cells and len(cells) != len(header):
            counts = f"{len(cells)} values for {len(header)} columns"
            raise _error(path, lines.line_num, f"there are {counts}; put quotes around a value with a comma in it")
        if cells:
            yield cells


def _json(path: Path, text: str) -> list[Row]:
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as error:
        raise _error(path, error.lineno, f"the file is not JSON: {error.msg}") from error
    except RecursionError as error:
        raise _error(path, None, "the JSON is nested too deeply; make it flatter") from error
    if not isinstance(rows, list):
        raise _error(path, None, f"the JSON is {_kind(rows)}; make it a list of objects, one a row")
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise _error(path, None, f'row {number} is {_kind(row)}; make it an object, such as {{"name": "Ada"}}')
    return rows


def _kind(value: Any) -> str:
    return "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else f"{value!r}"


def _error(path: Path, line: int | None, what: str) -> WorldError:
    return WorldError(f"{path}{f':{line}' if line else ''}: {what}")
