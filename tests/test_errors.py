"""Which name an error suggests for one that is unknown: what is near, and nothing that only looks a little like it."""

import pytest

from sbh_jobkit.errors import about, did_you_mean, nearest
from sbh_jobkit.plugin.manifest import PERMISSIONS

JOBS = ["daily_kpi", "send_mails", "sync", "hourly_report"]
NEAR = {
    "a letter too few": ("snc", JOBS, "sync"),
    "a letter too many": ("daily_kpii", JOBS, "daily_kpi"),
    "letters swapped": ("snyc", JOBS, "sync"),
    "another letter in a short name": ("uri", ["url", "timeout"], "url"),
    "capitals": ("DAILY_KPI", JOBS, "daily_kpi"),
    "another sign between the words": ("daily-kpi", JOBS, "daily_kpi"),
    "words in another order": ("mails_send", JOBS, "send_mails"),
    "one word of it": ("hourly", JOBS, "hourly_report"),
    "its end": ("report", JOBS, "hourly_report"),
    "its beginning": ("lim", ["limit_mb", "measured"], "limit_mb"),
    "another ending": ("retry", ["log", "webhook", "secret", "retries"], "retries"),
    "a permission in words": ("read_files", PERMISSIONS, "files.read"),
    "a permission with another sign": ("llm_use", PERMISSIONS, "llm.use"),
    "one letter of a permission": ("file.read", PERMISSIONS, "files.read"),
}
FAR = {
    "another noun": ("read_deals", PERMISSIONS),
    "a noun before the same verb": ("users.read", PERMISSIONS),
    "a word of several": ("files", PERMISSIONS),
    "a verb of several": ("writing", PERMISSIONS),
    "two letters of it": ("db", PERMISSIONS),
    "nothing in common": ("xyz", PERMISSIONS),
    "an empty name": ("", JOBS),
    "signs only": ("--", JOBS),
    "another job": ("weekly_stats", JOBS),
    "half of it": ("synergy", JOBS),
}


@pytest.mark.parametrize(("name", "choices", "meant"), NEAR.values(), ids=NEAR)
def test_what_is_near_is_suggested(name, choices, meant):
    """The error ends in the name that was probably meant."""
    assert did_you_mean(name, choices) == f"; did you mean {meant!r}?"


@pytest.mark.parametrize(("name", "choices"), FAR.values(), ids=FAR)
def test_what_is_far_is_not_suggested(name, choices):
    """A wrong suggestion is worse than none: it hides the list of what there is."""
    assert did_you_mean(name, choices) == ""


@pytest.mark.parametrize(
    ("path", "problem", "said"),
    [
        ("shop", "main.py:3: SyntaxError", "shop: main.py:3: SyntaxError"),
        ("shop", "shop/main.py:3: SyntaxError", "shop/main.py:3: SyntaxError"),
        ("shop", "no such path: 'shop'", "no such path: 'shop'"),
        ("a", "its process was ended by a job", "a: its process was ended by a job"),
        (".", "main.py:3: SyntaxError", "main.py:3: SyntaxError"),
    ],
)
def test_a_problem_names_what_it_is_about(path, problem, said):
    """Once: a short path can be part of a word."""
    assert about(path, problem) == said


def test_spelling_alone():
    """With a nearness only spelling counts: an unknown key of a manifest may be somebody else's."""
    assert [nearest(name, ["version"], nearness=0.8) for name in ("versoin", "min_version", "Version")] == [
        *("version", None, "version"),
    ]
