"""The file for nbval that ships with the kit, read as nbval reads it."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from nbval.plugin import get_sanitize_patterns

PATTERNS = get_sanitize_patterns(files("sbh_jobkit.notebook").joinpath("nbval.cfg").read_text())
SAME = [
    ("3 passed in 0.12s", "3 passed in 61.80s (0:01:01)"),
    ("<function fetch at 0x7f09e973f420>", "<function fetch at 0x10ab34e80>"),
    ("Writing /tmp/tmpgrl0xfit/main.py", "Writing /private/var/folders/zz/x8/T/tmpab12_d9e/main.py"),
    ("In[3]:7: KeyError: 'tea'", "In[12]:7: KeyError: 'tea'"),
]
DIFFERENT = [
    ("3 passed in 0.12s", "2 passed in 0.12s"),
    ("took 4.2 s", "took 5.2 s"),
    ("Mon 2026-01-05 08:00 UTC", "Mon 2026-01-05 09:00 UTC"),
    ("In[3]:7", "In[3]:8"),
]


def sanitized(text):
    """Return a text as nbval compares it."""
    for pattern, replacement in PATTERNS:
        text = re.sub(pattern, replacement, text)
    return text


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_differs_each_time_is_the_same(one, other):
    """Differences between machines are removed."""
    assert sanitized(one) == sanitized(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_says_something_still_does(one, other):
    """Numbers and virtual times of jobs are compared."""
    assert sanitized(one) != sanitized(other)
