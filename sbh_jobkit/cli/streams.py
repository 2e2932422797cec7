"""Where commands write: messages to standard error, results to standard output, reports to files.

Nothing heavy is imported here, so that commands that need no simulator start fast.
"""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import JobkitError

if TYPE_CHECKING:
    from pathlib import Path

_CONTROL = re.compile("[\x7f-\x9f]")
"""Control characters that JSON does not have to escape."""


def message(text: str) -> None:
    """Print a message on standard error, so that standard output has nothing but the result."""
    print(f"sbh-jobkit: {text}", file=sys.stderr)


def write(path: Path, text: str) -> None:
    """Write a report; makes its folder if there is none."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        msg = f"cannot write the report to {str(path)!r}: {error.strerror}"
        raise JobkitError(msg) from error


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    for part in json.JSONEncoder(ensure_ascii=False, indent=1).iterencode(value):
        sys.stdout.write(_CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", part))
    print()
