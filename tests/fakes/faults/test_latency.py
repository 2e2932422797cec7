"""Latencies as authors write them."""

from datetime import timedelta

import pytest

from sbh_jobkit.errors import WorldError
from sbh_jobkit.fakes.faults import latency


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("300ms", 0.3),
        (" 5 MS ", 0.005),
        ("0ms", 0),
        ("2s", 2),
        ("1m30s", 90),
        ("PT2S", 2),
        (0, 0),
        (0.25, 0.25),
        (3, 3),
        (timedelta(milliseconds=1), 0.001),
    ],
)
def test_what_is_a_latency(given, seconds):
    """Text with a unit, a number of seconds, or a timedelta."""
    assert latency.read(given, "x") == seconds


@pytest.mark.parametrize("given", ["2", "ms", "", "-1s", "1.5s", "0s", -1, float("nan"), float("inf"), True, None, [2]])
def test_what_is_none_is_refused(given):
    """Anything else is an error at the author's line, with an example."""
    with pytest.raises(WorldError) as refused:
        latency.read(given, "world.llm.reply: latency")
    advice = "use a number of seconds from 0, or text such as '300ms' or '2s'"
    assert str(refused.value) == f"world.llm.reply: latency: {given!r} is not a latency; {advice}"
