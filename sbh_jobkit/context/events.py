"""`ctx.emit`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from sbh_jobkit.run.recorder import Recorder

_NOT_FINITE = "JSON cannot write NaN or Infinity"
_ADVICE = "emit text, numbers, lists and dicts; write times with .isoformat()"


def publish(recorder: Recorder, event_type: Any, payload: Any, at: datetime) -> None:
    """Record an event; what is not JSON is a fault instead, and is not published."""
    if not isinstance(event_type, str) or not event_type:
        message = f"an event's type must be text that is not empty, got {event_type!r}"
        recorder.fault("payload-not-json", "ctx.emit", message)
        return
    try:
        written = json.dumps(payload, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        why = _NOT_FINITE if isinstance(error, ValueError) and "float" in str(error) else str(error)
        recorder.fault("payload-not-json", "ctx.emit", f"payload of {event_type!r}: {why}", _ADVICE)
        return
    recorder.event(event_type, written, at)
