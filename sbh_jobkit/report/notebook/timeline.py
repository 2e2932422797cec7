"""The timeline as one drawing for notebooks: the tracks of the report, with the names of their jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from sbh_jobkit.report.html.grid import FOOT, HEAD
from sbh_jobkit.report.html.timeline import Drawing, choose_tracks, track_height
from sbh_jobkit.report.notebook.svg import FONT, INKS, document, img
from sbh_jobkit.report.text import count, escape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sbh_jobkit.report.axis import Axis
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.installed import InstalledJob

_WIDTH = 900
_NAMES = 150
_GAP = 10
_PLOT = _WIDTH - _NAMES - _GAP - 8
_MOST_NAME = 22
_FINEST = 1_480
"""Places for marks: two in each pixel."""
_MOST_TRACKS = 40
_RULES = f"""
text{{{FONT};font-size:12px;fill:{INKS["text"]}}}
.when{{font-size:11px}}
.tick{{stroke:{INKS["grid"]};stroke-opacity:.6}}
.rule,.small{{stroke:{INKS["grid"]};stroke-opacity:.25}}
.change{{stroke:{INKS["text"]};stroke-dasharray:3 3}}
.weekend{{fill:{INKS["grid"]};fill-opacity:.12}}
.hit{{fill:none}}
.marks{{fill:none;stroke:currentColor;stroke-width:2px;vector-effect:non-scaling-stroke}}
.marks.dense{{stroke-width:1px}}
.full{{fill:currentColor}}
.hollow{{fill:none;stroke:currentColor;stroke-width:2}}
"""


def tracks_drawing(
    jobs: Sequence[InstalledJob], runs: Sequence[Run], axis: Axis, sections: Mapping[int, Run]
) -> Markup:
    """Draw the runs on their tracks, as the report does; empty where there is no job."""
    tracks = Tracks.from_jobs(jobs, axis)
    if not tracks.jobs:
        return Markup()
    left_out = len(jobs) - len(tracks.jobs)
    note = Markup("<p>and {}, not drawn</p>").format(count(left_out, "more job")) if left_out else ""
    return tracks.draw(runs, sections) + note


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracks:
    """The jobs that get a track, and where a run is on the drawing; positions are shares of its width and height."""

    jobs: Sequence[InstalledJob]
    axis: Axis

    @classmethod
    def from_jobs(cls, jobs: Sequence[InstalledJob], axis: Axis) -> Tracks:
        """Choose the tracks."""
        return cls(jobs=choose_tracks(jobs, most=_MOST_TRACKS), axis=axis)

    def draw(self, runs: Sequence[Run], sections: Mapping[int, Run]) -> Markup:
        """Draw the runs; those in `sections` get a sign."""
        jobs = self.jobs
        drawing = Drawing.from_runs(jobs, runs, self.axis, sections, finest=_FINEST)
        verdicts = {verdict for _, verdict in drawing.marks}
        colours = "".join(f".v-{verdict}{{color:{INKS[verdict]}}}" for verdict in INKS if verdict in verdicts)
        height = drawing.total(len(jobs))
        names = "".join(
            f'<text x="0" y="{drawing.middle(place) + 4}">{escape(_short(job.name))}</text>'
            for place, job in enumerate(jobs)
        )
        plot = f'<svg x="{_NAMES + _GAP}" width="{_PLOT}" height="{height}" overflow="visible">'
        svg = document(_WIDTH, height, _RULES + colours, f"{names}{plot}{drawing.plot(jobs)}</svg>")
        return img(svg, f"{count(len(runs), 'run')} of {count(len(jobs), 'job')} on a timeline")

    def spot(self, run: Run) -> tuple[float, float, float] | None:
        """Return the position of a run's mark: left, top and height; None for a job without a track."""
        places = [place for place, job in enumerate(self.jobs) if job.name == run.job]
        if not places:
            return None
        left = (_NAMES + _GAP + self.axis.share(run.fire_time) * _PLOT) / _WIDTH
        return left, (HEAD + places[0] * self._height) / self._total, self._height / self._total

    def nearest(self, left: float, top: float, runs: Sequence[Run]) -> int | None:
        """Return the index of the run nearest to a point, in the track of the point."""
        if not self.jobs:
            return None
        track = int((top * self._total - HEAD) // self._height)
        job = self.jobs[min(max(track, 0), len(self.jobs) - 1)].name
        share = (left * _WIDTH - _NAMES - _GAP) / _PLOT
        of_job = [place for place, run in enumerate(runs) if run.job == job]
        return min(of_job, key=lambda place: abs(self.axis.share(runs[place].fire_time) - share), default=None)

    @property
    def _height(self) -> int:
        return track_height(len(self.jobs))

    @property
    def _total(self) -> int:
        return HEAD + self._height * len(self.jobs) + FOOT


def _short(name: str) -> str:
    return name if len(name) <= _MOST_NAME else f"{name[: _MOST_NAME - 1]}…"
