"""Second runs happen in a freshly imported plugin; some events may be sent again."""

import sys
from textwrap import dedent
from zipfile import ZipFile

import pytest

from sbh_jobkit import Plugin, World, simulate
from sbh_jobkit.errors import WorldError
from sbh_jobkit.plugin.sdk import job as decorated

SENT = ["events: 1 added", '  + paid: {"n": 1}']
KEPT = {
    "a global": ("SEEN = set()", "if 1 in SEEN: return\n    SEEN.add(1)"),
    "a default argument": (
        "",
        "if mark(1): return",
        "def mark(n, seen=[]):\n    seen.append(n)\n    return len(seen) > 1",
    ),
    "a class": ("class Seen: marks = 0", "Seen.marks += 1\n    if Seen.marks > 1: return"),
    "a cache": (
        "from functools import cache",
        "if next(box()): return",
        "@cache\ndef box():\n    return iter([0, 1, 1, 1])",
    ),
    "another module": ("import marks", "if marks.SEEN: return\n    marks.SEEN.append(1)"),
    "a module imported later": ("", "import marks\n    if marks.SEEN: return\n    marks.SEEN.append(1)"),
}


@pytest.fixture
def payer(tmp_path):
    """Write a plugin whose job pays unless its mark is there, and return its folder."""

    def write(head, mark, helper=""):
        body = dedent("""\
            @job("pay", schedule="0 9 * * *")
            def pay(ctx):
                {mark}
                ctx.emit("paid", {{"n": 1}})
            """).format(mark=mark)
        (tmp_path / "plugin.json").write_text('{"slug": "payer", "name": "Payer", "permissions": ["emit_webhook"]}')
        (tmp_path / "marks.py").write_text("SEEN = []\n")
        (tmp_path / "main.py").write_text(f"from src.ext.sdk import job\n{head}\n\n{helper}\n\n{body}")
        return tmp_path

    return write


def second_run(plugin):
    """Return what the second run of a day did."""
    (run,) = simulate(plugin, World(), duration="1d", twice=True).runs
    return list(run.repeated.lines())


@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT)
def test_a_mark_in_a_variable_is_no_mark(payer, kept):
    """A restart would lose it, so the second run pays again."""
    assert second_run(Plugin.load(payer(*kept))) == SENT


def test_what_a_second_run_keeps_is_forgotten(payer):
    """Variables of the first runs are as without second ones, and no module of a second run stays."""
    folder = payer("RUNS = []", "RUNS.append(1); return len(RUNS)")
    before = set(sys.modules)
    runs = {twice: simulate(Plugin.load(folder), World(), duration="4d", twice=twice).runs for twice in (True, False)}
    assert [run.value for run in runs[True]] == [run.value for run in runs[False]] == [1, 2, 3, 4]
    assert len({name for name in sys.modules if name.startswith("sbh_plugins.p")} - before) <= 4


def test_a_mark_in_the_world_is_a_mark_after_a_fresh_import(payer):
    """Also for a plugin from a zip, whose files were unpacked elsewhere, and for one that was edited."""
    mark = "if ctx.files.list('done/'): return\n    ctx.files.upload('done/1', b'x')"
    folder = payer("import marks", mark)
    text = (folder / "plugin.json").read_text().replace('"emit', '"files.read", "files.write", "emit')
    (folder / "plugin.json").write_text(text)
    with ZipFile(folder / "p.zip", "w") as zipped:
        for name in ("plugin.json", "main.py", "marks.py"):
            zipped.write(folder / name, name)
    plain = Plugin.load(folder)
    forgetful = plain.edited((folder / "main.py").read_text().replace("upload('done/1'", "upload('gone/1'"))
    assert [second_run(each) for each in (plain, Plugin.load(folder / "p.zip"), forgetful)] == [[], [], SENT]


def test_an_edit_after_loading_changes_no_second_run(payer):
    """Both runs are of the text that was loaded."""
    folder = payer("", "return")
    plugin = Plugin.load(folder)
    payer("", "pass")
    assert second_run(plugin) == []


def test_jobs_without_a_folder_run_again_as_they_are():
    """A function of a notebook's cell has nowhere to be imported from."""
    seen = []

    @decorated("pay", schedule="0 9 * * *")
    def pay(ctx):
        if not seen:
            ctx.emit("paid", {})
        seen.append(1)

    plugin = Plugin.load({"pay": pay})
    with plugin.imported_again() as again:
        assert again is plugin
    assert (second_run(plugin), len(seen)) == ([], 2)


def test_a_cell_beside_a_folder(payer):
    """In a plugin with a cell's job, the job of the folder is imported again and the cell's is not."""
    cell = Plugin.load({"own": decorated("own", schedule="0 8 * * *")(lambda ctx: ctx.emit("own", {}))})
    both = Plugin.load(payer(*KEPT["a global"])).joined(cell)
    own, pay = simulate(both, World(), duration="1d", twice=True).runs
    assert (list(own.repeated.lines()), list(pay.repeated.lines())) == (["events: 1 added", "  + own: {}"], SENT)


@pytest.mark.parametrize(
    ("types", "left"),
    [
        (["report.*"], ["report.daily"]),
        ("report.daily", ["report.daily"]),
        ({"paid", "report.*"}, ["paid", "report.daily"]),
        ([], []),
    ],
    ids=["a pattern", "one text", "a set", "none"],
)
def test_events_that_may_be_sent_again(types, left):
    """They are no finding; all others are."""
    world = World()
    world.repeatable_events = types
    body = decorated("work", schedule="0 9 * * *")(lambda ctx: (ctx.emit("report.daily", {}), ctx.emit("paid", {})))
    (run,) = simulate(Plugin.load({"work": body}), world, duration="1d", twice=True).runs
    found = {event.type for event in run.repeated.difference.events}
    assert (found, bool(run.repeated)) == ({"report.daily", "paid"} - set(left), len(left) < 2)
    copy = world.at(world.snapshot())
    assert copy.repeatable_events == world.repeatable_events


@pytest.mark.parametrize(
    ("wrong", "value"), [([7], 7), (7, 7), ([""], ""), (None, None), (["report.*", b"x"], b"x")], ids=repr
)
def test_what_is_no_type_of_an_event(wrong, value):
    """One sentence names the value."""
    with pytest.raises(WorldError) as refused:
        World().repeatable_events = wrong
    assert str(refused.value) == f"repeatable_events takes types of events, such as ['report.*'], got {value!r}"
