"""The options and the ini settings: their values, which one wins, and the errors for wrong ones."""

from __future__ import annotations

import pytest

GREET = """\
from src.ext.sdk import job

@job("greet", schedule="0 6 * * *")
def greet(ctx): ...
"""
HEAD = "sbh: simulating"

WRONG = {
    "--sbh-simulate=7x": (
        "--sbh-simulate: '7x' is not a duration; use a number and a unit (y, mo, w, d, h, m, s), such as '30d' or '12h'"
    ),
    "--sbh-simulate=0d": "--sbh-simulate: the duration '0d' must be longer than zero, such as '30d'",
    "--sbh-simulate=1d --sbh-from=yesterday": (
        "--sbh-from: 'yesterday' is not a time; use ISO 8601, such as '2026-01-31T02:00' or '2026-01-31T02:00Z'"
    ),
    "--sbh-simulate=1d --sbh-tz=Europe/Pari": (
        "--sbh-tz: unknown time zone 'Europe/Pari'; did you mean 'Europe/Paris'?"
    ),
    "--sbh-simulate=1d --sbh-plugin=nowhere": (
        "--sbh-plugin: no such path: 'nowhere'; give a plugin's directory, file or zip"
    ),
    "--sbh-simulate=1d --sbh-report=.": ("--sbh-report: '.' is a directory; give a file in it, such as report.html"),
    "--sbh-from=2026-01-01": "--sbh-from needs --sbh-simulate, such as --sbh-simulate=30d, or --sbh-to",
    "--sbh-tz=UTC": "--sbh-tz needs --sbh-simulate, such as --sbh-simulate=30d, or --sbh-to",
    "--sbh-report=r.html": "--sbh-report needs --sbh-simulate, such as --sbh-simulate=30d, or --sbh-to",
    "--sbh-to=2025-12-01": (
        "--sbh-to: the end 2025-12-01T00:00:00+00:00 is not after the start 2026-01-01T00:00:00+00:00"
    ),
    "--sbh-to=2026-02-01 --sbh-simulate=1mo": "--sbh-to: give an end or a duration, not both",
    "--sbh-to=9999-12-31": (
        "--sbh-to: 9999-12-31T00:00:00+00:00 is outside the years 1000 to 9998, in which jobs can be due"
    ),
    "--sbh-simulate=1d --sbh-from=0001-01-01": (
        "--sbh-from: 0001-01-01T00:00:00+00:00 is outside the years 1000 to 9998, in which jobs can be due"
    ),
    "-o sbh_simulate=soon": (
        "ini: sbh_simulate: 'soon' is not a duration; use a number and a unit (y, mo, w, d, h, m, s), "
        "such as '30d' or '12h'"
    ),
}


@pytest.mark.parametrize("arguments", WRONG)
def test_a_wrong_value(arguments, repository):
    """The error names the option, the value and what to do; nothing is collected."""
    repository.plugin(GREET)
    result = repository.run(*arguments.split())
    assert (result.ret, [line for line in result.errlines if line]) == (4, [f"ERROR: {WRONG[arguments]}"])


TO = {
    "an end": ("--sbh-to=2026-01-04", "simulating from 2026-01-01T00:00 to 2026-01-04", "simulated to 2026-01-04", 3),
    "an end and a start": (
        "--sbh-to=2026-03-01 --sbh-from=2026-02-27",
        "simulating from 2026-02-27 to 2026-03-01",
        "simulated to 2026-03-01",
        2,
    ),
    "the ini file": ("-o sbh_to=2026-01-03", "simulating from 2026-01-01T00:00 to 2026-01-03", "simulated to", 2),
    "in place of the ini file's length": (
        "-o sbh_simulate=9d --sbh-to=2026-01-03",
        "simulating from 2026-01-01T00:00 to 2026-01-03",
        "simulated to 2026-01-03",
        2,
    ),
    "in place of the ini file's end": (
        "-o sbh_to=2026-01-03 --sbh-simulate=1mo",
        "simulating 1mo from 2026-01-01T00:00",
        "simulated 1mo",
        31,
    ),
    "a year": ("--sbh-simulate=1y", "simulating 1y from 2026-01-01T00:00", "simulated 1y", 365),
}


@pytest.mark.parametrize(("arguments", "head", "end", "runs"), TO.values(), ids=TO)
def test_an_end_in_place_of_a_length(repository, arguments, head, end, runs):
    """As on the command line; a month and a year are lengths, too."""
    repository.plugin(GREET)
    result = repository.run(*arguments.split())
    assert f"sbh: {head}" in result.outlines
    assert f" {end}" in result.stdout.str()
    assert f"1 job, {runs} runs, all as expected" in result.stdout.str()


def test_a_job_that_is_not_due_before_the_end(repository):
    """It is skipped, and the reason says when it is due next."""
    repository.plugin(GREET.replace("0 6 * * *", "0 6 31 * *"))
    shown = repository.run("--sbh-to=2026-01-03", "-rs").stdout.str()
    assert "not due before 2026-01-03; next at 2026-01-31 06:00 UTC" in shown


