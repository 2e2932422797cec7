"""`world.files` and `ctx.files`."""

from datetime import timedelta

import pytest

from sbh_jobkit.clock import VirtualClock
from sbh_jobkit.errors import TimeFormatError, WorldError
from sbh_jobkit.fakes.world import World
from sbh_jobkit.run.sent import digest
from sbh_jobkit.schedule.times import instant, zone
from sbh_jobkit.simulation.once import run_job
from sbh_jobkit.simulation.simulator import simulate


@pytest.fixture
def world():
    """Make a tenant in Paris with four files."""
    made = World("acme", "Europe/Paris")
    made.files.write("temp/b.txt", "bb", modified="2026-01-01T08:00")
    made.files.write("temp/a.csv", b"a;b\n", modified="2025-12-31T23:30:00+00:00")
    made.files.write("templates/c", b"", modified="2026-01-02")
    made.files.write("new.json", "{}")
    return made


def entry(key, size, last_modified):
    """Return what a job is told of a file."""
    return {"key": key, "size": size, "last_modified": last_modified}


A, B = entry("temp/a.csv", 4, "2026-01-01T00:30:00"), entry("temp/b.txt", 2, "2026-01-01T08:00:00")
C, NEW = entry("templates/c", 0, "2026-01-02T00:00:00"), entry("new.json", 2, "2026-01-05T09:00:00")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("ctx.files.list()", [NEW, A, B, C]),
        ("ctx.files.list('')", [NEW, A, B, C]),
        ("ctx.files.list('temp/')", [A, B]),
        ("ctx.files.list(prefix='temp')", [A, B, C]),
        ("ctx.files.list('TEMP/')", []),
        ("ctx.files.list('/temp/')", []),
        ("ctx.files.list('*')", []),
        ("ctx.files.get('temp/a.csv')", {**A, "content_type": "text/csv"}),
        ("ctx.files.get(key='templates/c')", {**C, "content_type": "application/octet-stream"}),
        ("ctx.files.get('temp/')", None),
        ("ctx.files.get('')", None),
        ("ctx.files.upload('x.bin', b'123')", True),
        ("ctx.files.upload(key='x.txt', data='123', content_type='text/plain')", True),
        ("ctx.files.upload('x.bin', bytearray(b'123'))", True),
        ("ctx.files.delete('temp/a.csv')", True),
        ("ctx.files.delete('temp/none')", False),
        ("[ctx.files.delete(file['key']) for file in ctx.files.list('temp/')] + ctx.files.list('temp/')", [True, True]),
        (
            "ctx.files.upload('r.txt', 'é') and ctx.files.get('r.txt')",
            {**entry("r.txt", 2, "2026-01-05T09:00:00"), "content_type": "application/octet-stream"},
        ),
        (
            "ctx.files.upload('r.txt', b'', 'text/plain') and ctx.files.get('r.txt')",
            {**entry("r.txt", 0, "2026-01-05T09:00:00"), "content_type": "text/plain"},
        ),
    ],
)
def test_what_a_job_is_answered(answered, world, expression, value):
    """Every member of `ctx.files`, as the contract's table has it: times are naive, in the zone in force."""
    assert answered(expression, world) == value


def test_a_presigned_url_is_text_and_repeatable(answered):
    """A link has the key, what it is for and until when, and is the same for the same question."""
    url = "ctx.files.get_presigned_url('reports/a b.csv')"
    links = answered(f"[{url}, {url}, ctx.files.get_presigned_url('reports/a b.csv', 'put_object', expires_in=60)]")
    assert links[0] == links[1]
    assert links[0].startswith(
        "https://files.example/reports/a%20b.csv?operation=get_object&expires=1767607200&signature="
    )
    assert links[2].startswith(
        "https://files.example/reports/a%20b.csv?operation=put_object&expires=1767603660&signature="
    )


ADVICE = "upload bytes or text: json.dumps(…) makes text of an object"


