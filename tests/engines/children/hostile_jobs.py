"""The hostile jobs, as a table: how each ends, and what is kept of what it wrote."""

from dataclasses import dataclass, field
from pathlib import Path

MAIN = Path(__file__).parents[2] / "data/hostile/main.py"
CUT = "\n… cut after 1,000,000 characters\n"
TIME = "timed out: the limit is 0.5 s, passed at {here}"
MEMORY = "out of memory: the limit is 100 MB"
BEFORE = "before the job returned"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row of the table."""

    outcome: str = "ok"
    why: str = ""
    stdout: str = ""
    stderr: str = ""
    within: float = 5.0
    """Seconds until it is over: generous, for a machine with other work."""
    events: int = 0
    value: object = None
    """What it returned, if that is looked at."""
    limits: dict = field(default_factory=dict)


SHORT = {"seconds": 0.5}
TABLE = {
    "loop": Case(outcome="timed_out", why=TIME, stdout="before the loop\n", limits=SHORT),
    "loop_in_c": Case(outcome="timed_out", why=TIME, stdout="before the regex\n", limits=SHORT),
    "sleep_in_c": Case(outcome="timed_out", why=TIME, limits=SHORT),
    "swallow": Case(outcome="timed_out", why=TIME, stdout="before the sleep\n", limits=SHORT),
    "swallow_and_return": Case(outcome="timed_out", why=TIME, events=1, limits=SHORT),
    "await_for_ever": Case(outcome="timed_out", why=TIME, limits=SHORT),
    "stop_itself": Case(
        outcome="timed_out",
        why="timed out: the limit is 0.5 s (it had stopped itself)",
        stdout="stopping\n",
        limits=SHORT,
    ),
    "no_alarm": Case(outcome="timed_out", why="timed out: the limit is 0.5 s", stdout="no alarm\n", limits=SHORT),
    "allocate": Case(outcome="out_of_memory", why=MEMORY, stdout="before the memory\n"),
    "allocate_and_swallow": Case(outcome="out_of_memory", why=MEMORY),
    "allocate_beyond_the_wall": Case(outcome="out_of_memory", why=MEMORY),
    "allocate_in_children": Case(outcome="out_of_memory", why=MEMORY, within=20.0),
    "map_and_leave": Case(),
    "exit_at_once": Case(outcome="crashed", why=f"the process ended with exit code 0 {BEFORE}", stdout="good bye\n"),
    "abort": Case(outcome="crashed", why=f"the process was ended by SIGABRT {BEFORE}"),
    "segfault": Case(outcome="crashed", why=f"the process was ended by SIGSEGV {BEFORE}"),
    "interrupt_itself": Case(outcome="crashed", why="KeyboardInterrupt"),
    "print_much": Case(stdout=("x" * ((1 << 20) - 1))[:1_000_000] + CUT, within=10.0),
    "raise_much": Case(outcome="crashed", why=f"ValueError: {'E' * 10_000}… cut after 10,000 characters", within=10.0),
    "return_much": Case(value="not kept: the value has 10,485,772 characters of JSON, and 1,000,000 are kept at most"),
    "half_a_line": Case(outcome="crashed", why=f"the process was ended by SIGKILL {BEFORE}", stdout="half a line"),
    "print_elsewhere": Case(stdout="from C\nfrom a shell\nfrom Python\n", stderr="and its errors\n"),
    "kill_its_supervisor": Case(outcome="lost", why="lost: its supervisor died while it ran"),
    "stop_its_supervisor": Case(outcome="lost", why="lost: its supervisor died while it ran"),
    "leave_a_child": Case(),
    "leave_a_session": Case(),
    "hold_the_pipes": Case(),
    "fork_much": Case(limits={"memory_mb": 4000.0}, within=20.0),
    "run_away": Case(),
    "fork_and_return": Case(),
    "thread_goes_on": Case(),
    "no_stdout": Case(),
    "close_all": Case(events=1),
    "import_pandas": Case(within=20.0),
}
PLACED = {"abort", "segfault", "interrupt_itself", "raise_much"}
"""Crashes whose error names the line."""


def line_of(name):
    """Return the place of the comment `HERE name` in the plugin."""
    lines = MAIN.read_text().splitlines()
    return next((f"main.py:{number}" for number, line in enumerate(lines, 1) if line.endswith(f" HERE {name}")), None)


def judge(name, run):
    """Compare a run with the table."""
    case, here = TABLE[name], line_of(name)
    assert (run.outcome, run.summary) == (case.outcome, case.why.format(here=here))
    assert (run.stdout, run.stderr) == (case.stdout, case.stderr)
    assert len(run.events) == case.events
    assert case.value in {None, run.value}
    assert (run.error.place if name in PLACED else here) == here
