"""The start-up time of Python and of the kit."""

from __future__ import annotations

import subprocess
import sys
from statistics import median

from measure import row, seconds


def start_up() -> None:
    """Compare the start of Python with and without importing the kit."""
    rows = (
        ("import sbh_jobkit", [sys.executable, "-c", "import sbh_jobkit"], "under 30 ms over bare Python"),
        ("sbh-jobkit --help", [sys.executable, "-m", "sbh_jobkit", "--help"], "under 250 ms in all"),
    )
    for name, command, promise in rows:
        pairs = [
            (seconds(lambda command=command: quiet(command)), seconds(lambda: quiet([sys.executable, "-c", ""])))
            for _ in range(11)
        ]
        whole, over = median(a for a, _ in pairs), median(a - b for a, b in pairs)
        row(name, f"{whole * 1000:.0f} ms", f"{over * 1000:.0f} ms over bare Python; {promise}")


def quiet(command: list[str]) -> None:
    """Run a command without its output."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  our own interpreter
