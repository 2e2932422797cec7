"""The picture of `docs/architecture.md`: chapters, what they import, and the two ways through them, all from the code.

The layers are those of the import contract in pyproject.toml, the arrows are counted imports, and the stops of both
ways are functions, which a test holds against what is really called.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections import Counter
from html import escape
from pathlib import Path
from textwrap import wrap

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs/_static/architecture.svg"
BASE = ("errors", "ports", "clock", "display", "threads", "version", "filters")
SIMULATE = (
    "cli.main:main",
    "cli.simulate:simulate",
    "simulation.conditions:Conditions.from_options",
    "simulation.fleet.fleet:Fleet.under",
    "plugin.plugin:Plugin.load",
    "simulation.simulator:Simulator.under",
    "simulation.timeline:Timeline.steps",
    "simulation.job_queue:JobQueue.due",
    "run.runner:Runner.run",
    "fakes.session:FakeTenant.open",
    "run.virtual:VirtualSandbox.call",
    "context.db:Database.query",
    "run.outcome:classify",
    "run.tally:Tally.add",
    "report.html.simulation:page",
)
"""From the options of `sbh-jobkit simulate` to the report."""
RUN_JOB = (
    "simulation.once:run_job",
    "simulation.conditions:Conditions.__post_init__",
    "fakes.session:FakeTenant.begin",
    "run.runner:Runner.run",
    "fakes.session:FakeTenant.open",
    "context.context:PluginContext.__init__",
    "run.virtual:VirtualSandbox.call",
    "context.db:Database.query",
    "run.outcome:classify",
    "fakes.session:FakeSession.finish",
    "run.run:Run.__post_init__",
)
"""From `run_job` to the Run."""
WAYS = {"simulate": SIMULATE, "run_job": RUN_JOB}
_RUN = {
    "simulate": "from sbh_jobkit.cli.main import main; main(['simulate', 'examples/hello', '--for', '2d', "
    "'--policy', 'overlap=allow', '--html', FILE])",
    "run_job": "import sbh_jobkit as s; p = s.Plugin.load('examples/hello'); s.run_job(p.jobs['welcome'])",
}
_TRACE = """
import sys
FILE, called = sys.argv[1], []
def note(frame, event, _):
    if event == "call" and frame.f_globals.get("__name__", "").startswith("sbh_jobkit."):
        called.append(f"{{frame.f_globals['__name__'][11:]}}:{{frame.f_code.co_qualname}}")
sys.stdout = open(FILE + ".out", "w")
sys.setprofile(note)
{code}
sys.setprofile(None)
open(FILE + ".calls", "w").write("\\n".join(called))
"""


def layers() -> list[list[str]]:
    """Return the chapters of each layer of the import contract, from the top."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    contract = next(one for one in settings["contracts"] if one["type"] == "layers")
    rows = [[name.strip(" ()") for name in line.replace(":", "|").split("|")] for line in contract["layers"]]
    return [[name.removeprefix("sbh_jobkit.") for name in row] for row in rows]


def chapter_of(module: str) -> str:
    """Return the chapter that a module is in."""
    parts = module.split(".")
    return parts[0] if parts[0] != "sbh_jobkit" or len(parts) == 1 else parts[1]


def imports() -> Counter[tuple[str, str]]:
    """Count the imports from chapter to chapter."""
    counted: Counter[tuple[str, str]] = Counter()
    for package in ("sbh_jobkit", "pytest_sbhjobs"):
        for path in (ROOT / package).rglob("*.py"):
            here = chapter_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("sbh_jobkit."):
                    counted[here, chapter_of(node.module)] += 1
    return counted


