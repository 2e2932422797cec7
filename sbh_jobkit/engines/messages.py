"""JSON lines between the processes of one run: server, supervisor, child."""

from __future__ import annotations

import json
from typing import Any

Message = dict[str, Any]
"""What happened (`kind`) or what to do (`do`), and the values that belong to it."""


class Lines:
    """Bytes as they come, cut into JSON lines."""

    def __init__(self) -> None:
        """Start empty."""
        self._parts: list[bytes] = []

    def feed(self, data: bytes) -> list[Message]:
        """Return the messages that are complete now; a line that is no JSON object, cut by a kill, is left out."""
        if b"\n" not in data:
            self._parts.append(data)
            return []
        *lines, rest = b"".join([*self._parts, data]).split(b"\n")
        self._parts = [rest]
        return [message for line in lines if (message := _read(line)) is not None]


def pack(**fields: Any) -> bytes:
    """Return a message as a line of its own, also where the line before was left unfinished."""
    return b"\n%s\n" % json.dumps(fields).encode()


def _read(line: bytes) -> Message | None:
    if not line:
        return None
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None
