"""`make serve-demo`: a day of the example for real; here it takes a quarter of its minute."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_day_in_fifteen_seconds():
    """All runs are ok, and the history is printed; the exit code is 0."""
    command = [sys.executable, str(ROOT / "examples/serve_demo/demo.py"), "15"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "5 runs, 0 failures" in done.stdout
    last = done.stdout.splitlines()[-1]
    assert last.startswith("runs: clean_temp_files 1, ")
    assert all(f"{job} " in last for job in ("daily_report", "end_trials", "explain_failures", "index_projects"))
