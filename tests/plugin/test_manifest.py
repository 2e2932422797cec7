"""A plugin's `plugin.json`: what it may contain, and every problem with its JSON path and its whole message."""

from __future__ import annotations

import json
from types import MappingProxyType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sbh_jobkit.errors import ExportError, ManifestError, PluginError
from sbh_jobkit.plugin.manifest import PERMISSIONS, Manifest, ManifestJob, parse, read

GUIDE = """
{
  "slug": "my-plugin",
  "name": "My Plugin",
  "jobs": [
    {
      "name": "daily_cleanup",
      "schedule": "0 2 * * *"
    },
    {
      "name": "hourly_sync",
      "schedule": "0 * * * *"
    }
  ]
}
"""
"""The manifest of the platform's guide, section "Job Configuration"."""

FULL = {
    "slug": "hub_ops-2",
    "name": "Hub Ops",
    "version": "1.2.3",
    "entry": "lib/jobs.py",
    "description": "",
    "author": "",
    "repo_url": "",
    "permissions": ["db.read", "llm.use", "db.read"],
    "routes": [{"path": "/status"}],
    "events": ["files.uploaded"],
    "jobs": [
        {"name": "nightly", "schedule": "@daily", "description": "", "timezone": "Europe/Paris"},
        {"name": "by_hand"},
    ],
    "secrets": ["API_KEY"],
    "timezone": "Asia/Kathmandu",
    "homepage": "a key that the contract does not know",
}

MISSING = "missing; slug and name are required"
ALL = "db.read, db.write, emit_webhook, files.read, files.write, llm.use, outbound_http, send_email"