@pytest.mark.parametrize(
    ("expression", "message", "advice"),
    [
        ("ctx.files.upload('r.json', {'a': 1})", "cannot store data of type dict as 'r.json'", ADVICE),
        ("ctx.files.upload('r.json', None)", "cannot store data of type NoneType as 'r.json'", ADVICE),
        ("ctx.files.upload('r.json', [b'1'])", "cannot store data of type list as 'r.json'", ADVICE),
        ("ctx.files.upload('', b'1')", "a file's key must be text that is not empty, got ''", None),
        ("ctx.files.upload(5, b'1')", "a file's key must be text that is not empty, got 5", None),
        ("ctx.files.upload('r.txt', b'1', None)", "the content type of 'r.txt' must be text, got None", None),
    ],
)
def test_what_is_no_file_is_false_and_a_fault(faulted, expression, message, advice):
    """An upload of the wrong type stores nothing, answers False, and the run says what was wrong."""
    world = World()
    assert faulted(expression, world) == (False, ("file-type", "ctx.files.upload", message, advice))
    assert len(world.files) == 0


@pytest.mark.parametrize(
    ("member", "given", "value", "what"),
    [
        ("list", "None", [], "a prefix"),
        ("list", "['temp/']", [], "a prefix"),
        ("get", "['a.txt']", None, "a file's key"),
        ("delete", "{}", False, "a file's key"),
    ],
)
def test_what_is_no_key_finds_nothing_and_is_a_fault(faulted, member, given, value, what):
    """A job that asks for a file by what is not text is answered as if it were not there, and the run tells."""
    world = World()
    world.files.write("a.txt", b"1")
    fault = ("file-type", f"ctx.files.{member}", f"{what} must be text, got {given}", None)
    assert faulted(f"ctx.files.{member}({given})", world) == (value, fault)
    assert list(world.files) == ["a.txt"]


def test_text_that_utf_8_cannot_write_is_a_fault(faulted):
    """Text with half of a surrogate pair cannot be stored as UTF-8."""
    value, (kind, member, message, advice) = faulted("ctx.files.upload('r.txt', '\\ud800')")
    assert (value, kind, member) == (False, "file-type", "ctx.files.upload")
    assert message.startswith("cannot store text as 'r.txt': 'utf-8' codec can't encode character '\\ud800'")
    assert advice == "upload bytes; data.encode(errors='replace') writes '?' for characters that UTF-8 does not have"


@pytest.mark.parametrize(
    ("call", "permission"),
    [
        ("files.list()", "files.read"),
        ("files.get('a')", "files.read"),
        ("files.get_presigned_url('a')", "files.read"),
        ("files.upload('a', b'')", "files.write"),
        ("files.delete('a')", "files.write"),
    ],
)
def test_permissions(faulted, call, permission):
    """Reading and writing need their own permissions; a call without raises, and is a fault though swallowed."""
    others = [name for name in ("files.read", "files.write", "db.read") if name != permission]
    value, fault = faulted(f"ctx.{call}", permissions=others)
    member = call.partition("(")[0]
    message = f"ctx.{member} needs the permission '{permission}', which plugin.json does not list"
    assert value == ["PermissionDenied", message]
    advice = f'add "{permission}" to "permissions" in plugin.json'
    assert fault == ("permission-denied", f"ctx.{member}", message, advice)


def test_a_run_lists_what_it_changed(ran, world):
    """Uploads and deletions are in the run; a deletion of what is not there is none."""
    run = ran("ctx.files.upload('r', b'123'); ctx.files.delete('temp/a.csv'); ctx.files.delete('no')", world)
    assert run.to_dict()["files"] == [
        {"action": "uploaded", "key": "r", "size": 3, "digest": digest(b"123")},
        {"action": "deleted", "key": "temp/a.csv", "size": 4, "digest": ""},
    ]
    assert list(world.files) == ["new.json", "r", "temp/b.txt", "templates/c"]


def test_the_guides_age_comparison_works(answered, world):
    """The guide compares `datetime.now()` with `datetime.fromisoformat(last_modified)`, both naive (D4)."""
    expression = (
        "[str((now := __import__('datetime').datetime).now() - now.fromisoformat(f['last_modified']))"
        " for f in ctx.files.list()]"
    )
    ages = answered(expression, world)
    assert ages == [
        "0:00:00",
        "4 days, 8:30:00",
        "4 days, 1:00:00",
        "3 days, 9:00:00",
    ]


