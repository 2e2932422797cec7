"""The cells that ran, as they were typed.

IPython's history has those of a person, but not those of a tool that runs a notebook and asks for no history, as nbval
does; such cells are known from `%load_ext` on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionInfo


class Ran:
    """Listens from now on."""

    def __init__(self, shell: Any) -> None:
        """Begin with the history, and with the cell that runs now where that is not in it."""
        self._shell = shell
        self._cells = list(enumerate(shell.history_manager.input_hist_raw))
        now = shell.get_parent().get("content", {}).get("code") if hasattr(shell, "kernel") else None
        if now is not None and now != self._cells[-1][1]:
            self._note(now)
        shell.events.register("pre_run_cell", self._listen)

    def stop(self) -> None:
        """Listen no longer."""
        self._shell.events.unregister("pre_run_cell", self._listen)

    def before(self) -> list[tuple[int, str]]:
        """Return them, numbered, but for the one that asks: it runs still."""
        return self._cells[:-1]

    def _listen(self, info: ExecutionInfo) -> None:
        self._note(info.raw_cell or "")

    def _note(self, cell: str) -> None:
        self._cells.append((self._cells[-1][0] + 1, cell))
