"""How a report writes numbers, times and other people's text."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sbh_jobkit.report.text import clip, count, escape, format_duration, format_offset, format_time, time_element


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("a < b & 'c' \"d\"", "a &lt; b &amp; &#x27;c&#x27; &quot;d&quot;"),
        ("</pre><script>alert(1)</script>", "&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]8;;http://x\x07link\x1b]8;;\x07", "link"),
        ("one\r\ntwo\rthree\tfour", "one\ntwo\nthree\tfour"),
        ("bell\x07 null\x00 delete\x7f", "bell␇ null␀ delete␡"),
        ("lone escape \x1b", "lone escape ␛"),
        ("turned \u202egnp.exe", "turned ⟨U+202E⟩gnp.exe"),
        ("half a pair \ud83d", "half a pair ⟨U+D83D⟩"),
        (None, "None"),
    ],
)
def test_text_of_others_is_made_harmless(text, harmless):
    """Markup is escaped, terminal colours go, and what cannot be seen is shown."""
    assert escape(text) == harmless


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.004, "0 s"),
        (1.5, "1.5 s"),
        (9.999, "10 s"),
        (42.4, "42 s"),
        (59.7, "1 min"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (3601, "1 h"),
        (12_000, "3 h 20 min"),
        (100_000, "1 d 3 h"),
    ],
)
def test_durations_read_as_people_say_them(seconds, text):
    """A duration is written in its two largest units."""
    assert format_duration(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("zone", "at", "text"),
    [
        ("UTC", "2026-01-05T02:00", "Mon 2026-01-05 02:00"),
        ("UTC", "2026-01-05T02:00:07", "Mon 2026-01-05 02:00:07"),
        ("Europe/Paris", "2026-10-25T01:30", "Sun 2026-10-25 01:30"),
        ("Europe/Paris", "2026-10-25T02:30", "Sun 2026-10-25 02:30 (+02:00)"),
        ("America/New_York", "2026-11-01T01:30", "Sun 2026-11-01 01:30 (-04:00)"),
    ],
)
def test_a_time_shows_its_offset_only_where_it_occurs_twice(zone, at, text):
    """A local time is written with its weekday, and with its offset on the hour that clocks repeat."""
    assert format_time(datetime.fromisoformat(at).replace(tzinfo=ZoneInfo(zone))) == text


def test_the_second_of_two_equal_times_has_the_other_offset():
    """The later 02:30 of the day on which clocks go back is marked by its offset."""
    later = datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Paris"))
    assert time_element(later) == '<time datetime="2026-10-25T02:30:00+01:00">Sun 2026-10-25 02:30 (+01:00)</time>'


@pytest.mark.parametrize(("minutes", "text"), [(0, "+00:00"), (345, "+05:45"), (-150, "-02:30")])
def test_offsets(minutes, text):
    """An offset is written as in ISO 8601."""
    assert format_offset(timedelta(minutes=minutes)) == text


def test_a_long_text_is_cut_in_its_middle_and_says_so():
    """What is left out is counted."""
    assert clip("abcdefghij", 4) == "ab\n[… 6 characters not shown …]\nij"
    assert clip("abcd", 4) == "abcd"


def test_counts():
    """One thing is singular, and thousands are grouped."""
    assert [count(number, "run") for number in (0, 1, 2298)] == ["0 runs", "1 run", "2,298 runs"]
