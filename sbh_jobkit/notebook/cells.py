"""The cells that ran, as they were typed, and how far those ran that failed."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

from sbh_jobkit.project.code.cells import Cell, count_before

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult


class CellHistory:
    """The cells that ran, as they were typed.

    IPython's history has cells that a person ran, but not those of a tool that runs a notebook without history, as
    nbval does; such cells are recorded from `%load_ext` on. So is how far a cell ran that failed.
    """

    def __init__(self, shell: Any) -> None:
        """Start with IPython's history, and with the cell that runs now if that is not in it."""
        self._shell = shell
        self._cells = [Cell(number, text) for number, text in enumerate(shell.history_manager.input_hist_raw)]
        self._running: list[int] = []
        """The places of the cells that run now: one that runs another one waits for it."""
        now = shell.get_parent().get("content", {}).get("code") if hasattr(shell, "kernel") else None
        if now is not None and now != self._cells[-1].text:
            self._add(now)
        shell.events.register("pre_run_cell", self._before_cell)
        shell.events.register("post_run_cell", self._after_cell)

    def stop(self) -> None:
        """Stop recording."""
        self._shell.events.unregister("pre_run_cell", self._before_cell)
        self._shell.events.unregister("post_run_cell", self._after_cell)

    def previous(self) -> list[Cell]:
        """Return the cells without the one that runs now."""
        return self._cells[:-1]

    def _before_cell(self, info: ExecutionInfo) -> None:
        self._add(info.raw_cell or "")
        self._running.append(len(self._cells) - 1)

    def _after_cell(self, result: ExecutionResult) -> None:
        index = self._running.pop() if self._running else len(self._cells) - 1  # the cell that loaded the extension
        error = result.error_before_exec or result.error_in_exec
        if error is not None:
            cell = self._cells[index]
            self._cells[index] = cell._replace(ran=self._count_run(cell.text, error))

    def _count_run(self, text: str, error: BaseException) -> int:
        """Return how many statements of a cell ran before the one that raised."""
        frames = [found for found in traceback.walk_tb(error.__traceback__) if self._is_cell(found[0])]
        if not frames:
            return 0
        frame, _ = frames[0]
        positions = [*frame.f_code.co_positions()]
        line, _, column, _ = positions[_instruction(error, frame) // 2]
        try:
            return count_before(self._shell.transform_cell(text), (line or 0, column or 0))
        except SyntaxError:
            return 0

    def _is_cell(self, frame: Any) -> bool:
        return (
            frame.f_code.co_name == "<module>"
            and self._shell.compile.format_code_name(frame.f_code.co_filename) is not None
        )

    def _add(self, cell: str) -> None:
        self._cells.append(Cell(self._cells[-1].number + 1, cell))


def _instruction(error: BaseException, frame: Any) -> int:
    """Return the place in a frame's code at which an exception left it."""
    found = error.__traceback__
    while found is not None and found.tb_frame is not frame:
        found = found.tb_next
    return found.tb_lasti if found is not None else 0
