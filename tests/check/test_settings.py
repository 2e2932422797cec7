"""Settings: of the command line, of pyproject.toml, and in comments."""

from __future__ import annotations

import json

import pytest

from sbh_jobkit.check.check import check, check_all
from sbh_jobkit.check.finding import Finding
from sbh_jobkit.check.settings import Settings
from sbh_jobkit.cli.main import FAILED, OK, WRONG_USE, main
from sbh_jobkit.errors import JobkitError

HEAD = 'from src.ext.sdk import job\n\n@job("a", schedule="0 6 * * *")\ndef a(ctx):\n'
BAD = f'{HEAD}    return {{"status": "failed", "users": ctx.db.tally("users")}}\n'
TABLE = "[tool.sbh-jobkit.check]\n"


def write(folder, text=BAD, settings=""):
    """Write a plugin, with settings beside it."""
    folder.mkdir(exist_ok=True)
    (folder / "main.py").write_text(text)
    (folder / "plugin.json").write_text(json.dumps({"slug": "p", "name": "P"}))
    if settings:
        (folder / "pyproject.toml").write_text(settings)
    return folder


def rules(folder, **given):
    """Return the rules of the findings."""
    (checked,) = check_all([folder], Settings.read(folder, imports=False, **given))
    return [each.rule for each in checked.findings]


READ = {
    "nothing": ("", ["status-word", "ctx-member"]),
    "another table": ("[tool.ruff]\nselect = []\n", ["status-word", "ctx-member"]),
    "select": (f'{TABLE}select = ["ctx-member"]', ["ctx-member"]),
    "ignore": (f'{TABLE}ignore = ["ctx-member", "import"]', ["status-word"]),
    "level": (f'{TABLE}level = "error"', ["ctx-member"]),
    "a file": (f'{TABLE}[tool.sbh-jobkit.check.per-file]\n"m*.py" = ["status-word"]', ["ctx-member"]),
    "another file": (f'{TABLE}per-file = {{"lib/*" = ["status-word"]}}', ["status-word", "ctx-member"]),
    "thresholds": (f"{TABLE}crowd = 3\ntime-limit = 5.5\nimport-limit = 2", ["status-word", "ctx-member"]),
}


@pytest.mark.parametrize(("text", "expected"), READ.values(), ids=READ)
def test_read(tmp_path, text, expected):
    """The table in pyproject.toml says what is reported."""
    assert rules(write(tmp_path / "p", settings=text)) == expected


def test_the_nearest_file_counts_and_options_win(tmp_path):
    """The file can be above the plugin; what is given is over it."""
    (tmp_path / "pyproject.toml").write_text(f'{TABLE}select = ["import"]\nlevel = "error"')
    folder = write(tmp_path / "p")
    assert rules(folder) == []
    assert rules(folder, select=("status-word",), level="note") == ["status-word"]


WRONG = {
    "select = 1": "select must be a list of rules, got 1",
    "ignore = [1]": "ignore must be a list of rules, got [1]",
    'select = ["ctx-membr"]': "there is no rule 'ctx-membr'; did you mean 'ctx-member'?",
    'per-file = {"a.py" = ["x"]}': "there is no rule 'x'; sbh-jobkit check --list shows all rules",
    "per-file = []": "per-file must be a table of patterns and rules, got []",
    "crowd = true": "crowd must be a number above 0, got True",
    "level = 5": "level must be text, got 5",
    'level = "notes"': "unknown level 'notes'; did you mean 'note'?",
    "selct = []": "unknown setting 'selct'; did you mean 'select'?",
    "colour = 1": (
        "unknown setting 'colour'; the settings are target, level, import-limit, select, ignore, per-file, "
        "time-limit, crowd"
    ),
}


@pytest.mark.parametrize(("text", "expected"), WRONG.items())
def test_wrong_settings(tmp_path, text, expected):
    """The error names the file, the table, the setting and what is right."""
    folder = write(tmp_path / "p", settings=f"{TABLE}{text}")
    with pytest.raises(JobkitError) as caught:
        Settings.read(folder)
    assert str(caught.value) == f"{folder / 'pyproject.toml'}: [tool.sbh-jobkit.check]: {expected}"


def test_files_that_are_no_settings(tmp_path):
    """A file that is not TOML, and a table that is none, are errors."""
    folder = write(tmp_path / "p", settings="[tool")
    with pytest.raises(JobkitError, match=r"pyproject\.toml cannot be read: "):
        Settings.read(folder)
    write(folder, settings="[tool.sbh-jobkit]\ncheck = 1")
    with pytest.raises(JobkitError, match=r"\[tool.sbh-jobkit.check\] must be a table, got 1"):
        Settings.read(folder)


