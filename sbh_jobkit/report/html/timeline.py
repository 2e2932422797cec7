"""The timeline: one track for each job, one mark for each run; tall if it needs attention, low and pale if marks touch.

All marks of a track with the same sign are one path, so 43,200 runs stay small and quick to draw. The drawing has no
fixed width: paths stretch with the page (their strokes do not), signs and labels stand at percentages.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

from markupsafe import Markup

from sbh_jobkit.report.html.grid import FOOT, HEAD, grid, percent
from sbh_jobkit.report.template import render
from sbh_jobkit.report.text import clip, count, escape, format_time
from sbh_jobkit.report.verdicts import SIGNS, Sign, sign_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sbh_jobkit.report.axis import Axis
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.installed import InstalledJob

MOST_TRACKS = 200
"""Beyond this many jobs, those with failures come first and a note says how many are not drawn."""

_HEIGHTS = ((12, 30), (30, 22), (MOST_TRACKS, 14))
_BLOCK = 25
_FINEST = 50_000
_MOST_MARKS = 1_000_000
_MOST_SIGNS = 2_000
_WIDTH = 450
"""How many strokes fit side by side in a track on a laptop."""
_CLOSEST = 0.012
"""Two signs with less than this share of the width between them would overlap."""
_CROWDED = 0.5
_THIN = 0.16
_MOST_REASONS = 3
_MOST_TEXT = 300


def timeline(jobs: Sequence[InstalledJob], runs: Sequence[Run], axis: Axis, sections: Mapping[int, Run]) -> Markup:
    """Draw the runs on their tracks; runs in `sections`, by number, link to their section."""
    tracks = choose_tracks(jobs)
    if not tracks:
        return render("timeline", blocks=[], note="")
    drawing = Drawing.from_runs(tracks, runs, axis, sections)
    size = ceil(len(tracks) / ceil(len(tracks) / _BLOCK))
    blocks = [tracks[first : first + size] for first in range(0, len(tracks), size)]
    return render(
        "timeline",
        note=_left_out(jobs, tracks),
        height=drawing.height,
        blocks=[
            {"jobs": jobs, "height": drawing.total(len(jobs)), "plot": Markup(drawing.plot(jobs))}  # noqa: S704
            for jobs in blocks
        ],
    )


def choose_tracks(jobs: Sequence[InstalledJob], *, most: int = MOST_TRACKS) -> list[InstalledJob]:
    """Choose the jobs that get a track: all in their order, or, if there are too many, first the jobs with failures."""
    if len(jobs) <= most:
        return list(jobs)
    return sorted(jobs, key=lambda job: not job.tally.failures)[:most]


def track_height(tracks: int) -> int:
    """Return the height of a track in pixels, for a number of tracks."""
    return next(height for most, height in _HEIGHTS if tracks <= most)


def _left_out(jobs: Sequence[InstalledJob], tracks: Sequence[InstalledJob]) -> str:
    missing = len(jobs) - len(tracks)
    if not missing:
        return ""
    failing = sum(bool(job.tally.failures) for job in jobs) - sum(bool(job.tally.failures) for job in tracks)
    which = f"{failing:,} of them with failures" if failing else "none of them with failures"
    return f"{count(missing, 'job')} not drawn, {which}; failing jobs come first. The table below has them all."


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """The positions of all marks of some jobs."""

    axis: Axis
    units: int
    """The width of the drawing in units; marks at the same unit are drawn once."""
    height: int
    """The height of a track, in pixels."""
    marks: Mapping[tuple[str, str], set[int]]
    """The positions of marks, by job and verdict."""
    pins: Mapping[str, Sequence[tuple[int, Run]]]
    """Runs that link to a section, with its number, by job."""
    expected: Mapping[str, Sequence[Sequence[Run]]]
    """Runs that failed as expected, by job; runs that are too close together share a sign."""

    @classmethod
    def from_runs(
        cls,
        tracks: Sequence[InstalledJob],
        runs: Sequence[Run],
        axis: Axis,
        sections: Mapping[int, Run],
        *,
        finest: int = _FINEST,
    ) -> Drawing:
        """Compute the position of each mark, from 0 to `finest` at most."""
        drawn = {job.name for job in tracks}
        units = min(finest, _MOST_MARKS // len(tracks))
        marks: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        expected: defaultdict[str, list[Run]] = defaultdict(list)
        for run in runs:
            if run.job in drawn:
                verdict = sign_of(run).verdict
                marks[run.job, verdict].add(round(axis.share(run.fire_time) * units))
                if verdict == "expected":
                    expected[run.job].append(run)
        pins: defaultdict[str, list[tuple[int, Run]]] = defaultdict(list)
        for number, run in sections.items():
            pins[run.job].append((number, run))
        apart = max(_CLOSEST, len(tracks) / _MOST_SIGNS)
        merged = {job: _merged(members, axis, apart) for job, members in expected.items()}
        return cls(axis=axis, units=units, height=track_height(len(tracks)), marks=marks, pins=pins, expected=merged)

    def total(self, tracks: int) -> int:
        """Return the height of a number of tracks with their ticks."""
        return HEAD + self.height * tracks + FOOT

    def middle(self, track: int) -> int:
        """Return the distance of the middle of a track from the top."""
        return HEAD + self.height * track + self.height // 2

    def plot(self, tracks: Sequence[InstalledJob]) -> str:
        """Draw the tracks without their names, as the content of an SVG element."""
        total = self.total(len(tracks))
        inner = total - HEAD
        lines = "".join(f'<line class="rule" x2="100%" y1="{y}" y2="{y}"/>' for y in range(HEAD, total, self.height))
        paths = "".join(self._path(job, sign, n) for sign in SIGNS.values() for n, job in enumerate(tracks))
        signs = "".join(
            self._sign(group, n) for n, job in enumerate(tracks) for group in self.expected.get(job.name, ())
        )
        links = "".join(
            self._pin(number, run, n) for n, job in enumerate(tracks) for number, run in self.pins.get(job.name, ())
        )
        return (
            f"{''.join(grid(self.axis, total))}{lines}"
            f'<svg y="{HEAD}" width="100%" height="{inner}" viewBox="0 0 {self.units} {inner}"'
            f' preserveAspectRatio="none" aria-hidden="true">{paths}</svg>{signs}{links}'
        )

    def _path(self, job: InstalledJob, sign: Sign, track: int) -> str:
        places = sorted(self.marks.get((job.name, sign.verdict), ()))
        if not places:
            return ""
        crowded = sum(min(right - left, self.units / _WIDTH) for left, right in pairwise(places)) > (
            _CROWDED * self.units
        )
        high = max(3, round((self.height - 5) * (_THIN if crowded and sign.verdict == "ok" else sign.reach)))
        low = (track + 1) * self.height - 2
        steps = [f"M{places[0]} {low}v-{high}"]
        steps += [f"m{right - left} {high}v-{high}" for left, right in pairwise(places)]
        dense = " dense" if crowded else ""
        return f'<path class="marks v-{sign.verdict}{dense}" d="{"".join(steps)}"/>'

    def _sign(self, group: Sequence[Run], track: int) -> str:
        first, last = group[0], group[-1]
        sign = sign_of(first)
        reasons = list(dict.fromkeys(clip(run.expected or "", _MOST_TEXT) for run in group))
        more = ["…"] if len(reasons) > _MOST_REASONS else []
        when = format_time(first.fire_time) + (f" to {format_time(last.fire_time)}" if len(group) > 1 else "")
        what = f"{count(len(group), 'run')} {sign.word}: {'; '.join([*reasons[:_MOST_REASONS], *more])}"
        x = percent((self.axis.share(first.fire_time) + self.axis.share(last.fire_time)) / 2)
        return (
            f'<svg class="pin v-{sign.verdict}" x="{x}" y="{HEAD + track * self.height}" overflow="visible" role="img">'
            f"<title>{escape(f'{what} ({first.job}, {when})')}</title>"
            f'<rect class="hit" x="-7" y="1" width="14" height="{self.height - 2}"/>'
            f'<path class="hollow" transform="translate(0 7)" d="{sign.shape}"/></svg>'
        )

    def _pin(self, number: int, run: Run, track: int) -> str:
        sign = sign_of(run)
        label = f"{escape(run.job)}, {escape(format_time(run.fire_time))}: {sign.word}"
        kind = "hollow" if sign.hollow else "full"
        x, y = percent(self.axis.share(run.fire_time)), HEAD + track * self.height
        return (
            f'<svg class="pin v-{sign.verdict}" x="{x}" y="{y}" overflow="visible">'
            f'<a href="#run-{number}" aria-label="{label}"><title>{label}</title>'
            f'<rect class="hit" x="-7" y="1" width="14" height="{self.height - 2}" rx="3"/>'
            f'<path class="{kind}" transform="translate(0 7)" d="{sign.shape}"/></a></svg>'
        )


def _merged(runs: Sequence[Run], axis: Axis, apart: float) -> list[list[Run]]:
    """Group runs that are closer than `apart` to the first run of their group."""
    groups: list[list[Run]] = []
    start = -1.0
    for run in sorted(runs, key=lambda run: run.fire_time.timestamp()):
        share = axis.share(run.fire_time)
        if not groups or share - start >= apart:
            groups.append([])
            start = share
        groups[-1].append(run)
    return groups