def test_a_report_that_cannot_be_written(repository):
    """The runs are shown, and the session fails."""
    repository.plugin(GREET)
    result = repository.run("--sbh-simulate=1d", "--sbh-report=main.py/report.html")
    assert "ERROR: cannot write the report to 'main.py/report.html': File exists" in result.outlines
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_a_report_of_nothing(repository):
    """If every job is deselected, no report is written, and the session fails."""
    repository.plugin(GREET)
    repository.write({"test_it.py": "def test_it(): ...\n"})
    result = repository.run("--sbh-simulate=1d", "--sbh-report=report.html", "-k", "test_it")
    assert "ERROR: no report was written, because nothing was simulated" in result.outlines
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_the_report(repository):
    """The report of one plugin is written to the given file; its folder is created."""
    repository.plugin(GREET)
    result = repository.run("--sbh-simulate=2d", "--sbh-report=build/sbh/report.html")
    assert "report: build/sbh/report.html" in result.outlines
    assert "<h1>2 runs, all as expected</h1>" in (repository.path / "build/sbh/report.html").read_text()


def test_two_plugins_of_one_slug(repository):
    """Their reports are numbered."""
    for folder in ("a", "b"):
        repository.plugin(GREET, folder)
    result = repository.run("--sbh-simulate=1d", "--sbh-report=r.html")
    assert [line for line in result.outlines if "report:" in line or "1 job" in line] == [
        "greeter (a/plugin.json): 1 job, 1 run, all as expected",
        "greeter (b/plugin.json): 1 job, 1 run, all as expected",
        "report: r-greeter.html",
        "report: r-greeter-2.html",
    ]


INI = {
    "pytest.ini": "[pytest]\nsbh_simulate = 3d\nsbh_from = 2026-03-01\nsbh_tz = Europe/Paris\nsbh_plugin = plugins/a\n",
    "pyproject.toml": (
        "[tool.pytest.ini_options]\n"
        'sbh_simulate = "3d"\nsbh_from = "2026-03-01"\nsbh_tz = "Europe/Paris"\nsbh_plugin = "plugins/a"\n'
    ),
}
NATIVE = INI["pyproject.toml"].replace("tool.pytest.ini_options", "pytest")


@pytest.mark.parametrize("file", [*INI, "pytest.toml"])
def test_settings(file, repository):
    """Every ini file of pytest takes the settings; relative paths start at its folder."""
    if file == "pytest.toml" and pytest.version_tuple < (9,):
        file, text = "pytest.ini", INI["pytest.ini"]  # native TOML came with pytest 9
    else:
        text = INI.get(file, NATIVE)
    for name in ("a", "b"):
        repository.plugin(GREET, f"plugins/{name}", name)
    repository.write({file: text})
    result = repository.run("-v")
    assert f"{HEAD} 3d from 2026-03-01 in Europe/Paris" in result.outlines
    assert "a: 1 job, 3 runs, all as expected" in result.outlines
    result.assert_outcomes(passed=1)


def test_the_command_line_wins(repository):
    """An option overrides the setting, and an empty option turns it off."""
    repository.plugin(GREET)
    repository.write({"pytest.ini": INI["pytest.ini"].replace("sbh_plugin = plugins/a\n", "")})
    assert f"{HEAD} 1d from 2026-03-01 in Europe/Paris" in repository.run("--sbh-simulate=1d").outlines
    assert repository.run("--sbh-simulate=").ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_test_folders_of_the_ini_file(repository):
    """A plugin at the root is simulated although `testpaths` names other folders."""
    repository.plugin(GREET)
    repository.write({"pytest.ini": "[pytest]\ntestpaths = tests\n", "tests/test_it.py": "def test_it(): ...\n"})
    repository.run("--sbh-simulate=1d").assert_outcomes(passed=2)
    repository.run("--sbh-simulate=1d", "-p", "xdist.plugin", "-n", "2").assert_outcomes(passed=2)


def test_a_setting_needs_no_plugin_if_paths_are_given(repository):
    """The setting allows a run of one test file without a plugin; the option does not."""
    repository.write({"pytest.ini": "[pytest]\nsbh_simulate = 3d\n", "test_it.py": "def test_it(): ...\n"})
    assert repository.run("test_it.py").ret == pytest.ExitCode.OK
    assert repository.run().ret == pytest.ExitCode.USAGE_ERROR
    assert repository.run("test_it.py", "--sbh-simulate=3d").ret == pytest.ExitCode.USAGE_ERROR


def test_a_zip_where_pytest_does_not_look(repository):
    """A plugin of `--sbh-plugin` is simulated also in a folder that pytest skips, such as `dist`."""
    import zipfile

    repository.write({"dist/test_no.py": "def test_no(): ...\n"})
    with zipfile.ZipFile(repository.path / "dist/greeter.zip", "w") as package:
        package.writestr("plugin.json", '{"slug": "greeter", "name": "Greeter"}')
        package.writestr("main.py", GREET)
    result = repository.run("--sbh-simulate=1d", "--sbh-plugin=dist/greeter.zip")
    assert "greeter: 1 job, 1 run, all as expected" in result.outlines


def test_help(repository):
    """Every option and every setting has a line in `pytest --help`."""
    output = repository.run("--help").stdout.str()
    for name in ("simulate", "from", "tz", "plugin", "report"):
        assert f"--sbh-{name}=" in output
        assert f"sbh_{name} (string)" in output
    assert "--sbh-update" in output
