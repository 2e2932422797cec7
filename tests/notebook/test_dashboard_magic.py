"""`%job_dashboard` in a shell without a browser."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from IPython.utils.capture import capture_output
from ipywidgets.widgets.widget import _instances as registry

from sbh_jobkit.errors import MagicError

HELLO = Path(__file__).parents[2] / "examples" / "hello"
JOB = """
from src.ext.sdk import job

@job("fetch", schedule="0 6 * * *")
def fetch(ctx):
    return {"status": "success", "users": ctx.db.count("users")}
"""
WORLD = """
from sbh_jobkit import World
world = World()
world.db.insert("users", [{"name": "Ada"}, {"name": "Grace"}])
"""


def test_it_takes_the_options_of_simulate(notebook, tmp_path):
    """Plugin, range, zone, world, target, seed, policies and faults; the plugin is loaded for the other magics, too."""
    (tmp_path / "world.py").write_text("def setup(world):\n    world.db.insert('users', {'name': 'Ada'})\n")
    dashboard = notebook.run(
        f"%job_dashboard {HELLO} --from 2026-03-28T10:00 --for 2d --tz Europe/Paris --world {tmp_path}/world.py "
        "--target host --seed 3 --policy catch_up=none "
        "--fault 'scheduler_down start=2026-03-28T10:00 end=2026-03-30T10:00'"
    )
    assert [control.value for control in (dashboard.controls.start, dashboard.controls.duration)] == [
        "2026-03-28T10:00",
        "2d",
    ]
    month = dashboard.simulate()
    assert (month.start.isoformat(), month.world.target) == ("2026-03-28T10:00:00+01:00", "host")
    assert {run.verdict for run in month.runs} == {"missed"}
    assert notebook.run("%run_job welcome --at 2026-01-02").plugin == "hello"


def test_a_changed_cell_counts_at_the_next_click(notebook):
    """Its jobs and its world; the list of jobs is updated, too."""
    notebook.run(JOB)
    notebook.run(WORLD)
    dashboard = notebook.run("dashboard = %job_dashboard --for 1d\ndashboard")
    dashboard.controls.simulate.click()
    notebook.run(JOB.replace('"users": ctx', '"people": 1 + ctx'))
    notebook.run("@job('more', schedule='0 7 * * *')\ndef more(ctx): return 1")
    values = [dashboard.runs[0].value]
    dashboard.controls.simulate.click()
    values += [run.value for run in dashboard.runs]
    assert values == [{"status": "success", "users": 2}, {"status": "success", "people": 3}, 1]
    assert [name for name, _ in dashboard.controls.job.options] == ["all jobs", "fetch", "more"]


def test_an_end_in_place_of_a_length(notebook):
    """`--to`; the field For is empty then."""
    notebook.run(JOB)
    dashboard = notebook.run("%job_dashboard --from 2026-02-01 --to 2026-02-03")
    assert (dashboard.controls.duration.value, dashboard.controls.end.value) == ("", "2026-02-03")
    assert f"{dashboard.simulate().end:%Y-%m-%d}" == "2026-02-03"


def test_a_deleted_job_is_an_error_and_not_all_jobs(notebook):
    """If it was chosen when the cell deleted it."""
    notebook.run(JOB)
    notebook.run("@job('more', schedule='0 7 * * *')\ndef more(ctx): return 1")
    dashboard = notebook.run("%job_dashboard")
    dashboard.controls.job.value = "more"
    notebook.run("del more")
    dashboard.controls.simulate.click()
    assert "the plugin has no job &#x27;more&#x27;" in dashboard.controls.banner.widget.value
    assert (dashboard.simulation, dashboard.controls.job.value) == (None, "")


def test_a_job_of_a_cell_is_edited_by_its_function(notebook):
    """The cell does not change; a failing line is named by the cell, edited."""
    notebook.run(JOB)
    notebook.run(WORLD)
    dashboard = notebook.run("%job_dashboard --for 1d")
    dashboard.simulate()
    code = dashboard.editor.code.value
    assert code == JOB[JOB.index("@job") :]
    data = "world.db.insert('users', {'name': 'Linus'})"
    again = dashboard.rerun(code=code.replace('"users": ', '"readers": '), data=data)
    assert again.run.value == {"status": "success", "readers": 3}
    assert dashboard.rerun(code=code, data="").run.value == {"status": "success", "users": 2}
    broken = dashboard.rerun(code=code.replace("ctx.db.count", "ctx.db.cuont")).run
    assert (broken.error.place, "ctx.db.cuont" in broken.error.traceback) == ("In[2] (edited):3", True)
    dashboard.editor.code.value = f"{code}def f(:"
    dashboard.editor.rerun.click()
    assert "In[2] (edited):4: SyntaxError: invalid syntax" in dashboard.editor.banner.widget.value


def test_a_cell_shows_static_output_and_widgets_that_hide_it(notebook):
    """As two outputs: of one output a reopened notebook would show only its dead widgets."""
    with capture_output() as seen:
        dashboard = notebook.run(f"%job_dashboard {HELLO} --for 2d")
    static, widgets = (output.data for output in seen.outputs)
    assert (set(static), set(widgets)) == ({"text/plain", "text/html"}, {"application/vnd.jupyter.widget-view+json"})
    assert static["text/plain"] == "<Dashboard of <Plugin hello 0.0.0: 1 job>>"
    with capture_output() as seen:
        dashboard.controls.simulate.click()
    (update,) = seen.outputs
    assert 'alt="2 runs of 1 job on a timeline"' in update.data["text/html"]
    assert f".{dashboard_class(static)} {{ display: none; }}" in dashboard.timeline._css  # noqa: SLF001  anywidget's name


def dashboard_class(static):
    """Return the CSS class of the static output."""
    return re.match('<div class="([a-z-]+)">', static["text/html"])[1]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("%job_dashboard", "PluginError: there is no job yet: define one in a cell"),
        ("%job_dashboard nowhere", "PluginError: no such path: 'nowhere'; "),
        ("%job_dashboard --until 2026-01-01", "MagicError: %job_dashboard has no argument '--until'"),
        (f"%job_dashboard {HELLO} --world nowhere.py", "WorldError: no such file: "),
        (f"%job_dashboard {HELLO} --target hots", "WorldError: unknown target 'hots'; did you mean 'host'?"),
        (f"%job_dashboard {HELLO} --policy overlap=maybe", "PolicyError: "),
    ],
)
def test_misuse_is_shown_in_one_line(notebook, line, message):
    """As for the other magics."""
    assert notebook.shown(line).startswith(message)


def test_unloading_closes_all_dashboards(plain):
    """With all their widgets."""
    before = set(registry)
    plain.run("%load_ext sbh_jobkit")
    for _ in range(2):
        plain.run(f"%job_dashboard {HELLO}")
    assert len(registry) > len(before)
    plain.run("%unload_ext sbh_jobkit")
    assert set(registry) == before


def test_loading_the_extension_loads_no_widgets():
    """Importing them takes a tenth of a second."""
    code = (
        "import sys\nfrom IPython.core.interactiveshell import InteractiveShell\n"
        "InteractiveShell.instance().run_line_magic('load_ext', 'sbh_jobkit')\n"
        "print({'ipywidgets', 'anywidget'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("missing", ["anywidget", "ipywidgets"])
def test_without_the_libraries_it_names_what_to_install(monkeypatch, missing):
    """Also for a direct import of the class."""
    for name in [name for name in sys.modules if name.startswith(("sbh_jobkit.notebook.dashboard", missing))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MagicError) as caught:
        __import__("sbh_jobkit.notebook.dashboard")
    assert f"{caught.value}" == (
        f'the dashboard needs {missing}, which is not installed: pip install "sbh-jobkit[notebook]"'
    )
