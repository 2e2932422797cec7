"""Input that no parser likes ends in one sentence, and what a plugin prints is never obeyed by a terminal."""

import json
import re
import zipfile

import pytest

from sbh_jobkit.cli.main import main
from sbh_jobkit.cli.protection import visible

MAIN = """
from src.ext.sdk import job

@job("hourly", schedule="0 * * * *")
def hourly(ctx):
    return {"status": "success"}

@job("deep", schedule=None)
def deep(ctx):
    event = {}
    for _ in range(900):
        event = {"inner": [event]}
    ctx.emit("deep", event)

@job("shallow", schedule=None)
def shallow(ctx):
    event = {"text": "[[{{" * 500, "list": [[1]] * 500}
    ctx.emit("shallow", event)

@job("big", schedule=None)
def big(ctx):
    return 10**5000
"""


@pytest.fixture
def said(tmp_path, monkeypatch, capsys):
    """Type a command in a folder with a plugin `p`; return the exit code and what was printed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "main.py").write_text(MAIN, encoding="utf-8")
    (tmp_path / "p" / "plugin.json").write_text('{"slug": "p", "name": "P"}', encoding="utf-8")
    (tmp_path / "two\nlines").mkdir()
    (tmp_path / "two\nlines" / "plugin.json").write_text('{"slug": "sh\\nop", "name": "P"}', encoding="utf-8")
    (tmp_path / "deep.toml").write_text(f"a = {'[' * 5000}{']' * 5000}", encoding="utf-8")
    (tmp_path / "digits.toml").write_text(f"seed = {'9' * 5000}", encoding="utf-8")
    (tmp_path / "bytes.toml").write_bytes(b"a = '\xff'")

    def type_(*words):
        code = main(words)
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return type_


RANGE = "is outside the years 1000 to 9998, in which jobs can be due"
LONG = "is outside the years 1 to 9999; use a shorter duration"


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["simulate", "p", "--faults", "deep.toml"], "deep.toml: the fault plan is not valid TOML: maximum recursion"),
        (["simulate", "p", "--faults", "digits.toml"], "digits.toml: the fault plan is not valid TOML: Exceeds the"),
        (["simulate", "p", "--faults", "bytes.toml"], "cannot read the fault plan 'bytes.toml': byte 5 is not UTF-8"),
        (["simulate", "p", "--policy", f"max_instances={'9' * 5000}"], "max_instances must be a whole number"),
        (["simulate", "p", "--seed", "9" * 5000], "--seed has 5,000 digits"),
        (["simulate", "p", "--tenants", "99999999999"], "--tenants 99999999999 is not a number of tenants: use 1 to"),
        (["simulate", "p", "--tenants", "9" * 5000], "--tenants 99999999999999999999… is not a number of tenants"),
        (["simulate", "p", "--tenants", "0"], "--tenants 0 is not a number of tenants"),
        (["simulate", "p", "--tenants=-1"], "--tenants -1 is not a number of tenants"),
        (["simulate", "p", "--tenants", "\udcff"], "tenants are a number from 1, or names such as 'acme'"),
        (["run", "p", "hourly", "--tenant", "\udcff"], "a tenant has a name such as 'acme', got '\\udcff'"),
        (["simulate", "p", "--jobs", "9" * 5000], "--jobs '99999999999999999999"),
        (["simulate", "p", "--time-limit", "1e13"], "time_limit must be at most a year, which is 31,536,000 seconds"),
        (["simulate", "p", "--tz", "x" * 5000], "unknown time zone 'xxx"),
        (["simulate", "x" * 300], f"{'x' * 200}…: File name too long"),
        (["simulate", "p", "--against", "x" * 300], "xxx…: File name too long"),
        (["check", "x" * 300], "xxx…: File name too long"),
        (["preview", "x" * 300], "xxx…: File name too long"),
        (["run", "x" * 300, "hourly"], "xxx…: File name too long"),
        (["simulate", "two\nlines"], r"two\nlines/plugin.json: $.slug: 'sh\nop' is not a slug"),
        (["simulate", "no\nlines"], r"no such path: 'no\nlines'"),
        (["simulate", "p", "--from", "9999-12-31", "--for", "30d"], RANGE),
        (["simulate", "p", "--from", "10000-01-01"], "10000-01-01"),
        (["preview", "0 0 * * *", "--from", "9998-12-30", "--for", "9d"], RANGE),
        (["preview", "0 0 * * *", "--from", "9998-12-30", "--for", "999999d"], LONG),
    ],
    ids=lambda value: " ".join(value)[:50] if isinstance(value, list) else "",
)
def test_wrong_use_is_one_sentence(said, words, part):
    """Exit code 2, one line, and no traceback."""
    code, out, err = said(*words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("sbh-jobkit: error: ")
    assert part in err
    assert len(err) < 600


OUTSIDE = ["0001-01-01", "0001-06-01T00:00+14:00", "0999-12-31T23:59", "9999-01-01T00:01", "9999-12-31T23:59"]
ENDS = {
    "run": ["run", "p", "hourly", "--at"],
    "simulate from": ["simulate", "p", "--from"],
    "simulate to": ["simulate", "p", "--to"],
    "preview from": ["preview", "p", "--from"],
    "preview to": ["preview", "p", "--to"],
    "expression from": ["preview", "0 0 31 12 *", "--from"],
    "stress": ["simulate", "p", "--stress", "all", "--from"],
}


@pytest.mark.parametrize("at", OUTSIDE)
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Kiritimati"])
@pytest.mark.parametrize("way", ENDS)
def test_the_first_and_the_last_years(said, way, at, zone):
    """No job can be due there, and one sentence says so."""
    code, out, err = said(*ENDS[way], at, "--tz", zone)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert re.search(f"^sbh-jobkit: error: .*({RANGE}|is outside the years 1 to 9999|is not after the start)", err)


FIRST_AND_LAST = [
    ("1000-01-01", "1000-01-02"),
    ("9998-12-31", "9999-01-01"),
]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Kiritimati"])
@pytest.mark.parametrize(("start", "end"), FIRST_AND_LAST)
def test_the_first_and_the_last_day(said, start, end, zone):
    """A job is due on them as on every other day."""
    code, out, err = said("simulate", "p", "--from", start, "--to", end, "--tz", zone)
    assert (code, err) == (0, "")
    assert "24 runs, all as expected" in out
    assert said("run", "p", "hourly", "--at", f"{start}T23:59", "--tz", zone)[0] == 0


def test_an_event_that_is_nested_too_deep_is_a_fault(said):
    """It is not published, and the run is shown, as text and as JSON."""
    code, out, _ = said("run", "p", "deep", "--at", "2026-01-01")
    assert code == 1
    assert "nested more than 128 levels deep" in out
    code, out, _ = said("run", "p", "deep", "--at", "2026-01-01", "--json")
    assert ([each["kind"] for each in json.loads(out)["faults"]], code) == (["payload-not-json"], 1)


def test_brackets_in_texts_and_wide_lists_are_not_deep(said):
    """Only nesting counts."""
    assert said("run", "p", "shallow", "--at", "2026-01-01")[0] == 0


def test_a_number_that_python_does_not_write_is_shown_by_its_size(said):
    """It is no JSON that others read, so it is a fault."""
    code, out, _ = said("run", "p", "big", "--at", "2026-01-01", "--json")
    run = json.loads(out)
    assert (code, run["value"]) == (1, "<a whole number of 16,610 bits>")
    assert [each["kind"] for each in run["faults"]] == ["value-not-json"]


@pytest.mark.parametrize(
    ("names", "part"),
    [
        (["plugin.json", "main.py", "old/plugin.json"], "has more than one plugin.json: plugin.json, old/plugin.json"),
        (["plugin.json", "main.py", "Main.py"], "has 'Main.py' and 'main.py', which are one file where case does not"),
        (["plugin.json", "main.py", "lib/A.py", "LIB/a.py"], "has 'LIB/a.py' and 'lib/A.py', which are one file"),
    ],
)
def test_a_zip_whose_files_cannot_be_told_apart_is_refused(said, tmp_path, names, part):
    """What would be loaded depends on the machine."""
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for name in names:
            archive.writestr(name, '{"slug": "p", "name": "P"}' if name.endswith("json") else MAIN)
    code, _, err = said("simulate", "p.zip", "--for", "1d")
    assert (code, err.count("\n")) == (2, 1)
    assert part in err


def test_a_manifest_with_thousands_of_jobs_is_checked(said, tmp_path):
    """Each finding has its place in the one long line, and the line is cut around it."""
    jobs = [{"name": f"job{number}", "schedule": "0 0 * * *"} for number in range(3_000)]
    (tmp_path / "p" / "plugin.json").write_text(json.dumps({"slug": "p", "name": "P", "jobs": jobs}), encoding="utf-8")
    code, out, _ = said("check", "p", "--select", "job-without-function")
    assert code == 1
    assert out.endswith("p: 3,000 warnings\n")
    assert max(map(len, out.splitlines())) < 250
    last = out.splitlines()[-3:-1]
    assert last[0][last[1].index("^") :].startswith('{"name": "job2999"')


@pytest.mark.parametrize("columns", ["0", "1", "-5", "x"])
def test_a_terminal_of_no_width_is_an_ordinary_one(said, columns, monkeypatch):
    """COLUMNS is not always a width."""
    monkeypatch.setenv("COLUMNS", columns)
    for words in (["simulate", "p", "--for", "1d"], ["run", "p", "hourly", "--at", "2026-01-01"], ["check", "p"]):
        code, out, _ = said(*words)
        assert (code, bool(out)) == (0, True)
    code, out, _ = said("simulate", "p", "--for", "1d")
    table = [line.split() for line in out.splitlines() if line.startswith("hourly")]
    assert table == [["hourly", "0", "*", "*", "*", "*", "24", "0", "0", "0", "0"]]


CONTROLS = {
    "escape": ("\x1b[2J\x1b]0;title\x07", "␛[2J␛]0;title␇"),
    "c1": ("a\x9b2Jb\x85c", "a⟨U+009B⟩2Jb⟨U+0085⟩c"),
    "carriage return": ("real\rfake", "real␍fake"),
    "backspace": ("abc\b\b\b", "abc␈␈␈"),
    "delete": ("a\x7f", "a␡"),
    "null": ("a\0b", "a␀b"),
    "line ends and tabs": ("a\tb\nc", "a\tb\nc"),
    "other letters": ("Zürich – 東京 😀", "Zürich – 東京 😀"),
}


@pytest.mark.parametrize("name", CONTROLS)
def test_control_characters_are_visible_signs(name):
    """Whatever a plugin names, raises or prints; only a terminal gets colours, and nothing else."""
    raw, shown = CONTROLS[name]
    assert visible(raw) == shown
    assert visible(f"\x1b[1;31m{raw}\x1b[0m", colours=True) == f"\x1b[1;31m{shown}\x1b[0m"
    assert "\x1b" not in visible(f"\x1b[1;31m{raw}")


def test_the_plugin_of_the_current_folder_is_the_default(said, monkeypatch, tmp_path):
    """`simulate`, `check` and `run` take `.`; `--to` is an end in place of `--for`."""
    monkeypatch.chdir(tmp_path / "p")
    assert said("simulate", "--to", "2026-01-03")[1].startswith(
        "P: Thu 2026-01-01 00:00 UTC to Sat 2026-01-03 00:00 UTC\n"
    )
    assert said("simulate", "--from", "2026-01-31", "--for", "1mo")[1].startswith(
        "P: Sat 2026-01-31 00:00 UTC to Sat 2026-02-28 00:00 UTC\n"
    )
    assert said("run", "hourly", "--at", "2026-01-02")[0] == 0
    assert said("check")[:2] == (0, ".: no problems found\n")
    assert said("simulate", "--to", "2026-01-03", "--for", "2d") == (
        2,
        "",
        "sbh-jobkit: error: give an end or a duration, not both\n",
    )
    assert said("run")[2] == (
        "sbh-jobkit: error: run: the following arguments are required: JOB; see sbh-jobkit run --help\n"
    )


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", ""])
def test_a_number_of_processes_is_checked_for_one_plugin_too(said, number):
    """Although it would need only one."""
    message = f"sbh-jobkit: error: --jobs {number!r} is neither a number of processes from 1 to 1,000 nor auto\n"
    assert said("simulate", "p", f"--jobs={number}") == (2, "", message)


END = [
    ["simulate", ".", "--from", "9998-12-30", "--for", "2d"],
    ["preview", ".", "--from", "9998-12-30", "--for", "2d"],
    ["run", "tick", "--at", "9998-12-31T10:00"],
]


@pytest.mark.parametrize("words", END, ids=" ".join)
def test_the_end_of_time_has_no_next_fire_time(tmp_path, monkeypatch, capsys, words):
    """A job that is never due again is shown without one."""
    (tmp_path / "plugin.json").write_text('{"slug": "p", "name": "P"}')
    source = "from src.ext.sdk import job\n@job('tick', schedule='0 9 1 1 *')\ndef tick(ctx):\n"
    (tmp_path / "main.py").write_text(f"{source}    return ctx.db.query('plugin_jobs')[0]['next_run_at']\n")
    monkeypatch.chdir(tmp_path)
    assert main(words) == 0
    assert "next" not in capsys.readouterr().out.replace("next_run_at", "")
