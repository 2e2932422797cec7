"""The timeline as a picture that stands alone: the lanes of the report, with the names of their jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.views.picture import FONT, INKS, document, img
from sbh_jobkit.views.timeline import Drawing, choose_lanes
from sbh_jobkit.views.words import count, safe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sbh_jobkit.run import Run
    from sbh_jobkit.views.axis import Axis
    from sbh_jobkit.views.rows import JobSummary

_WIDTH = 900
_NAMES = 150
_GAP = 10
_MOST_NAME = 22
_FINEST = 1_480
"""Places for marks: two in each pixel."""
_MOST_LANES = 40
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


def lanes_picture(summaries: Sequence[JobSummary], runs: Sequence[Run], axis: Axis, sections: Mapping[int, Run]) -> str:
    """Draw the runs on their lanes, as the report does; empty where there is no job."""
    lanes = choose_lanes(summaries, most=_MOST_LANES)
    if not lanes:
        return ""
    drawing = Drawing.of(lanes, runs, axis, sections, finest=_FINEST)
    verdicts = {verdict for _, verdict in drawing.marks}
    colours = "".join(f".v-{verdict}{{color:{INKS[verdict]}}}" for verdict in INKS if verdict in verdicts)
    height = drawing.total(len(lanes))
    names = "".join(
        f'<text x="0" y="{drawing.middle(place) + 4}">{safe(_short(job.name))}</text>'
        for place, job in enumerate(lanes)
    )
    plot = f'<svg x="{_NAMES + _GAP}" width="{_WIDTH - _NAMES - _GAP - 8}" height="{height}" overflow="visible">'
    svg = document(_WIDTH, height, _RULES + colours, f"{names}{plot}{drawing.plot(lanes)}</svg>")
    left_out = len(summaries) - len(lanes)
    note = f"<p>and {count(left_out, 'more job')}, without a lane here</p>" if left_out else ""
    return img(svg, f"{count(len(runs), 'run')} of {count(len(summaries), 'job')} on a timeline") + note


def _short(name: str) -> str:
    return name if len(name) <= _MOST_NAME else f"{name[: _MOST_NAME - 1]}…"
