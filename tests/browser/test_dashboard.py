"""The dashboard, clicked."""

import re
from datetime import UTC, datetime

import pytest
from labpage import PATIENCE
from playwright.sync_api import expect

STORY = "notebooks/05_the_dashboard.ipynb"
CODE_OF_THE_FORECAST, DASHBOARD = 4, 8
YEAR = ("%load_ext sbh_jobkit\n%load_plugin examples/hub_ops", "%job_dashboard --for 365d")
INTERRUPTED = re.compile(r"interrupted after [\d,]+ of 28,169 runs, at 2026-\d\d-\d\d \d\d:\d\d UTC virtual time")
NOW = "from datetime import datetime, timezone\nprint(datetime.now(timezone.utc).isoformat())"


class Dashboard:
    """A dashboard, found by the text on its parts."""

    def __init__(self, lab, cell):
        """Find the dashboard of a cell."""
        self.lab = lab
        self.shown = lab.output(cell).locator(".jupyter-widgets.widget-vbox").first
        expect(self.shown).to_be_visible(timeout=PATIENCE)

    def button(self, name):
        """Return the button with a text."""
        return self.shown.locator(f'button.jupyter-button:has-text("{name}")').first

    def click(self, name):
        """Click a button when it is enabled."""
        self.button(name).click()

    def field(self, name):
        """Return the field with a label."""
        return self.shown.locator(f'.jupyter-widgets:has(> label:text-is("{name}")) >> :is(input, select)').first

    def wait_for(self, *texts):
        """Wait until the dashboard shows the texts."""
        for text in texts:
            expect(self.shown).to_contain_text(text, timeout=PATIENCE)

    def wait_for_runs(self):
        """Wait until some of the year's runs are done."""
        expect(self.shown).to_contain_text(re.compile(r"[1-9][\d,]* of 28,169 runs"), timeout=PATIENCE)

    def wait_for_end(self):
        """Wait until the simulation has ended."""
        expect(self.button("Simulate")).to_be_enabled(timeout=PATIENCE)
        expect(self.button("Stop")).to_be_disabled(timeout=PATIENCE)

    @property
    def alert(self):
        """The error that is shown."""
        return self.shown.locator('[role="alert"]')


@pytest.fixture
def year(lab):
    """Return the dashboard of a year of a plugin, which takes long to simulate."""
    lab.write(*YEAR, NOW)
    lab.run(0)
    lab.run(1)
    return Dashboard(lab, 1)


def test_the_static_output_shows_where_widgets_are_dead(lab):
    """A notebook that is opened but not run shows the saved simulation; working widgets hide it."""
    lab.open(STORY)
    static = lab.output(DASHBOARD).locator(".sbh-static")
    expect(static.locator("img")).to_be_visible(timeout=PATIENCE)
    expect(static).to_contain_text("2 of 750 runs failed")
    lab.cell(DASHBOARD).scroll_into_view_if_needed()
    lab.screenshot("dashboard-dead")
    lab.run_all()
    assert Dashboard(lab, DASHBOARD).shown.is_visible()
    expect(static.locator("img")).to_be_hidden()


def test_the_story_of_the_notebook_by_hand(lab):
    """Run, simulate, choose the failing run in four ways, and run it again with other code."""
    lab.open(STORY)
    lab.run_all()
    lab.run(CODE_OF_THE_FORECAST)  # the cell with the mistake
    board = Dashboard(lab, DASHBOARD)
    board.shown.scroll_into_view_if_needed()
    board.field("Job").select_option("forecast")
    board.click("Run")
    board.wait_for("ok forecast Thu 2026-01-01 00:00")
    lab.screenshot("dashboard-run")
    board.field("Job").select_option("all jobs")
    board.click("Simulate")
    board.wait_for_end()
    board.wait_for(
        "2 of 750 runs failed", "Next of 2 failing", "crashed forecast Fri 2026-01-09 06:15", "ZeroDivisionError"
    )
    lab.screenshot("dashboard-simulated")
    board.click("Next of 2 failing")
    board.wait_for("crashed forecast Thu 2026-01-22 06:15")
    slider = board.shown.locator(".widget-slider .noUi-handle")
    slider.press("ArrowLeft")
    board.wait_for("ok read_thermometer Thu 2026-01-22 06:00")
    timeline = board.shown.locator(".sbh-timeline")
    timeline.press("Home")
    board.wait_for("ok read_thermometer Thu 2026-01-01 00:00")
    board.click("Next of 2 failing")
    board.wait_for("crashed forecast Fri 2026-01-09 06:15")
    cursor, picture = timeline.locator(".sbh-cursor").bounding_box(), timeline.locator("img").bounding_box()
    spot = {axis: cursor[axis] + cursor[side] / 2 - picture[axis] for axis, side in (("x", "width"), ("y", "height"))}
    timeline.press("End")
    board.wait_for("ok read_thermometer Fri 2026-01-30 23:00")
    timeline.click(position=spot)
    board.wait_for("crashed forecast Fri 2026-01-09 06:15")
    board.shown.locator(".lm-TabBar-tab:has-text('After')").click()
    board.shown.locator(".widget-accordion .jupyter-widget-Collapse-header, .jupyter-widget-Collapse-header").click()
    code = board.shown.locator(".sbh-code textarea").first
    code.fill(code.input_value().replace("warm / all_day", "warm / all_day if all_day else 0.0"))
    board.click("Run again")
    board.wait_for("Compared with the world after the first run", "ok forecast Fri 2026-01-09 06:15", "forecast.made")
    lab.screenshot("dashboard-again", whole=True)
    expect(board.alert).to_have_count(0)
    assert lab.blank(board.shown) == []


def test_stop_half_way(lab, year):
    """The runs done so far are shown, and it can simulate again."""
    year.click("Simulate")
    expect(year.shown.locator(".widget-hprogress")).to_be_visible(timeout=PATIENCE)
    year.wait_for_runs()
    lab.screenshot("dashboard-going")
    year.click("Stop")
    year.wait_for_end()
    year.wait_for("stopped at 2026-", "virtual time")
    lab.screenshot("dashboard-stopped")
    expect(year.shown.locator(".widget-hprogress")).to_be_hidden()
    expect(year.shown.locator(".sbh-timeline img")).to_be_visible()
    year.field("For").fill("2d")
    year.click("Simulate")
    year.wait_for("155 runs")


def test_an_unknown_zone_is_shown_as_an_error(lab, year):
    """Below the button that was clicked; the next click removes it."""
    year.field("For").fill("1d")
    year.field("Zone").fill("Europe/Pariss")
    year.click("Simulate")
    expect(year.alert).to_contain_text("'Europe/Pariss'", timeout=PATIENCE)
    lab.screenshot("dashboard-bad-zone")
    expect(year.alert).not_to_contain_text("Traceback")
    year.field("Zone").fill("Europe/Paris")
    year.click("Simulate")
    year.wait_for("runs, all as expected")
    expect(year.alert).to_have_count(0)


def test_an_interrupt_of_the_kernel_ends_the_simulation(lab, year):
    """The dashboard reports it and can be used again; other cells have the machine's time."""
    year.click("Simulate")
    year.wait_for_runs()
    lab.interrupt()
    expect(year.alert).to_contain_text(INTERRUPTED, timeout=PATIENCE)
    year.wait_for_end()
    lab.screenshot("dashboard-interrupted")
    before = datetime.now(UTC)  # noqa: TID251  the machine's, to compare with
    now = datetime.fromisoformat(lab.run(2).inner_text().strip())
    assert before <= now <= datetime.now(UTC)  # noqa: TID251  the same