def purpose(chapter: str) -> str:
    """Return the line that says what is in a chapter."""
    if chapter == "base":
        return "Time, errors, and the ports of services."
    text = (ROOT / "sbh_jobkit" / chapter / "__init__.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(text)) or "").replace("`", "")


def called(way: str, file: Path) -> list[str]:
    """Return every call within the kit while a way is gone, in order, as `module:function`."""
    code = _TRACE.format(code=_RUN[way])
    subprocess.run([sys.executable, "-c", code, str(file)], cwd=ROOT, check=True, timeout=120)
    return Path(f"{file}.calls").read_text(encoding="utf-8").splitlines()


_ROW, _TOP, _BOX, _GAP, _HIGH, _STEP = 58, 50, 150, 12, 36, 27
_ARCS = 150
"""The width of the margin in which imports are drawn."""
_MANY = 40
"""From so many imports on, an arrow is thick."""
_BOXES = 3 * _BOX + 2 * _GAP
_STARTS = {"simulate": _ARCS + _BOXES + 46, "run_job": _ARCS + _BOXES + 46 + len(SIMULATE) * _STEP + 40}
_WIDTH = _STARTS["run_job"] + len(RUN_JOB) * _STEP + 14
_COLOURS = {"simulate": "#b4530a", "run_job": "#0b6e6e"}
_TITLES = {"simulate": "sbh-jobkit simulate", "run_job": "run_job"}
_INK, _SOFT, _LINE = "#22201c", "#6b665c", "#b9b3a6"


def rows() -> list[list[str]]:
    """Return the names to show in each layer; the modules that all may use are one box."""
    return [[name for name in row if name not in BASE] or ["base"] for row in layers()]


def picture() -> str:
    """Draw the chapters, what they import, and the two ways."""
    shown = rows()
    height = _TOP + len(shown) * _ROW + 8
    font = 'font-family="system-ui, sans-serif" font-size="13"'
    head = 'viewBox="0 0 6 6" refX="5" refY="3" markerWidth="6" markerHeight="6" orient="auto"'
    bands = (
        f'<rect x="{_ARCS - 6}" y="{_y(n)}" width="{_WIDTH}" height="{_ROW}" fill="#f6f4ef"/>' for n in _even(shown)
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" {font}>',
        "<title>The chapters of sbh-jobkit, from the faces down to the base, and two ways through them</title>",
        f'<defs><marker id="head" {head} markerUnits="userSpaceOnUse">',
        f'<path d="M0 0 L6 3 L0 6 z" fill="{_LINE}"/></marker></defs>',
        f'<rect width="{_WIDTH}" height="{height}" rx="8" fill="#fff"/>',
        *bands,
        _text(_ARCS - 8, 30, "imports", _SOFT, anchor="end"),
        _text(_ARCS, 30, "chapters", _SOFT),
    ]
    parts += _arcs(shown)
    for number, row in enumerate(shown):
        for column, name in enumerate(row):
            parts += _box(_ARCS + column * (_BOX + _GAP), _y(number) + (_ROW - _HIGH) / 2, name)
        if len(row) == 1:
            wrapped = wrap(purpose(row[0]), 42)
            parts += [
                _text(
                    _ARCS + _BOX + 14,
                    _y(number) + _ROW / 2 + 4 - 7 * (len(wrapped) - 1) + 14 * index,
                    text,
                    _SOFT,
                    size=11.5,
                )
                for index, text in enumerate(wrapped)
            ]
    parts += [part for way in WAYS for part in _way(way, shown)]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _even(shown: list[list[str]]) -> range:
    return range(0, len(shown), 2)


def _y(row: int) -> float:
    return _TOP + row * _ROW


def _text(x: float, y: float, text: str, colour: str, *, anchor: str = "start", size: float = 13) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" fill="{colour}" text-anchor="{anchor}" font-size="{size:g}">{escape(text)}</text>'
    )


def _box(x: float, y: float, name: str) -> list[str]:
    label = name if name != "base" else "clock, errors, …"
    return [
        f'<rect x="{x:g}" y="{y:g}" width="{_BOX}" height="{_HIGH}" rx="6" fill="#fff" stroke="{_SOFT}"/>',
        f'<text x="{x + 12:g}" y="{y + _HIGH / 2 + 4.5:g}" font-weight="600" fill="{_INK}">{escape(label)}</text>',
    ]


def _arcs(shown: list[list[str]]) -> list[str]:
    """Draw one arrow from each layer to each lower one that it imports; a thick one for many imports."""
    layer_of = {name: number for number, row in enumerate(shown) for name in row}
    between: Counter[tuple[int, int]] = Counter()
    for (above, below), number in imports().items():
        ends = layer_of.get(above), layer_of.get(below, layer_of["base"] if below in BASE else None)
        if None not in ends and ends[0] != ends[1]:
            between[ends] += number
    parts = []
    for (above, below), number in sorted(between.items()):
        out, x = 14 + 13.5 * abs(below - above), _ARCS - 8
        y, v = _y(above) + _ROW / 2 + 3 + below, _y(below) + _ROW / 2 - 12 + 2 * above
        path = f"M{x} {y:g} C{x - out:g} {y:g} {x - out:g} {v:g} {x} {v:g}"
        wide = 2.6 if number >= _MANY else 1.0
        parts.append(
            f'<path d="{path}" fill="none" stroke="{_LINE}" stroke-width="{wide:.1f}" marker-end="url(#head)"/>'
        )
    return parts


def _way(way: str, shown: list[list[str]]) -> list[str]:
    """Draw one way as a line from stop to stop: each step to the right, in the row of its chapter."""
    colour, start = _COLOURS[way], _STARTS[way]
    layer_of = {name: number for number, row in enumerate(shown) for name in row}
    dots = [
        (start + number * _STEP, _y(layer_of[stop.partition(".")[0]]) + _ROW / 2)
        for number, stop in enumerate(WAYS[way])
    ]
    line = " ".join(f"L{x:g} {y:g}" for x, y in dots)
    parts = [
        f'<text x="{start - 9}" y="30" font-weight="600" fill="{colour}">{_TITLES[way]}</text>',
        f'<path d="M{line[1:]}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"/>',
    ]
    for number, (x, y) in enumerate(dots, start=1):
        parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="10.5" fill="{colour}" stroke="#fff" stroke-width="2"/>')
        parts.append(_text(x, y + 3.8, f"{number}", "#fff", anchor="middle", size=10.5))
    return parts


def way_table(way: str) -> str:
    """Return the stops of a way as a table of the manual."""
    found = [stop.partition(":")[::2] for stop in WAYS[way]]
    lines = (f"| {number} | `{module}` | `{function}` |" for number, (module, function) in enumerate(found, start=1))
    return "\n" + "\n".join(["|  | module | function |", "|---|---|---|", *lines]) + "\n\n"


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