IGNORED = {
    "on the line": (
        f'{HEAD}    return {{"status": "failed"}}  # sbh: ignore[status-word] the platform knows\n',
        [],
    ),
    "two rules": (f"{BAD.strip()}  # sbh: ignore[status-word, ctx-member] both\n", []),
    "on the decorator": (
        BAD.replace('* *")', '* *")  # sbh: ignore[status-word,ctx-member] the whole job'),
        [],
    ),
    "on another line": (f"# sbh: ignore[ctx-member]\n{BAD}", ["ignore-unused", "status-word", "ctx-member"]),
    "in a text": (f'{HEAD}    return {{"status": "success", "text": "# sbh: ignore[import]"}}\n', []),
    "without a rule": (f"{HEAD}    return {{}}  # sbh: ignore\n", ["ignore-unknown"]),
    "an unknown rule": (f"{HEAD}    return {{}}  # sbh: ignore[importt] why\n", ["ignore-unknown"]),
    "one of two": (f"{BAD.strip()}  # sbh: ignore[status-word, ctx-member, import]\n", ["ignore-unused"]),
    "a file that does not end": ("x = (\n# sbh: ignore[import]\n", ["syntax"]),
}


@pytest.mark.parametrize(("text", "expected"), IGNORED.values(), ids=IGNORED)
def test_ignores(tmp_path, text, expected):
    """A comment silences its rules on its line, or in the function below it; one that silences nothing is found."""
    assert [each.rule for each in check(write(tmp_path / "p", text), imports=False)] == expected


def test_the_place_of_an_ignore(tmp_path):
    """The finding is at the comment."""
    folder = write(tmp_path / "p", f"{HEAD}    return {{}}  # sbh: ignore[importt] why\n")
    assert check(folder, imports=False) == [
        Finding(
            file="main.py",
            line=5,
            column=16,
            end_line=5,
            end_column=42,
            rule="ignore-unknown",
            message="there is no rule 'importt'; did you mean 'import'?",
        )
    ]


def test_options(tmp_path, monkeypatch, capsys):
    """Rules, levels, statistics, files and exit codes on the command line."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "p")
    common = ["check", "p", "--no-import", "--format", "concise"]
    member = "p/main.py:5:42: error[ctx-member] ctx.db has no 'tally'"
    end = "p: not looked at: which jobs it has and whether the manifest lists them: it was not to be imported\n"
    cases = [
        (["--select", "ctx-member"], FAILED, f"{member}\np: 1 error\n{end}"),
        (["--ignore", "status-word", "--exit-zero"], OK, f"{member}\np: 1 error\n{end}"),
        (["--level", "error", "--statistics"], FAILED, f"{member}\np: 1 error\n{end}1  ctx-member\n"),
    ]
    for options, code, text in cases:
        assert main([*common, *options]) == code
        assert capsys.readouterr().out == text
    assert main([*common, "--select", "ctx-member", "--output", "found/it.txt"]) == FAILED
    assert capsys.readouterr().out == ""
    assert (tmp_path / "found/it.txt").read_text() == f"{member}\np: 1 error\n{end}"
    assert main([*common, "--select", "ctx-memba"]) == WRONG_USE
    assert capsys.readouterr().err == ("sbh-jobkit: error: there is no rule 'ctx-memba'; did you mean 'ctx-member'?\n")


def test_baseline(tmp_path, monkeypatch, capsys):
    """The first check writes the file; later ones tell only what is new, also after lines moved."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "p")
    command = ["check", "p", "--baseline", "known.json", "--no-import", "--format", "concise"]
    assert main(command) == OK
    assert main(command) == OK
    write(tmp_path / "p", BAD.replace("def a", "\n\ndef a") + "\n\nimport os\n")
    capsys.readouterr()
    assert main(command) == FAILED
    assert next(line for line in capsys.readouterr().out.splitlines() if "[" in line).startswith(
        "p/main.py:10:1: error[import]"
    )
    (tmp_path / "known.json").write_text("[]")
    assert main(command) == WRONG_USE
    assert capsys.readouterr().err == (
        "sbh-jobkit: error: 'known.json' is not a baseline; remove it, and check --baseline writes it again\n"
    )
    assert main([*command[:3], "p", *command[4:]]) == WRONG_USE
    assert "the baseline 'p' cannot be read: " in capsys.readouterr().err
    assert main([*command[:3], "no/where.json", *command[4:]]) == WRONG_USE
    assert "the baseline 'no/where.json' cannot be written: " in capsys.readouterr().err


def test_a_baseline_knows_how_many_there_are(tmp_path, monkeypatch, capsys):
    """One more finding on a line that reads like a known one is new."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "p")
    command = ["check", "p", "--baseline", "known.json", "--no-import", "--format", "concise", "--select", "ctx-member"]
    assert main(command) == OK
    again = BAD[BAD.index("@job") :].replace('"a"', '"b"').replace("def a", "def b")
    write(tmp_path / "p", f"{BAD}\n\n{again}")
    capsys.readouterr()
    assert main(command) == FAILED
    found = [line for line in capsys.readouterr().out.splitlines() if "[" in line]
    assert found == ["p/main.py:10:42: error[ctx-member] ctx.db has no 'tally'"]