PROBLEMS = [
    ([], "$: the manifest must be an object, got a list"),
    ("x", "$: the manifest must be an object, got text ('x')"),
    (5, "$: the manifest must be an object, got a number (5)"),
    (None, "$: the manifest must be an object, got null"),
    ({"name": "P"}, f"$.slug: {MISSING}"),
    ({"slug": "p"}, f"$.name: {MISSING}"),
    # texts
    ({"slug": 5}, "$.slug: must be text, got a number (5)"),
    ({"slug": None}, "$.slug: must be text, got null"),
    ({"name": True}, "$.name: must be text, got true"),
    ({"name": False}, "$.name: must be text, got false"),
    ({"name": ["P"]}, "$.name: must be text, got a list"),
    ({"name": " "}, "$.name: must not be empty"),
    ({"version": 1.0}, "$.version: must be text, got a number (1.0)"),
    ({"version": ""}, "$.version: must not be empty"),
    ({"description": None}, "$.description: must be text, got null"),
    ({"author": {}}, "$.author: must be text, got an object"),
    ({"repo_url": 5}, "$.repo_url: must be text, got a number (5)"),
    *(
        ({key: text}, f"$.{key}: {half} is half of a surrogate pair, which is not a character; write both or remove it")
        for key, text, half in (
            ("name", "\ud83d", r"'\ud83d'"),
            ("version", "1\udfff", r"'\udfff'"),
            ("description", "\udc00\ud800", r"'\udc00'"),
            ("author", "op-\udce9", r"'\udce9'"),
            ("repo_url", "https://\udbff", r"'\udbff'"),
        )
    ),
    (
        {"secrets": ["A", "\ud800"]},
        r"$.secrets[1]: '\ud800' is half of a surrogate pair, which is not a character; write both or remove it",
    ),
    (
        {"jobs": [{"name": "\ud83d\ud83d", "schedule": "@daily"}]},
        r"$.jobs[0].name: '\ud83d' is half of a surrogate pair, which is not a character; write both or remove it",
    ),
    (
        {"jobs": [{"name": "a", "schedule": "\ud800 * * * *"}]},
        r"$.jobs[0].schedule: '\ud800' is half of a surrogate pair, which is not a character; write both or remove it",
    ),
    # keys
    ({"permisions": []}, "$.permisions: unknown key; did you mean 'permissions'?"),
    ({"Jobs": []}, "$.Jobs: unknown key; did you mean 'jobs'?"),
    ({"secert": []}, "$.secert: unknown key; did you mean 'secrets'?"),
    ({"evenst": []}, "$.evenst: unknown key; did you mean 'events'?"),
    ({"Permissoin": []}, "$.Permissoin: unknown key; did you mean 'permissions'?"),
    ({"time_zone": "UTC"}, "$.time_zone: unknown key; did you mean 'timezone'?"),
    ({"tz": "UTC"}, "$.tz: unknown key; did you mean 'timezone'?"),
    ({"route": True}, "$.route: unknown key; did you mean 'routes'?"),
    ({"descripton": "x"}, "$.descripton: unknown key; did you mean 'description'?"),
    ({"jobs": [{"name": "a", "shedule": "@daily"}]}, "$.jobs[0].shedule: unknown key; did you mean 'schedule'?"),
    (
        {"jobs": [{"name": "a"}, {"name": "b", "cron": "@daily"}]},
        "$.jobs[1].cron: unknown key; did you mean 'schedule'?",
    ),
    ({"jobs": [{"name": "a", "time_zone": "UTC"}]}, "$.jobs[0].time_zone: unknown key; did you mean 'timezone'?"),
    (
        {"jobs": [{"Name": "a", "name": "a", "Schedule": "@daily"}]},
        "$.jobs[0].Schedule: unknown key; did you mean 'schedule'?",
    ),
    # slug and entry
    ({"slug": ""}, "$.slug: must not be empty"),
    ({"slug": " "}, "$.slug: must not be empty"),
    ({"slug": "my plugin"}, "$.slug: 'my plugin' is not a slug; use only letters, digits, '-' and '_'"),
    ({"slug": "p\n"}, "$.slug: 'p\\n' is not a slug; use only letters, digits, '-' and '_'"),
    ({"slug": "café"}, "$.slug: 'café' is not a slug; use only letters, digits, '-' and '_'"),
    *(
        (
            {"slug": slug},
            f"$.slug: {slug!r} is not a slug; use only letters, digits, '-' and '_', and at least one letter or digit",
        )
        for slug in ("-", "_", "---", "-_-")
    ),
    ({"slug": "../p"}, "$.slug: '../p' is not a slug; use only letters, digits, '-' and '_'"),
    ({"slug": "s" * 201}, f"$.slug: must have at most 200 characters, got 201: '{'s' * 20}…'"),
    ({"slug": "a-" * 750}, f"$.slug: must have at most 200 characters, got 1,500: '{'a-' * 10}…'"),
    ({"entry": ""}, "$.entry: must not be empty"),
    ({"entry": " "}, "$.entry: must not be empty"),
    *(
        ({"entry": entry}, f"$.entry: {entry!r} is not a Python file inside the plugin, such as 'main.py'")
        for entry in (
            "main",
            "main.pyc",
            ".py",
            "../main.py",
            "a/../main.py",
            "/main.py",
            "C:main.py",
            "a\\main.py",
            "main.py\n",
        )
    ),
    # zones and schedules
    ({"timezone": 5}, "$.timezone: must be text, got a number (5)"),
    ({"timezone": ""}, "$.timezone: must not be empty"),
    ({"timezone": "Europe/Pari"}, "$.timezone: unknown time zone 'Europe/Pari'; did you mean 'Europe/Paris'?"),
    (
        {"jobs": [{"name": "a", "timezone": "Europe/Pari"}]},
        "$.jobs[0].timezone: unknown time zone 'Europe/Pari'; did you mean 'Europe/Paris'?",
    ),
    (
        {"jobs": [{"name": "a", "schedule": "61 * * * *"}]},
        "$.jobs[0].schedule: schedule '61 * * * *' is not cron: minute 61 is outside 0-59",
    ),
    (
        {"jobs": [{"name": "a", "schedule": "0 0 31 2 *"}]},
        (
            "$.jobs[0].schedule: schedule '0 0 31 2 *' is not cron: "
            "day 31 does not exist in month 2, so it never fires; without a schedule a job runs by hand"
        ),
    ),
    ({"jobs": [{"name": "a", "schedule": ""}]}, "$.jobs[0].schedule: must not be empty"),
    ({"jobs": [{"name": "a", "schedule": None}]}, "$.jobs[0].schedule: must be text, got null"),
    # lists
    ({"routes": {}}, "$.routes: must be a list, true or false, got an object"),
    ({"routes": "true"}, "$.routes: must be a list, true or false, got text ('true')"),
    ({"routes": 1}, "$.routes: must be a list, true or false, got a number (1)"),
    ({"routes": None}, "$.routes: must be a list, true or false, got null"),
    ({"events": True}, "$.events: must be a list, got true"),
    ({"permissions": True}, "$.permissions: must be a list, got true"),
    ({"events": "files.uploaded"}, "$.events: must be a list, got text ('files.uploaded')"),
    ({"secrets": None}, "$.secrets: must be a list, got null"),
    ({"secrets": ["A", 5]}, "$.secrets[1]: must be text, got a number (5)"),
    ({"secrets": [""]}, "$.secrets[0]: must not be empty"),
    ({"permissions": "db.read"}, "$.permissions: must be a list, got text ('db.read')"),
    ({"permissions": ("db.read",)}, "$.permissions: must be a list, got tuple (('db.read',))"),
    ({"permissions": [5]}, "$.permissions[0]: must be text, got a number (5)"),
    (
        {"permissions": ["db.read", "outbound_htp"]},
        "$.permissions[1]: unknown permission 'outbound_htp'; did you mean 'outbound_http'?",
    ),
    ({"permissions": ["LLM.use"]}, "$.permissions[0]: unknown permission 'LLM.use'; did you mean 'llm.use'?"),
    *(
        ({"permissions": [name]}, f"$.permissions[0]: unknown permission {name!r}; use one of {ALL}")
        for name in ("xyz", "read_deals", "users.read", "files", "admin", "network")
    ),
    *(
        ({"permissions": [name]}, f"$.permissions[0]: unknown permission {name!r}; did you mean {meant!r}?")
        for name, meant in {"read_files": "files.read", "db:read": "db.read", "email": "send_email"}.items()
    ),
    # jobs
    ({"jobs": {}}, "$.jobs: must be a list, got an object"),
    ({"jobs": ["a"]}, "$.jobs[0]: must be an object with name and schedule, got text ('a')"),
    ({"jobs": [{"schedule": "@daily"}]}, "$.jobs[0].name: missing; every job needs a name"),
    ({"jobs": [{"name": ""}]}, "$.jobs[0].name: must not be empty"),
    *(
        (
            {"jobs": [{"name": "a"}, {"name": name}]},
            (
                "$.jobs[1].name: is a part of addresses, so it must have no '/' and no '\\' and not be '.' or '..',"
                f" got {name!r}"
            ),
        )
        for name in ("a/b", "..", ".", "a\\b", "/")
    ),
    *(
        ({"jobs": [{"name": name}]}, f"$.jobs[0].name: must be one line without control characters, got {name!r}")
        for name in ("a\0b", "a\n", "a\x85")
    ),
    (
        {"jobs": [{"name": "x" * 201}]},
        f"$.jobs[0].name: must have at most 200 characters, got 201: '{'x' * 20}…'",
    ),
    ({"jobs": [{"name": 5}]}, "$.jobs[0].name: must be text, got a number (5)"),
    ({"jobs": [{"name": "a", "description": 5}]}, "$.jobs[0].description: must be text, got a number (5)"),
    (
        {"jobs": [{"name": "a"}, {"name": "b"}, {"name": "a"}]},
        "$.jobs[2].name: 'a' is already the name of $.jobs[0]; rename one",
    ),
]

