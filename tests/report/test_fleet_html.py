"""The HTML report of a fleet."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from html.parser import HTMLParser

import pytest

from sbh_jobkit import FleetSimulation, Installation, Outcome, Run
from sbh_jobkit.report.html.fleet import fleet_report
from sbh_jobkit.run.run import RunError
from sbh_jobkit.run.tally import Tally
from sbh_jobkit.schedule.times import zone
from sbh_jobkit.simulation.fleet.installation import NotSimulated
from sbh_jobkit.simulation.installed import InstalledJob

UTC = zone("UTC")
START = datetime(2026, 1, 1, tzinfo=UTC)
HOSTILE = "</p><script>alert('x')</script>\x1b[31mred\x07"
VOID = {"meta", "link", "br"}


class Page(HTMLParser):
    """A page as a strict reader sees it: its tags must balance."""

    def __init__(self, html):
        """Read the page."""
        super().__init__()
        self.open, self.ids, self.links, self.tags = [], [], [], set()
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        """Note a tag, its id and where it leads."""
        found = dict(attrs)
        self.tags.add(tag)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if "href" in found else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        """Note a tag that closes itself."""
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        """Close the innermost tag and no other."""
        assert self.open.pop() == tag


def ran(minutes, *, tenant="acme", error=None):
    """Return a run so many minutes after the start."""
    at = START + timedelta(minutes=minutes)
    return Run(
        tenant=tenant,
        plugin="shop",
        job="sell",
        fire_time=at,
        started_at=at,
        duration=timedelta(seconds=1),
        outcome=Outcome.CRASHED if error else Outcome.OK,
        error=RunError(type="KeyError", message=error) if error else None,
    )


def installed(runs, *, slug="shop", tenant="acme", days=1, **more):
    """Return an installation with one job."""
    job = InstalledJob(name="sell", schedule="* * * * *", english="every minute", tally=Tally.from_runs(runs))
    return Installation(
        path=f"plugins/{slug}",
        plugin=slug,
        name=slug.title(),
        tenant=tenant,
        start=START,
        end=START + timedelta(days=days),
        zone=UTC,
        jobs=(job,),
        **more,
    )


def written(*installations, **more):
    """Write the report of a fleet of these."""
    simulation = FleetSimulation(asked=len(installations), **more)
    for one in installations:
        simulation.add(one)
    return fleet_report(simulation, lambda kind: f"rerun {kind.path} {kind.group.first.job}")


def test_the_page_is_well_formed_and_its_links_have_targets():
    """Tags balance, ids are unique, each link leads to a place on the page, and nothing is loaded."""
    loud = installed([ran(0, error=HOSTILE), ran(5)], slug="loud")
    html = written(loud, installed([ran(0)]), NotSimulated(path=HOSTILE, tenant="acme", why=HOSTILE))
    page = Page(html)
    assert len(page.ids) == len(set(page.ids))
    assert {link for link in page.links if link.removeprefix("#") not in page.ids} == {"data:,"}
    assert "script" not in page.tags
    assert not re.search(r"[\x07\x1b]", html)


def test_failing_runs_come_first():
    """One section for those that failed in the same way, with their number, and the command that repeats the first."""
    html = written(
        installed([ran(0)], slug="calm"),
        installed([ran(0, tenant="a", error="tea"), ran(1, tenant="a", error="tea")], slug="loud", tenant="a"),
        installed([ran(2, tenant="b", error="tea")], slug="loud", tenant="b"),
    )
    assert "<h1>3 of 4 runs failed</h1>" in html
    assert html.index('id="failures"') < html.index('id="peaks"') < html.index('id="plugins"')
    shown = '<p class="more">This one was at a; 2 more failed like it, at 2 tenants in all, the last at <time datetime='
    assert [text in html for text in (shown, "rerun plugins/loud sell", "<h3>loud.sell</h3>")] == [True] * 3
    assert re.findall(r'<tr(?: class="bad")?><th scope="row">(\w+)<small>', html) == ["loud", "calm"]


def test_nothing_failed():
    """Then there is no section of failing runs."""
    html = written(installed([ran(0)]))
    assert "<h1>1 run, as expected</h1>" in html
    assert ('id="failures"' in html, '<header class="good">' in html) == (False, True)


def test_every_job_gets_a_section_before_any_gets_a_second():
    """Of too many kinds 50 have a section, and the jobs that have none are named."""
    many = [installed([ran(0, error="one"), ran(1, error="two")], slug=f"p{number:02}") for number in range(52)]
    html = written(*many)
    assert re.findall(r"<h3>(p\d\d)\.sell</h3>", html) == [f"p{number:02}" for number in range(50)]
    assert html.count("<details open") == 50
    assert '<p class="more">2 further failing jobs: p50.sell, p51.sell.</p>' in html
    html = written(*many[:30])
    assert (html.count("<details open"), html.count("KeyError: two")) == (50, 20)


def test_the_pile_up():
    """A bar a minute up to 720, each as high as its runs, and the busiest minutes by name."""
    html = written(installed([ran(0), ran(1), ran(1)]), installed([ran(1), ran(719)], slug="post"))
    assert "The busiest of 2 minutes to a bar." in html
    assert '<path class="bars" d="M0 5H0V2H1V5H359V4H360V5H720V5z"/>' in html
    assert "shop.sell ×2, post.sell" in html
    assert re.search(r'<a href="#minute-1" aria-label="Thu 2026-01-01 00:01: 3 runs">', html)
    assert "<td>1 time, last <time" not in html


def test_minutes_in_which_the_same_runs_start_stand_in_one_row():
    """With how often they come, and the last of them."""
    html = written(installed([ran(minutes) for minutes in (0, 60, 120)]))
    assert html.count('<tr id="minute-') == 1
    assert '<td>2 times, last <time datetime="2026-01-01T02:00:00+00:00">' in html


@pytest.mark.parametrize(("most", "top"), [(1, 1), (3, 5), (7, 10), (10, 10), (11, 20), (999, 1000)])
def test_the_scale_is_round(most, top):
    """Its upper end is 1, 2 or 5 with zeros."""
    html = written(installed([ran(0)] * most))
    assert f'viewBox="0 0 720 {top}"' in html


def test_no_run_started():
    """Then no minute is busier than another."""
    skipped = replace(ran(0), outcome=Outcome.SKIPPED, started_at=None)
    html = written(installed([skipped]))
    assert "<h1>1 run, as expected, but 1 skipped</h1>" in html
    assert "<p>No run started, so no minute is busier than another.</p>" in html


def test_many_plugins_are_folded_away():
    """Beyond 100 rows; the sum is of all."""
    html = written(*(installed([ran(0)], slug=f"p{number:03}") for number in range(103)))
    assert '<details class="quiet"><summary>3 more plugins</summary>' in html
    assert '<tfoot><tr><th scope="row">All plugins</th><td></td><td class="n">103</td><td class="n">103</td>' in html


def test_an_interrupted_fleet():
    """The headline and the header name it."""
    reached = START + timedelta(hours=2)
    html = written(installed([ran(0)]), installed([ran(0)], slug="post", reached=reached), interrupted=True)
    assert "<h1>Interrupted: 2 runs, all as expected</h1>" in html
    assert "<dt>Interrupted</dt><dd>1 of 2 installations done, post at acme up to 2026-01-01 02:00</dd>" in html


def test_the_day_clocks_change():
    """A fleet of one zone is shown in it, with the change as a line."""
    paris = zone("Europe/Paris")
    start = datetime(2026, 3, 28, tzinfo=paris)
    one = replace(installed([]), start=start, end=start + timedelta(days=3), zone=paris)
    html = written(one)
    assert "Clocks go forward on Sun 2026-03-29 (the dashed line): from +01:00 to +02:00." in html
