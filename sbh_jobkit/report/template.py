"""Jinja2 templates: all that they print is escaped, and indentation is not part of the output.

Beside a tag, a line break and the indentation after it print nothing, as in JSX; in a text they print one space. A line
without indentation keeps its line break. So templates can be laid out for their readers, while HTML stays small and
notebooks change only with their values.

Compiled templates are kept in a folder `__pycache__`, as Python keeps its modules: to compile them takes longer than
to write a report.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined
from jinja2.ext import Extension
from markupsafe import Markup

from sbh_jobkit.report import text
from sbh_jobkit.report.verdicts import COLOURS

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from jinja2.bccache import Bucket

_FOLDER = Path(__file__).with_name("templates")
_INDENTATION = re.compile(r"\n *(?=\{%|\{#)|(?<=%\})\n *|(?<=#\})\n *|\n +")


def render(template: str, /, **values: Any) -> Markup:
    """Return a template's HTML, filled with values."""
    return Markup(environment().get_template(f"{template}.html.jinja").render(values))  # noqa: S704  it is escaped


@cache
def macros(template: str) -> Any:
    """Return a template's macros, as functions that return HTML."""
    return environment().get_template(f"{template}.html.jinja").module


@cache
def environment() -> Environment:
    """Return the templates of this package, with our filters and our escaping."""
    made = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        loader=FileSystemLoader(_FOLDER),
        extensions=[_NoIndentation],
        bytecode_cache=_Compiled(),
        finalize=_escaped,
        auto_reload=False,
    )
    made.globals["colours"] = COLOURS
    made.filters |= {
        "amount": _amount,
        "clip": text.clip,
        "time_of_day": text.time_of_day,
        "compact": text.compact,
        "count": text.count,
        "counted": lambda changes: text.count_actions(change.action for change in changes),
        "time": text.format_time,
        "number": "{:,}".format,
        "one_line": text.one_line,
        "time_element": _time_element,
        "weekday": lambda at: text.DAYS[at.weekday()],
    }
    return made


class _NoIndentation(Extension):
    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        del name, filename

        def beside_a_tag(found: re.Match[str]) -> bool:
            return source[found.start() - 1] in ">}" or source[found.end()] in "<{"

        return _INDENTATION.sub(lambda found: "" if beside_a_tag(found) else " ", source)


class _Compiled(BytecodeCache):
    """Keeps compiled templates in files. If the folder is read-only, templates are compiled in each process."""

    def load_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError), _file(bucket).open("rb") as file:
            bucket.load_bytecode(file)

    def dump_bytecode(self, bucket: Bucket) -> None:
        if sys.dont_write_bytecode:
            return
        with suppress(OSError):
            file = _file(bucket)
            file.parent.mkdir(exist_ok=True)
            unfinished = file.with_suffix(f".{os.getpid()}")
            unfinished.write_bytes(bucket.bytecode_to_string())
            unfinished.replace(file)


def _file(bucket: Bucket) -> Path:
    return _FOLDER / "__pycache__" / f"{bucket.key}.{sys.implementation.cache_tag}"


def _escaped(value: Any) -> Any:
    """Escape any text and show its control characters as visible signs; Jinja2 alone would keep them."""
    return value if isinstance(value, Markup | int) else Markup(text.escape(value))  # noqa: S704  it is escaped


def _amount(value: int | timedelta) -> str:
    return f"{value:,}" if isinstance(value, int) else text.format_duration(value)


def _time_element(at: datetime) -> Markup:
    return Markup(text.time_element(at))  # noqa: S704  it is escaped
