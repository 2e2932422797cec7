"""Ten mistakes in the example plugin: `pytest --sbh-simulate=60d` fails for each, and its output names the mistake."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

HUB_OPS = Path(__file__).parents[2] / "examples/hub_ops"
SIMULATED = "hub-ops: 9 jobs, 4,631 runs, all as expected (2 expected failures)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """A mistake, and lines of the screen that together name it."""

    replace: tuple[tuple[str, str, str], ...]
    """File, text and its replacement."""
    shows: tuple[str, ...]
    first: str = "plugin.json"
    """What finds the mistake and runs first: the simulation, or the plugin's own tests."""

    def apply(self, folder):
        """Make the mistake in a copy of the plugin."""
        for name, text, by in self.replace:
            file = folder / name
            source = file.read_text()
            found = source.count(text)
            assert found == 1, f"{name} of hub_ops has {text!r} {found} times, and a mutation needs it once: fix TABLE"
            file.write_text(source.replace(text, by))


TABLE = {
    "wrong cron": Mutation(
        first="tests",
        replace=(("plugin.json", '"0 9 * * 1"', '"0 9 * * 0"'), ("reports.py", '"0 9 * * 1"', '"0 9 * * 0"')),
        shows=(
            "___________ test_a_job_is_due_when_people_count_on_it[weekly_digest] ___________",
            "E       AssertionError: assert 'at 09:00 on Sundays (UTC)' == 'at 09:00 on Mondays (UTC)'",
        ),
    ),
    "swapped filter": Mutation(
        first="tests",
        replace=(("reports.py", '"$gte": yesterday.isoformat(), "$lt"', '"$lt": yesterday.isoformat(), "$gte"'),),
        shows=(
            "___________________ test_daily_report_counts_yesterday_only ____________________",
            '        """Of four builds two were yesterday\'s, and one of those failed."""',
            "E         {'builds': 0} != {'builds': 2}",
        ),
    ),
    "missing permission": Mutation(
        replace=(("plugin.json", '"files.write", ', ""),),
        shows=(
            "main.py:17, 0 1 * * *: 60 of 60 runs failed",
            "    main.py:24: ctx.files.delete needs the permission 'files.write', which",
            '      try: add "files.write" to "permissions" in plugin.json',
        ),
    ),
    "off-by-one day": Mutation(
        first="tests",
        replace=(("main.py", "timedelta(days=30)", "timedelta(days=31)"),),
        shows=(
            "______________ test_clean_up_deletes_the_old_and_keeps_the_young _______________",
            '        """A temp file of 31 days is deleted; one of 29 days and files outside temp/ are kept."""',
            "E         Left contains one more item: 'temp/young.log'",
        ),
    ),
    "naive and aware": Mutation(
        replace=(
            ("main.py", "import datetime, timedelta", "import UTC, datetime, timedelta"),
            ("main.py", "cutoff = datetime.now()", "cutoff = datetime.now(UTC)"),
        ),
        shows=(
            "main.py:17, 0 1 * * *: 60 of 60 runs failed",
            "    can't compare offset-naive and offset-aware datetimes",
            "      Clean-up stopped after 0 files: can't compare offset-naive and offset-aware datetimes",
        ),
    ),
    "wrong key": Mutation(
        replace=(("main.py", 'user["trial_ends"]', 'user["trial_end"]'),),
        shows=("main.py:69, 0 4 * * *: 60 of 60 runs failed", "    main.py:76: KeyError: 'trial_end'"),
    ),
    "forgotten offset": Mutation(
        replace=(("main.py", ", offset=seen", ""),),
        shows=(
            "main.py:69, 0 4 * * *: 60 of 60 runs failed",
            "    timed out: the limit is 30 s, passed at main.py:74",
        ),
    ),
    "fold-day double charge": Mutation(
        first="tests",
        replace=(
            ("plugin.json", '"0 0 1 * *"', '"0 * 1 * *"'),
            ("main.py", '"0 0 1 * *"', '"0 * 1 * *"'),
            ("main.py", "    seats = {plan", "    if datetime.now().hour:\n        return None\n    seats = {plan"),
        ),
        shows=(
            "____________ test_seats_are_charged_once_when_midnight_comes_twice _____________",
            "E         Left contains one more item: '2026-11-01 00:00 CST seats.counted'",
        ),
    ),
    "secret printed": Mutation(
        replace=(("main.py", "    runners = response", '    print(f"asked {url} as {key}")\n    runners = response'),),
        shows=(
            "main.py:35, */30 * * * *: 2,878 of 2,880 runs failed",
            "    main.py:48: secret 'FLEET_API_KEY' is in what the job printed",
            "      asked ‹secret:FLEET_API_URL› as ‹secret:FLEET_API_KEY›",
        ),
    ),
    "API error ignored": Mutation(
        replace=(("main.py", '"error", "error": f"fleet API: {reason}"}', '"success", "runners": 0, "busy": 0}'),),
        shows=(
            "main.py:35, */30 * * * *: 2 of 2,880 runs failed",
            "    it was expected to fail (the fleet API is down for maintenance), and did not",
            "      The fleet API did not answer: HTTP 503",
        ),
    ),
}


@pytest.fixture
def hub_ops(repository):
    """Return a copy of the example."""
    shutil.copytree(HUB_OPS, repository.path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    return repository


def test_the_example_passes(hub_ops):
    """Sixty days and its own tests, and nothing fails."""
    result = hub_ops.run("--sbh-simulate=60d")
    assert result.ret == pytest.ExitCode.OK
    assert SIMULATED in result.outlines


@pytest.mark.parametrize("mistake", TABLE)
def test_a_mistake_is_named(hub_ops, mistake):
    """The output of the first failure names the mistake, in these lines and in this order."""
    TABLE[mistake].apply(hub_ops.path)
    first, shows = TABLE[mistake].first, TABLE[mistake].shows
    then = "tests" if first == "plugin.json" else "plugin.json"
    result = hub_ops.run("--sbh-simulate=60d", "-x", first, then)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert tuple(line for line in result.outlines if line in shows)[: len(shows)] == shows