UNREADABLE = [
    ("", "line 1 column 1 is not valid JSON: Expecting value"),
    ('{"slug": "p",\n "name" "P"}', "line 2 column 9 is not valid JSON: Expecting ':' delimiter"),
    ("{'slug': 'p'}", "line 1 column 2 is not valid JSON: Expecting property name enclosed in double quotes"),
    ('{"slug": "p"} x', "line 1 column 15 is not valid JSON: Extra data"),
    (b'{"slug": "caf\xe9"}', "byte 13 is not UTF-8; save the file as UTF-8"),
    ('{"slug": ' + "9" * 5_000 + "}", "a number has too many digits"),
    ("[" * 100_000, "lists or objects are nested too deeply"),
    ('{"slug": "a", "slug": "b", "name": "P"}', "the key 'slug' occurs twice in one object; remove one"),
    (
        '{"slug": "a", "name": "P", "jobs": [{"name": "x", "schedule": "@daily", "schedule": "@hourly"}]}',
        "the key 'schedule' occurs twice in one object; remove one",
    ),
]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
JOB = st.fixed_dictionaries(
    {}, optional={key: JSON | st.just("nightly") for key in ("name", "schedule", "description", "timezone")}
)
LIKELY = st.fixed_dictionaries(
    {"slug": JSON | st.just("p"), "name": JSON | st.just("P")},
    optional={
        "jobs": JSON | st.lists(JSON | JOB, max_size=3),
        "permissions": JSON | st.lists(st.sampled_from(sorted(PERMISSIONS)) | JSON, max_size=3),
        **dict.fromkeys(("version", "entry", "description", "routes", "events", "secrets", "timezone"), JSON),
    },
)


