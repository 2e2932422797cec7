"""Cells in JupyterLab: completion, interrupts, and outputs in the light and the dark theme."""

from datetime import UTC, datetime

from labpage import PATIENCE
from playwright.sync_api import expect

LOAD = "%load_ext sbh_jobkit\n%load_plugin examples/hub_ops"
JOBS = (
    *("clean_temp_files", "count_seats", "daily_report", "end_trials", "explain_failures"),
    *("index_projects", "sync_runners", "watch_queue", "weekly_digest"),
)
NOW = "from datetime import datetime, timezone\nprint(datetime.now(timezone.utc).isoformat())"


def machine_time(shown):
    """Return the time that a cell printed."""
    return datetime.fromisoformat(shown.inner_text().strip())


def test_outputs_are_readable_in_light_and_dark(lab):
    """The text of a preview, a failed run and a week has enough contrast, and all pictures show."""
    lab.write(
        LOAD,
        "%cron_preview 30 2 * * * --tz Europe/Paris --from 2026-03-27 --for 5d",
        "%run_job sync_runners --at 2026-01-12T09:30 --world examples/hello/world.py",
        "%simulate 7d --fault 'outage of=fleet.example start=2026-01-05T09:00 end=2026-01-05T11:00'",
    )
    lab.run_all()
    expect(lab.output(2)).to_contain_text("failed")
    expect(lab.output(3)).to_contain_text("541 runs, 4 of them failed because of injected faults")
    expect(lab.notebook.locator(".jp-OutputArea-output img")).to_have_count(2)
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        lab.theme(theme)
        lab.screenshot(theme.rpartition(" ")[2].lower(), whole=True)
        assert (lab.pale(lab.notebook), lab.blank(lab.notebook)) == ([], [])


def test_the_stop_button_ends_a_simulation(lab):
    """The cell shows one line and no bar; the next cell works, at the machine's time."""
    lab.write(LOAD, "year = %simulate 365d", NOW, "%run_job count_seats --at 2026-02-01")
    lab.run(0)
    lab.begin(1)
    expect(lab.output(1).locator("progress")).to_be_visible(timeout=PATIENCE)
    lab.screenshot("bar")
    lab.interrupt()
    output = lab.end(1)
    lab.screenshot("interrupted")
    assert output.inner_text().strip().startswith("KeyboardInterrupt: interrupted after ")
    assert len(output.inner_text().strip().splitlines()) == 1
    expect(output.locator("progress")).to_have_count(0)
    before = datetime.now(UTC)  # noqa: TID251  the machine's, to compare with
    assert before <= machine_time(lab.run(2)) <= datetime.now(UTC)  # noqa: TID251  the same
    expect(lab.run(3)).to_contain_text("ok count_seats")


def test_jobs_are_offered_behind_a_magic(lab):
    """Tab offers the names of the jobs, and completes one."""
    lab.write(LOAD, "%run_job ", "%cron_preview week")
    lab.run(0)
    offered = lab.page.locator(".jp-Completer .jp-Completer-match")
    lab.complete(1)
    expect(offered.first).to_be_visible(timeout=PATIENCE)
    lab.screenshot("completion")
    assert tuple(offered.all_inner_texts()[: len(JOBS)]) == JOBS  # followed by words of the cell
    lab.page.keyboard.press("Escape")
    lab.complete(2)
    expect(offered.first).to_have_text("weekly_digest", timeout=PATIENCE)
    lab.page.keyboard.press("Enter")
    expect(lab.cell(2).locator(".cm-content")).to_have_text("%cron_preview weekly_digest", timeout=PATIENCE)
