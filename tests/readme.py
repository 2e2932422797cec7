"""The README's commands, code and tables, as tests hold them and `make readme` writes them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from sbh_jobkit.check.finding import RULES
from sbh_jobkit.plugin import divergences

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
_CONSOLE = re.compile(r"```console\n\$ (?P<command>.*)\n(?P<output>(?:.*\n)*?)```\n")
_PYTHON = re.compile(r"```python\n(?P<code>(?:.*\n)*?)```\n")
_TABLE = re.compile(r"(?P<begin><!-- divergences: .* -->\n)(?P<table>(?:.*\n)*?)(?P<end><!-- /divergences -->\n)")
_RULES = re.compile(r"(?P<begin><!-- rules: .* -->\n)(?P<table>(?:.*\n)*?)(?P<end><!-- /rules -->\n)")
_POLICIES = re.compile(r"(?P<begin><!-- policies: .* -->\n)(?P<table>(?:.*\n)*?)(?P<end><!-- /policies -->\n)")
_MACHINE = re.compile(r"^(platform|rootdir:|configfile:|plugins:) .*\n", re.MULTILINE)
_TIME = re.compile(r"^(=+) (.*) in \d+\.\d\ds (=+)$", re.MULTILINE)
_FILES = {
    "python\n# main.py, as it is deployed": ROOT / "examples/hello/main.py",
    "toml\n# examples/hub_ops/faults.toml": ROOT / "examples/hub_ops/faults.toml",
}


def blocks(text: str) -> list[tuple[str, str]]:
    """Return each command and the output that the README shows for it."""
    return [(match["command"], match["output"]) for match in _CONSOLE.finditer(text)]


def snippets(text: str) -> list[str]:
    """Return each block of Python."""
    return [match["code"] for match in _PYTHON.finditer(text)]


def divergence_table() -> str:
    """Return the table of divergences as the data file has them."""
    head = "\n| id | concerns | the guide, and the kit | today's host | what to do |\n|---|---|---|---|---|\n"
    return (
        head
        + "".join(
            f"| {row.id} | {divergences.CONCERNS[row.concerns]} | {row.guide} | {row.host} | {row.advice} |\n"
            for row in divergences.table().values()
        )
        + "\n"
    )


def rule_table() -> str:
    """Return the table of a check's rules as the code has them."""
    rows = "".join(f"| `{rule}` | {text} |\n" for rule, text in RULES.items())
    return f"\n| rule | what it asks for |\n|---|---|\n{rows}\n"


def policy_table() -> str:
    """Return the cases of policies as the data file has them: of each, the due instants that did not simply run."""
    cases = json.loads((ROOT / "tests/data/policy.json").read_text())
    head = "\n| what happens | policy | schedule, length of runs, scheduler down | what does not simply run |\n"
    return head + "|---|---|---|---|\n" + "".join(map(_case, cases)) + "\n"


def _case(case: dict) -> str:
    policy = ", ".join(f"`{name}={value}`" for name, value in case.get("policy", {}).items())
    down = [f"{start[5:].replace('T', ' ')}–{end[11:]}" for start, end in case.get("down", ())]
    facts = [f"`{case['schedule']}`", *case.get("tz", "").split(), *(f"{length} s" for length in case.get("takes", ()))]
    rows = [f"{due[3:]}: {reason or outcome}" for due, _, outcome, reason in case["rows"] if reason or outcome != "ok"]
    rows[4:] = [f"… and {len(rows) - 4} more"] if len(rows) > 5 else rows[4:]
    return f"| {case['case']} | {policy} | {', '.join([*facts, *down])} | {'<br>'.join(rows) or 'none'} |\n"


def shown_policies(text: str) -> str:
    """Return the table of policies that the README shows."""
    return _POLICIES.search(text)["table"]


def shown_rules(text: str) -> str:
    """Return the table of rules that the README shows."""
    return _RULES.search(text)["table"]


def shown_table(text: str) -> str:
    """Return the table of divergences that the README shows."""
    return _TABLE.search(text)["table"]


def output_of(command: str) -> str:
    """Run one of the README's commands as a reader would, in 80 columns, and return what it prints.

    What pytest says of the machine is left out, and its time, which is never the same, is half a second.
    """
    scripts = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{scripts}:{os.environ['PATH']}", "COLUMNS": "80", "LC_ALL": "C.UTF-8"}
    environment["PYTEST_ADDOPTS"] = "-p no:cacheprovider"
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "CI", "BUILD_NUMBER"):
        environment.pop(name, None)
    done = subprocess.run(  # noqa: S602  the README's own commands
        command, shell=True, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    text = _MACHINE.sub("", done.stdout + done.stderr)
    return _TIME.sub(lambda match: f" {match[2]} in 0.50s ".center(80, "="), text)


def updated(text: str) -> str:
    """Return the README with what its commands print now, and the files and the tables that it shows."""
    for marker, path in _FILES.items():
        text = re.sub(
            rf"```{re.escape(marker)}\n(?:.*\n)*?```\n",
            lambda _, marker=marker, path=path: f"```{marker}\n{path.read_text()}```\n",
            text,
        )
    text = _TABLE.sub(lambda match: f"{match['begin']}{divergence_table()}{match['end']}", text)
    text = _POLICIES.sub(lambda match: f"{match['begin']}{policy_table()}{match['end']}", text)
    text = _RULES.sub(lambda match: f"{match['begin']}{rule_table()}{match['end']}", text)
    return _CONSOLE.sub(lambda match: f"```console\n$ {match['command']}\n{output_of(match['command'])}```\n", text)


if __name__ == "__main__":
    README.write_text(updated(README.read_text()))
