"""The dashboard, clicked."""

import re
from datetime import UTC, datetime

import pytest
from labpage import PATIENCE
from playwright.sync_api import expect

STORY = "notebooks/05_the_dashboard.ipynb"
CODE_OF_THE_FORECAST, DASHBOARD = 4, 8
YEAR = ("%load_ext sbh_jobkit\n%load_plugin examples/hub_ops", "%job_dashboard --for 365d")
NOW = "from datetime import datetime, timezone\nprint(datetime.now(timezone.utc).isoformat())"


class Dashboard:
    """What a cell shows, by the words on it."""

    def __init__(self, lab, cell):
        """Find it."""
        self.lab = lab
        self.shown = lab.output(cell).locator(".jupyter-widgets.widget-vbox").first
        expect(self.shown).to_be_visible(timeout=PATIENCE)

    def button(self, name):
        """Return a button."""
        return self.shown.locator(f'button.jupyter-button:has-text("{name}")').first

    def click(self, name):
        """Click a button, once it can be."""
        self.button(name).click()

    def field(self, name):
        """Return what is filled in behind a word."""
        return self.shown.locator(f'.jupyter-widgets:has(> label:text-is("{name}")) >> :is(input, select)').first

    def tells(self, *texts):
        """Wait until it shows texts."""
        for text in texts:
            expect(self.shown).to_contain_text(text, timeout=PATIENCE)

    def is_going(self):
        """Wait until some of the year's runs are done."""
        expect(self.shown).to_contain_text(re.compile(r"[1-9][\d,]* of 28,169 runs"), timeout=PATIENCE)

    def is_done(self):
        """Wait until what was begun is done."""
        expect(self.button("Simulate")).to_be_enabled(timeout=PATIENCE)
        expect(self.button("Stop")).to_be_disabled(timeout=PATIENCE)

    @property
    def alert(self):
        """What went wrong."""
        return self.shown.locator('[role="alert"]')


@pytest.fixture
def year(lab):
    """Return the dashboard of a plugin and of a year, which takes long."""
    lab.write(*YEAR, NOW)
    lab.run(0)
    lab.run(1)
    return Dashboard(lab, 1)


def test_what_it_came_to_is_seen_where_its_widgets_are_dead(lab):
    """A notebook that is opened, and not run, shows what was simulated when it was saved; widgets that live hide it."""
    lab.open(STORY)
    still = lab.output(DASHBOARD).locator(".sbh-still")
    expect(still.locator("img")).to_be_visible(timeout=PATIENCE)
    expect(still).to_contain_text("2 of 750 runs failed")
    lab.cell(DASHBOARD).scroll_into_view_if_needed()
    lab.screenshot("dashboard-dead")
    lab.run_all()
    assert Dashboard(lab, DASHBOARD).shown.is_visible()
    expect(still.locator("img")).to_be_hidden()


def test_the_story_of_the_notebook_by_hand(lab):
    """Run, simulate, go to the run that failed in four ways, and run it again with other code."""
    lab.open(STORY)
    lab.run_all()
    lab.run(CODE_OF_THE_FORECAST)  # as it was before it was mended
    board = Dashboard(lab, DASHBOARD)
    board.shown.scroll_into_view_if_needed()
    board.field("Job").select_option("forecast")
    board.click("Run")
    board.tells("ok forecast Thu 2026-01-01 00:00")
    lab.screenshot("dashboard-run")
    board.field("Job").select_option("all jobs")
    board.click("Simulate")
    board.is_done()
    board.tells(
        "2 of 750 runs failed", "Next of 2 failing", "crashed forecast Fri 2026-01-09 06:15", "ZeroDivisionError"
    )
    lab.screenshot("dashboard-simulated")
    board.click("Next of 2 failing")
    board.tells("crashed forecast Thu 2026-01-22 06:15")
    slider = board.shown.locator(".widget-slider .noUi-handle")
    slider.press("ArrowLeft")
    board.tells("ok read_thermometer Thu 2026-01-22 06:00")
    timeline = board.shown.locator(".sbh-timeline")
    timeline.press("Home")
    board.tells("ok read_thermometer Thu 2026-01-01 00:00")
    board.click("Next of 2 failing")
    board.tells("crashed forecast Fri 2026-01-09 06:15")
    cursor, picture = timeline.locator(".sbh-cursor").bounding_box(), timeline.locator("img").bounding_box()
    spot = {axis: cursor[axis] + cursor[side] / 2 - picture[axis] for axis, side in (("x", "width"), ("y", "height"))}
    timeline.press("End")
    board.tells("ok read_thermometer Fri 2026-01-30 23:00")
    timeline.click(position=spot)
    board.tells("crashed forecast Fri 2026-01-09 06:15")
    board.shown.locator(".lm-TabBar-tab:has-text('After')").click()
    board.shown.locator(".widget-accordion .jupyter-widget-Collapse-header, .jupyter-widget-Collapse-header").click()
    code = board.shown.locator(".sbh-code textarea").first
    code.fill(code.input_value().replace("warm / all_day", "warm / all_day if all_day else 0.0"))
    board.click("Run it again")
    board.tells("Not as the first time", "ok forecast Fri 2026-01-09 06:15", "forecast.made")
    lab.screenshot("dashboard-again", whole=True)
    expect(board.alert).to_have_count(0)
    assert lab.blank(board.shown) == []


def test_stop_half_way(lab, year):
    """What was done until then is there to look at, and it can begin again."""
    year.click("Simulate")
    expect(year.shown.locator(".widget-hprogress")).to_be_visible(timeout=PATIENCE)
    year.is_going()
    lab.screenshot("dashboard-going")
    year.click("Stop")
    year.is_done()
    year.tells("stopped at 2026-", "virtual time")
    lab.screenshot("dashboard-stopped")
    expect(year.shown.locator(".widget-hprogress")).to_be_hidden()
    expect(year.shown.locator(".sbh-timeline img")).to_be_visible()
    year.field("For").fill("2d")
    year.click("Simulate")
    year.tells("155 runs")


def test_a_zone_that_does_not_exist_is_told(lab, year):
    """Where the click was; what is right again takes it away."""
    year.field("For").fill("1d")
    year.field("Zone").fill("Europe/Pariss")
    year.click("Simulate")
    expect(year.alert).to_contain_text("'Europe/Pariss'", timeout=PATIENCE)
    lab.screenshot("dashboard-bad-zone")
    expect(year.alert).not_to_contain_text("Traceback")
    year.field("Zone").fill("Europe/Paris")
    year.click("Simulate")
    year.tells("runs, all as expected")
    expect(year.alert).to_have_count(0)


def test_an_interrupt_of_the_kernel_ends_what_the_dashboard_does(lab, year):
    """It says so, is ready again, and other cells have the machine's time."""
    year.click("Simulate")
    year.is_going()
    lab.interrupt()
    expect(year.alert).to_contain_text("interrupted at 2026-", timeout=PATIENCE)
    year.is_done()
    lab.screenshot("dashboard-interrupted")
    before = datetime.now(UTC)  # noqa: TID251  the machine's, to compare with
    told = datetime.fromisoformat(lab.run(2).inner_text().strip())
    assert before <= told <= datetime.now(UTC)  # noqa: TID251  the same
