"""Each divergence, met by a small plugin and avoided by one that follows its advice: `advice.toml` has both."""

import ast
import json
import re
import tomllib
from pathlib import Path
from textwrap import indent

import pytest

from sbh_jobkit import Plugin, run_job
from sbh_jobkit.check.check import check_all
from sbh_jobkit.check.settings import Settings
from sbh_jobkit.errors import PluginError
from sbh_jobkit.fakes.world import World
from sbh_jobkit.plugin import divergences

PAIRS = tomllib.loads(Path(__file__).with_name("advice.toml").read_text(encoding="utf-8"))
OF_A_RUN = divergences.ids_for("job")
IN_FILES = ["D16", "D17", "D18", "D19", "D22", "D33", "D35", "D42", "D45"]
NOT_OF_A_PLUGIN = {
    "D24": "the platform starts nothing by itself",
    "D25": "the platform knows no callers",
    "D27": "the platform runs what is disabled",
}
"""What no plugin can do anything about."""
HEAD = "from src.ext.sdk import job\n\n@job('work')\ndef work(ctx):\n"


@pytest.fixture
def written(tmp_path):
    """Return a function that writes one of a pair, and returns its folder."""

    def write(id_, which):
        pair, folder = PAIRS[id_], tmp_path / which
        folder.mkdir()
        code = pair[which]
        whole = code if re.search(r"^@", code, re.MULTILINE) else HEAD + indent(code.strip("\n"), "    ")
        known = {"slug": "p", "name": "P", "version": "1.0.0", "entry": "tea.py"}
        manifest = pair.get(f"{which}_manifest") or json.dumps(known)
        (folder / "plugin.json").write_text(manifest)
        (folder / json.loads(manifest).get("entry", "main.py")).write_text(f"{whole}\n")
        (folder / "reports.py").write_text("def daily():\n    return 'made'\n")
        return folder

    return write


def tenant(target, allow=()):
    """Return a tenant with a little of everything."""
    world = World(target=target, allow=allow)
    world.secrets.update(API_KEY="k-12345", MODE="loud")
    world.files.write("a.log", b"a", modified="2026-01-05T08:00")
    world.db.insert("users", [{"name": "ann"}, {"name": "bob"}])
    world.db.insert("orders", [{"n": n} for n in range(250)])
    world.http.get("https://api.example.com/data").respond(json=[1])
    for name, text, kind in (("vendor", '{"a": 1}', "problem+json"), ("broken", "{", "json")):
        world.http.get(f"https://api.github.com/{name}").respond(content=text, content_type=f"application/{kind}")
    world.llm.reply("Hi there")
    return world


def met(run):
    """Return the divergences that a run met."""
    return {fault.kind for fault in run.faults} & {*divergences.table()}


def found(target, *folders):
    """Return the divergences that `check` finds in the files."""
    findings = check_all([*folders], Settings(target=target))
    return {finding.rule for checked in findings for finding in checked.findings} & {*divergences.table()}


@pytest.mark.parametrize("id_", OF_A_RUN)
def test_a_run_meets_it(written, id_):
    """On the host the run has the divergence as a fault; with the guide's target it has none."""
    folder = written(id_, "hits")
    jobs = {target: Plugin.load(folder).jobs["work"] for target in ("guide", "host")}
    kinds = {target: met(run_job(job, tenant(target), at="2026-01-05T09:00")) for target, job in jobs.items()}
    assert (kinds["guide"], id_ in kinds["host"]) == (set(), True)


@pytest.mark.parametrize("id_", IN_FILES)
def test_check_finds_it(written, id_):
    """Of the plugin that meets it alone, and for the host alone."""
    hits, follows = written(id_, "hits"), written(id_, "follows")
    told = [id_ in found("host", hits), id_ in found("guide", hits), id_ in found("host", follows)]
    assert told == [True, False, False]


@pytest.mark.parametrize("id_", [id_ for id_, pair in PAIRS.items() if "guide" in pair])
@pytest.mark.parametrize("target", ["guide", "host"])
def test_the_advice_leads_to_a_job_for_both(written, id_, target):
    """The job ends well with either target, with the value that its author expects there."""
    pair = PAIRS[id_]
    meets = {*pair.get("meets", ())} if target == "host" else set()
    run = run_job(Plugin.load(written(id_, "follows")).jobs["work"], tenant(target, meets), at="2026-01-05T09:00")
    assert (run.verdict, run.value, met(run)) == (pair.get("ends", "ok"), ast.literal_eval(pair[target]), meets)


@pytest.mark.parametrize(
    ("id_", "given", "answer"),
    [
        ("D18", ({"key": "a.txt"},), ["acme", "a.txt"]),
        ("D19", (), {"id": None, "status": 201}),
        ("D19", ({"id": 5},), {"id": 5, "status": 201}),
    ],
)
def test_the_advice_leads_to_a_handler_for_both(written, id_, given, answer):
    """The guide calls a route with the context alone, the host with the data, too; a hook both as one."""
    plugin = Plugin.load(written(id_, "follows"))
    (handler,) = [*plugin.routes, *plugin.hooks]
    assert handler.function(World("acme").context(plugin), *given) == answer


def test_check_finds_entries_of_one_name(written, tmp_path):
    """D34: two plugins with a main.py each are mixed up on the host; a name of its own keeps one apart."""
    (tmp_path / "other").mkdir()
    other = written("D17", "hits").rename(tmp_path / "other" / "plugin")
    hits, follows = written("D34", "hits"), written("D34", "follows")
    told = ["D34" in found(*each) for each in (("host", hits, other), ("guide", hits, other), ("host", follows, other))]
    assert told == [True, False, False]


def test_two_schedules_that_differ_are_refused(written):
    """D30: the kit says so at once, and the same in both places is fine."""
    with pytest.raises(PluginError, match="0 8"):
        Plugin.load(written("D30", "hits"))


def test_every_divergence_has_a_pair():
    """Whoever adds a divergence shows a plugin that meets it and one that does not."""
    assert {*PAIRS} | {*NOT_OF_A_PLUGIN} == {*divergences.table()}
    assert [id_ for id_ in (*OF_A_RUN, *IN_FILES, "D34") if not {"hits", "follows"} <= PAIRS[id_].keys()] == []
    assert list(PAIRS) == [id_ for id_ in divergences.table() if id_ in PAIRS]


@pytest.mark.parametrize("schedule", ["0 9 * * *", "@daily", "daily", "9:00"])
def test_a_schedule_that_is_not_cron_is_refused(written, schedule):
    """D45: five fields load, and what is not cron does not."""
    folder = written("D45", "follows")
    entry = folder / "tea.py"
    entry.write_text(entry.read_text().replace("0 9 * * *", schedule))
    if schedule[0] in "0@":
        assert Plugin.load(folder).jobs["work"].expression == schedule
        return
    with pytest.raises(PluginError, match=rf"^work \(tea\.py:3\): schedule '{schedule}' is not cron"):
        Plugin.load(folder)
