"""`%debug` after `%run_job`: the debugger stops where the job raised, although the cell did not fail."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def debugger_at_error(shell: Any) -> Iterator[None]:
    """Let `%debug` find what the run inside raises; with `%pdb on`, start the debugger at once."""
    from sbh_jobkit.run import tracebacks

    tracebacks.keep(1)
    try:
        yield
        ending = tracebacks.latest()
    finally:
        tracebacks.keep(0)
    if ending is None:
        return
    error = ending.error.with_traceback(ending.traceback)
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, ending.traceback
    sys.last_exc = error  # type: ignore[attr-defined] # since Python 3.12
    shell.InteractiveTB.tb = ending.traceback
    if shell.call_pdb:
        shell.debugger(force=True)