@pytest.mark.parametrize("age", ["40d", timedelta(days=40), "P40D", "960h"])
def test_a_file_may_be_written_with_an_age(answered, age):
    """A file of the beginning that is 40 days old is 40 days old when the world begins, whatever the machine's date."""
    world = World()
    world.files.write("old.txt", "x", age=age)
    assert answered("ctx.files.list()", world) == [entry("old.txt", 1, "2025-11-26T09:00:00")]


def test_days_of_an_age_are_those_of_the_calendar(answered):
    """Across a clock change, a file of 40 days is 40 days old on the wall's clock, by which the guide compares."""
    world = World(tz="Europe/Paris")
    world.files.write("old.txt", "x", age="40d")
    files = answered("ctx.files.list()", world, at="2026-04-15T09:00")
    assert files == [entry("old.txt", 1, "2026-03-06T09:00:00")]


def test_a_naive_time_is_in_the_zone_in_force(answered):
    """A file of the beginning follows the manifest's zone, as everything naive does."""
    world = World()
    world.files.write("old.txt", "x", modified="2026-01-01T08:00")
    assert world.files.tree() == "old.txt          1  2026-01-01 08:00:00+00:00"
    assert answered("ctx.files.list()", world, timezone="Asia/Tokyo") == [entry("old.txt", 1, "2026-01-01T08:00:00")]
    assert world.files.tree() == "old.txt          1  2026-01-01 08:00:00+09:00"


def test_files_between_two_runs_are_as_old_as_the_next(ran):
    """In a world that goes on, what an author writes between runs counts from the next one's time."""
    world = World()
    ran("pass", world)
    world.files.write("new", "x")
    world.files.write("old", "x", age="1d")
    times = ran("return [file['last_modified'] for file in ctx.files.list()]", world, at="2026-01-07T09:00").value
    assert times == ["2026-01-07T09:00:00", "2026-01-06T09:00:00"]


def test_a_context_without_a_beginning_sees_files_too():
    """In a context made by hand, a file without a time is new, and one with an age is older."""
    world = World()
    world.files.write("new", "x")
    world.files.write("old", "x", age="1d")
    with VirtualClock(instant("2026-01-05T09:00", zone("UTC")), zone("UTC")):
        times = [file["last_modified"] for file in world.context().files.list()]
    assert times == ["2026-01-05T09:00:00", "2026-01-04T09:00:00"]


def test_a_file_without_a_time_is_new_when_the_world_begins(loaded):
    """A file that an author wrote before a simulation is as old as the simulation."""
    world = World()
    world.files.write("a.txt", "x")
    simulation = simulate(
        loaded("return [f['last_modified'] for f in ctx.files.list()]"), world, start="2026-02-01", duration="2d"
    )
    assert [run.value for run in simulation.runs] == [["2026-02-01T00:00:00"]] * 2


def test_a_job_in_its_own_zone_sees_that_zones_times(loaded):
    """`last_modified` is in the schedule's zone, as `datetime.now()` is."""
    world = World()
    world.files.write("a.txt", "x", modified="2026-01-01T12:00:00Z")
    jobs = [{"name": "work", "schedule": "0 9 * * *", "timezone": "Asia/Tokyo"}]
    plugin = loaded("return ctx.files.list()[0]['last_modified']", jobs=jobs)
    assert run_job(plugin.jobs["work"], world, at="2026-01-05T09:00").value == "2026-01-01T21:00:00"