@pytest.mark.parametrize("routes", [True, False])
@pytest.mark.parametrize("slug", ["a", "7", "-a-", "_1", "my-plugin_2", "x" * 200])
def test_what_platforms_write_is_read(routes, slug):
    """The platform's own manifests have `"routes": true`; a slug needs one letter or digit."""
    found = parse(
        {"slug": slug, "name": "P", "routes": routes, "min_version": "2", "jobs": [{"name": "a", "enabled": True}]}
    )
    assert (found.slug, found.routes, found.jobs) == (slug, (), (ManifestJob(name="a"),))


def test_the_guides_minimal_manifest_is_read():
    """Keys that the guide leaves out have defaults: version, entry, and every permission."""
    assert read(GUIDE) == Manifest(
        slug="my-plugin",
        name="My Plugin",
        version="0.0.0",
        entry="main.py",
        description="",
        author="",
        repo_url="",
        permissions=PERMISSIONS,
        routes=(),
        events=(),
        jobs=(
            ManifestJob(name="daily_cleanup", schedule="0 2 * * *"),
            ManifestJob(name="hourly_sync", schedule="0 * * * *"),
        ),
        secrets=(),
        timezone=None,
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_manifest_with_every_key_is_read(encoding):
    """Every value is read, in each encoding of JSON files; unknown keys are ignored."""
    text = json.dumps(FULL | {"name": "Café"}, ensure_ascii=False)
    assert read(text.encode(encoding)) == Manifest(
        slug="hub_ops-2",
        name="Café",
        version="1.2.3",
        entry="lib/jobs.py",
        permissions=frozenset({"db.read", "llm.use"}),
        routes=({"path": "/status"},),
        events=("files.uploaded",),
        jobs=(ManifestJob(name="nightly", schedule="@daily", timezone="Europe/Paris"), ManifestJob(name="by_hand")),
        secrets=("API_KEY",),
        timezone="Asia/Kathmandu",
    )


@pytest.mark.parametrize("wrap", [dict, MappingProxyType])
def test_data_need_not_come_from_a_file(wrap):
    """A manifest may be any mapping, as in `Plugin.load(…, manifest=…)`."""
    assert parse(wrap({"slug": "p", "name": "P"})) == Manifest(slug="p", name="P")


@pytest.mark.parametrize(
    ("data", "permissions"),
    [
        ({}, PERMISSIONS),
        ({"permissions": []}, frozenset()),
        ({"permissions": ["db.read"]}, frozenset({"db.read"})),
        ({"permissions": sorted(PERMISSIONS)}, PERMISSIONS),
    ],
)
def test_permissions_are_exactly_those_listed_or_all_without_the_key(data, permissions):
    """The guide's manifest has no such key, and its jobs use every service."""
    assert parse({"slug": "p", "name": "P"} | data).permissions == permissions


@pytest.mark.parametrize("key", ["min_version", "author_email", "homepage", "tags", "icon", "entry_point"])
def test_other_keys_are_ignored(key):
    """Only a key that is very similar to a known one is a spelling mistake."""
    assert parse({"slug": "p", "name": "P", key: 5}) == Manifest(slug="p", name="P")


def test_a_similar_key_beside_the_right_one_is_ignored():
    """With `author` in the manifest, `authors` is not a spelling mistake."""
    assert parse({"slug": "p", "name": "P", "author": "ann", "authors": ["ann"]}).author == "ann"


@pytest.mark.parametrize("entry", ["main.py", "my-jobs.py", "my.jobs.py", "lib/deep/jobs_2.py"])
def test_an_entry_is_a_python_file_inside_the_plugin(entry):
    """A dot in the file's name is allowed."""
    assert parse({"slug": "p", "name": "P", "entry": entry}).entry == entry


@pytest.mark.parametrize(("data", "jobs"), [({}, None), ({"jobs": []}, ())])
def test_listing_no_jobs_is_not_the_same_as_no_list(data, jobs):
    """Only a manifest with the key `jobs` can leave out a job."""
    assert parse({"slug": "p", "name": "P"} | data).jobs == jobs


@pytest.mark.parametrize(("data", "problem"), PROBLEMS)
def test_a_problem_names_its_place_and_what_to_write(data, problem):
    """One problem is one line with its JSON path."""
    if isinstance(data, dict) and not problem.endswith(MISSING):
        data = {"slug": "p", "name": "P"} | data
    with pytest.raises(ManifestError) as caught:
        parse(data)
    assert (str(caught.value), caught.value.problems) == (f"plugin.json: {problem}", (problem,))


@pytest.mark.parametrize(("text", "problem"), UNREADABLE, ids=[problem for _, problem in UNREADABLE])
def test_unreadable_text_has_an_error_with_line_or_byte(text, problem):
    """Invalid JSON, a wrong encoding, a key that occurs twice."""
    with pytest.raises(ManifestError) as caught:
        read(text, "here/plugin.json")
    assert (str(caught.value), caught.value.where) == (f"here/plugin.json: {problem}", "here/plugin.json")


def test_all_problems_are_reported_at_once():
    """One list is enough to fix the file."""
    text = """{
        "slug": "my plugin", "slug": "my plugin", "entry": "../main.py", "timezone": "Mars",
        "permissions": ["db.read", "db.reed"], "secrets": "API_KEY",
        "jobs": [{"name": "a", "schedule": "* * *", "timezone": 5}, {"name": "a"}, "b", {}]
    }"""
    with pytest.raises(ManifestError) as caught:
        read(text)
    assert isinstance(caught.value, PluginError)
    assert str(caught.value) == (
        "plugin.json has 12 problems:\n"
        "  the key 'slug' occurs twice in one object; remove one\n"
        f"  $.name: {MISSING}\n"
        "  $.slug: 'my plugin' is not a slug; use only letters, digits, '-' and '_'\n"
        "  $.entry: '../main.py' is not a Python file inside the plugin, such as 'main.py'\n"
        "  $.timezone: unknown time zone 'Mars'; use a name such as 'UTC' or 'Europe/Paris'\n"
        "  $.permissions[1]: unknown permission 'db.reed'; did you mean 'db.read'?\n"
        "  $.secrets: must be a list, got text ('API_KEY')\n"
        "  $.jobs[0].schedule: schedule '* * *' is not cron: it has 3 fields; "
        "cron has five: minute hour day-of-month month day-of-week\n"
        "  $.jobs[0].timezone: must be text, got a number (5)\n"
        "  $.jobs[1].name: 'a' is already the name of $.jobs[0]; rename one\n"
        "  $.jobs[2]: must be an object with name and schedule, got text ('b')\n"
        "  $.jobs[3].name: missing; every job needs a name"
    )


@given(JSON | LIKELY)
def test_any_data_is_read_or_has_problems(data):
    """No other exception is raised, and every problem has its path."""
    try:
        found = parse(data)
    except ManifestError as error:
        paths = {problem[0] for problem in error.problems}
    else:
        paths = {"$"}
        assert (found.slug, found.name) == (data["slug"], data["name"])
    assert paths == {"$"}


@given(st.text(max_size=40) | st.binary(max_size=40) | LIKELY.map(json.dumps))
@example('{"slug": ' + "9" * 5_000 + ', "name": "P"}')
@example('{"slug": "p", "name": "P", "routes": ' + "[" * 100_000)
@example(b"\xff\xfe{")
@example("\ufeff{}")
def test_any_text_is_read_or_has_problems(text):
    """No file raises another exception."""
    try:
        found = read(text)
    except ManifestError as error:
        found = error.problems
    assert found


def test_the_old_name_of_problems():
    """`faults` is the old name of `problems`, for a manifest and for an export."""
    for error in (ManifestError("plugin.json", ["a", "b"]), ExportError(["a", "b"])):
        assert error.faults == error.problems == ("a", "b")
