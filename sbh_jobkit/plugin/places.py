"""Where in a plugin something happened, in its author's terms: `main.py:7`, not a path or a module of the kit."""

from __future__ import annotations

import re
import sys
import traceback
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sbh_jobkit.errors import JobkitError, one_line
from sbh_jobkit.machine import interrupts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

PACKAGE = "sbh_plugins"
"""Every loaded plugin has its own package in this one, such as `sbh_plugins.p7`."""
_OWN_PACKAGE = re.compile(rf"\b{PACKAGE}\.p\d+(\.(?=\w))?")
_namer: Callable[[str], str | None] | None = None


def authors_terms(text: str, root: Path | None = None) -> str:
    """Return a text with modules as the author calls them, and with files relative to the plugin's folder `root`."""
    if PACKAGE in text:
        text = _OWN_PACKAGE.sub(lambda found: "" if found[1] else ".", text)
    if root is not None and root.is_absolute() and f"{root}" in text:
        text = re.sub(rf"(?<![\w./-]){re.escape(f'{root}')}/", "", text)
    return text


def place(frames: Sequence[tuple[str, int]], root: Path | None) -> str | None:
    """Return `main.py:7` for the last of the frames (file, line) that is in the plugin."""
    for filename, line in reversed(frames):
        shown = shown_path(filename, root)
        if shown is not None:
            return f"{shown}:{line}"
    return None


def name_files_by(namer: Callable[[str], str | None] | None) -> None:
    """Set who names code that is in no file, such as a notebook's cell; None removes it."""
    global _namer  # noqa: PLW0603  one notebook shell a process
    _namer = namer


def shown_path(filename: str, root: Path | None) -> str | None:
    """Return a file's path as the plugin's author knows it, or None for a file that is not the plugin's."""
    if root is None:
        named = _namer(filename) if _namer is not None else None
        return named or (None if _is_ours(filename) else filename.rpartition("/")[2])
    folder = f"{root}/"
    return filename.removeprefix(folder) if filename.startswith(folder) else None


@cache
def _is_ours(filename: str) -> bool:
    folder = str(Path(__file__).parents[1])
    return filename.startswith((folder, "<frozen", sys.prefix, sys.base_prefix))


def raised_at(error: BaseException, root: Path | None) -> str | None:
    """Return `main.py:7` for the innermost line of the plugin that an exception went through."""
    return place([(at.filename, at.lineno or 0) for at in traceback.extract_tb(error.__traceback__)], root)


def call_place(frame: FrameType | None, root: Path | None) -> str | None:
    """Return `main.py:7` for the innermost call that the plugin's own code made."""
    while frame is not None:
        shown = shown_path(frame.f_code.co_filename, root)
        if shown is not None:
            return f"{shown}:{frame.f_lineno}"
        frame = frame.f_back
    return None


def explain(error: BaseException, root: Path | None, otherwise: str = "", beside: str = "the plugin's entry") -> str:
    """Return where in the plugin an import failed and why, in one line and in its author's terms.

    `otherwise` is the place to name if no line of the plugin had run; a missing module can be put `beside` a file.
    """
    if isinstance(error, SyntaxError) and error.filename and shown_path(error.filename, root):
        return f"{shown_path(error.filename, root)}:{error.lineno}: {type(error).__name__}: {error.msg}"
    kind = "" if isinstance(error, JobkitError) else type(error).__name__
    parts = (raised_at(error, root) or otherwise, kind, authors_terms(_message(error), root))
    return ": ".join(filter(None, parts)) + _advice(error, beside)


def _message(error: BaseException) -> str:
    """Return an error's text, in one line where it is not the kit's own; its class may be the plugin's."""
    try:
        text = f"{error}"
    except BaseException as broken:
        if interrupts.must_pass(broken):
            raise
        return f"its text cannot be shown: its __str__ raised {type(broken).__name__}"
    return text if isinstance(error, JobkitError) else one_line(text)


def _advice(error: BaseException, beside: str) -> str:
    name = authors_terms(error.name or "") if isinstance(error, ModuleNotFoundError) else ""
    return f"; install it, or put {name}.py beside {beside}" if name and "." not in name else ""