@pytest.mark.parametrize(
    ("written", "error", "message"),
    [
        ({"key": ""}, WorldError, "a file's key must be text that is not empty, got ''"),
        ({"key": None}, WorldError, "a file's key must be text that is not empty, got None"),
        ({"data": 5}, WorldError, "file 'k' must be bytes or text, got a value of type int"),
        ({"data": {}}, WorldError, "file 'k' must be bytes or text, got a value of type dict"),
        (
            {"data": "\ud800"},
            WorldError,
            (
                "file 'k' is text that UTF-8 cannot write: "
                "'utf-8' codec can't encode character '\\ud800' in position 0: surrogates not allowed"
            ),
        ),
        ({"modified": "2026-01-01", "age": "1d"}, WorldError, "give a file's modified time or its age, not both"),
        (
            {"modified": "yesterday"},
            TimeFormatError,
            "'yesterday' is not a time; use ISO 8601, such as '2026-01-31T02:00' or '2026-01-31T02:00Z'",
        ),
        (
            {"age": "old"},
            TimeFormatError,
            "'old' is not a duration; use a number and a unit (y, mo, w, d, h, m, s), such as '30d' or '12h'",
        ),
    ],
)
def test_what_an_author_writes_wrongly_is_refused(written, error, message):
    """A wrong file is refused where it is written."""
    with pytest.raises(error) as refused:
        World().files.write(**{"key": "k", **written})
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("a.json", "application/json"),
        ("a.txt", "text/plain"),
        ("a.csv", "text/csv"),
        ("a.html", "text/html"),
        ("a.parquet", "application/octet-stream"),
        ("json", "application/octet-stream"),
    ],
)
def test_a_file_of_the_author_has_the_type_of_its_name(answered, key, kind):
    """The content type is guessed from the key, unless it is given."""
    world = World()
    world.files.write(key)
    world.files.write("given", content_type="image/png")
    assert answered(f"[ctx.files.get(key)['content_type'] for key in ({key!r}, 'given')]", world) == [kind, "image/png"]


def test_the_author_can_look(world):
    """The store counts, reads, lists and shows its files."""
    files = world.files
    assert (len(files), list(files)) == (4, ["new.json", "temp/a.csv", "temp/b.txt", "templates/c"])
    assert ("new.json" in files, "old.json" in files) == (True, False)
    assert (files.read("temp/a.csv"), files.read_text("temp/b.txt")) == (b"a;b\n", "bb")
    assert (files.delete("new.json"), files.delete("new.json")) == (True, False)
    assert repr(files) == "<files: 3>"
    assert files.tree() == (
        "temp/a.csv           4  2026-01-01 00:30:00+01:00\n"
        "temp/b.txt           2  2026-01-01 08:00:00+01:00\n"
        "templates/c          0  2026-01-02 00:00:00+01:00"
    )


def test_an_empty_store_shows_nothing_and_a_new_file_waits_for_the_beginning():
    """Before the world begins, a file without a time has none yet."""
    files = World().files
    assert files.tree() == ""
    files.write("a", "x")
    files.write("b", "x", age="1d12h")
    assert files.tree() == "a          1  when the world begins\nb          1  1d12h before the world begins"


def test_reading_what_is_not_there_names_the_nearest(world):
    """The error for a misspelled key names the nearest key."""
    with pytest.raises(WorldError) as missing:
        world.files.read("temp/b.text")
    assert str(missing.value) == "there is no file 'temp/b.text'; did you mean 'temp/b.txt'?"


def test_a_file_may_have_no_age():
    """An age of nothing is a new file, so that ages can be counted from 0."""
    world = World()
    world.files.write("new.txt", age="0d")
    world.begin("2026-01-05T09:00")
    assert world.files.tree() == "new.txt          0  2026-01-05 09:00:00+00:00"


# --- how long it takes ---


@pytest.mark.parametrize("call", ["list()", "get('a')", "upload('a', b'')", "delete('a')"])
def test_a_call_takes_its_time(ran, call):
    """It takes the latency that the author sets, in virtual time; `restore` restores it; a link takes none."""
    world = World()
    quick = world.snapshot()
    world.files.latency = timedelta(milliseconds=20)
    body = f"ctx.files.{call}; ctx.files.{call}; ctx.files.get_presigned_url('a')"
    run = ran(body, world)
    assert (run.duration, world.files.latency) == (timedelta(milliseconds=40), 0.02)
    assert [ran(body, kept.world()).duration for kept in (quick, run.before)] == [timedelta(0), run.duration]


def test_what_is_no_latency_is_refused():
    """A wrong latency is an error at the author's line."""
    with pytest.raises(WorldError) as refused:
        World().files.latency = "soon"
    advice = "use a number of seconds from 0, or text such as '300ms' or '2s'"
    assert str(refused.value) == f"world.files.latency: 'soon' is not a latency; {advice}"
