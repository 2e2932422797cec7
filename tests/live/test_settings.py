"""Reading `tenant.toml`: every key, and the sentence for every key that is wrong."""

import codecs
from zoneinfo import ZoneInfo

import pytest

from sbh_jobkit.errors import SettingsError
from sbh_jobkit.live.settings import EventSettings, HttpSettings, LimitSettings, LlmSettings, Settings
from sbh_jobkit.schedule.policy import Policy

WHOLE = """
id = "acme"
timezone = "Europe/Berlin"
db = "postgresql://reader:hunter2@db.example/acme"
files = "file://files"
secrets = ["env:ACME_", "dotenv:.env", "keyring:acme"]
[http]
allow = ["api.GitHub.com", "*.example.com"]
timeout = 5
max_bytes = 1000
[llm]
url = "https://llm.example/v1"
model = "small"
key = "LLM_KEY"
timeout = 30.5
[events]
log = false
webhook = "https://hooks.example/in"
secret = "HOOK_KEY"
retries = 0
[limits]
seconds = 12
memory_mb = 256
[policy.daily_report]
overlap = "queue_one"
catch_up = "none"
max_instances = 2
misfire_grace = "10m"
"""


def test_every_key_is_read(tmp_path):
    """The settings hold what the file says, and its folder."""
    path = tmp_path / "tenant.toml"
    path.write_text(WHOLE)
    assert Settings.load(path) == Settings(
        id="acme",
        timezone=ZoneInfo("Europe/Berlin"),
        db="postgresql://reader:hunter2@db.example/acme",
        files="file://files",
        secrets=("env:ACME_", "dotenv:.env", "keyring:acme"),
        http=HttpSettings(allow=("api.github.com", "*.example.com"), timeout=5.0, max_bytes=1000),
        llm=LlmSettings(url="https://llm.example/v1", model="small", key="LLM_KEY", timeout=30.5),
        events=EventSettings(log=False, webhook="https://hooks.example/in", secret="HOOK_KEY", retries=0),  # noqa: S106  a name
        limits=LimitSettings(seconds=12.0, memory_mb=256.0),
        policy={
            "daily_report": Policy(overlap="queue_one", catch_up="none", max_instances=2, misfire_grace="10m"),
        },
        folder=tmp_path,
        path=path,
    )


def test_a_password_is_not_shown():
    """Neither by the settings nor by an error."""
    assert "hunter2" not in repr(Settings.parse(WHOLE))
    with pytest.raises(SettingsError) as refused:
        Settings.parse('id = "acme"\ndb = "mysql://ann:hunter2@db.example/acme"')
    assert "hunter2" not in str(refused.value)


def test_the_smallest_file_is_an_id():
    """Everything else has a default, and no host may be reached."""
    assert Settings.parse('id = "acme"') == Settings(id="acme")
    assert Settings(id="acme").http.allow == ()


MISSPELT = {
    "ide": "there is no key 'ide'; did you mean 'id'?",
    "timezon": "there is no key 'timezon'; did you mean 'timezone'?",
    "dbs": "there is no key 'dbs'; did you mean 'db'?",
    "file": "there is no key 'file'; did you mean 'files'?",
    "secret": "there is no key 'secret'; did you mean 'secrets'?",
    "htp": "there is no key 'htp'; did you mean 'http'?",
    "lm": "there is no key 'lm'; did you mean 'llm'?",
    "event": "there is no key 'event'; did you mean 'events'?",
    "limit": "there is no key 'limit'; did you mean 'limits'?",
    "policies": "there is no key 'policies'; did you mean 'policy'?",
    "xyz": "there is no key 'xyz'; use one of id, timezone, db, files, secrets, http, llm, events, alerts, limits, "
    "policy, history",
    "http.alow": "[http] has no key 'alow'; did you mean 'allow'?",
    "http.timout": "[http] has no key 'timout'; did you mean 'timeout'?",
    "http.maxbytes": "[http] has no key 'maxbytes'; did you mean 'max_bytes'?",
    "http.xyz": "[http] has no key 'xyz'; use one of allow, timeout, max_bytes",
    "llm.uri": "[llm] has no key 'uri'; did you mean 'url'?",
    "llm.modell": "[llm] has no key 'modell'; did you mean 'model'?",
    "llm.keys": "[llm] has no key 'keys'; did you mean 'key'?",
    "llm.time_out": "[llm] has no key 'time_out'; did you mean 'timeout'?",
    "events.logs": "[events] has no key 'logs'; did you mean 'log'?",
    "events.web_hook": "[events] has no key 'web_hook'; did you mean 'webhook'?",
    "events.secrets": "[events] has no key 'secrets'; did you mean 'secret'?",
    "events.retry": "[events] has no key 'retry'; did you mean 'retries'?",
    "alerts.xyz": "[alerts] has no key 'xyz'; use one of webhook, secret, retries, late",
    "alerts.web_hook": "[alerts] has no key 'web_hook'; did you mean 'webhook'?",
    "limits.second": "[limits] has no key 'second'; did you mean 'seconds'?",
    "limits.memory": "[limits] has no key 'memory'; did you mean 'memory_mb'?",
    "policy.report.overlapp": "[policy.report] unknown policy setting 'overlapp'; did you mean 'overlap'?",
}


def refused(line):
    """Return the sentence for a file with that line."""
    text = line if line.startswith("id") else f'id = "acme"\n{line}'
    with pytest.raises(SettingsError) as error:
        Settings.parse(text)
    return str(error.value)


@pytest.mark.parametrize("key", MISSPELT)
def test_a_key_that_is_misspelt_is_answered_with_the_nearest(key):
    """Every key of the file."""
    assert refused(f"{key} = 1") == f"tenant.toml: {MISSPELT[key]}"


SOURCES = "secrets must be a list of sources such as 'env:ACME_', 'dotenv:.env', 'keyring:acme' or 'store', got "
WRONG = {
    "id = 5": "id must be text of letters, digits, '-' and '_', such as 'acme', got 5",
    'id = "a b"': "id must be text of letters, digits, '-' and '_', such as 'acme', got 'a b'",
    "timezone = 5": "timezone must be the name of a time zone, such as 'Europe/Paris', got 5",
    'timezone = "Europe/Pariss"': "timezone must be the name of a time zone, such as 'Europe/Paris', "
    "got 'Europe/Pariss'; did you mean 'Europe/Paris'?",
    'timezone = "x"': "timezone must be the name of a time zone, such as 'Europe/Paris', got 'x'",
    "db = 5": "db must be a URL such as 'sqlite:///app.db' or 'postgresql://user@host/database', got 5",
    'db = "sqlit:///a.db"': "db must be a URL such as 'sqlite:///app.db' or 'postgresql://user@host/database', "
    "got 'sqlit:///a.db'; did you mean 'sqlite'?",
    'db = "app.db"': "db must be a URL such as 'sqlite:///app.db' or 'postgresql://user@host/database', got 'app.db'",
    "files = []": "files must be a URL such as 'file://folder', 's3://bucket/prefix' or 'memory://name', got []",
    'files = "ftp://host/x"': "files must be a URL such as 'file://folder', 's3://bucket/prefix' or 'memory://name', "
    "got 'ftp://host/x'",
    "secrets = 5": f"{SOURCES}5",
    'secrets = ["vault:x"]': f"{SOURCES}['vault:x']",
    'secrets = ["dotenv"]': f"{SOURCES}['dotenv']; 'dotenv' names no file",
    'secrets = ["env:"]': f"{SOURCES}['env:']; 'env:' names no prefix",
    'secrets = ["keyrin:x"]': f"{SOURCES}['keyrin:x']; did you mean 'keyring'?",
    "http = 5": "http must be a table, got 5; write [http] on a line of its own",
    "http.allow = 5": "[http] allow must be a list of host names, got 5",
    "http.allow = [5]": "[http] allow must be a list of host names, got [5]",
    'http.allow = ["https://x.example/"]': "[http] allow must be a list of host names, got ['https://x.example/']; "
    "'https://x.example/' is not a host: leave out 'https://', port and path",
    'http.timeout = "5"': "[http] timeout must be a number of seconds above 0, and at most a day, got '5'",
    "http.timeout = 0": "[http] timeout must be a number of seconds above 0, and at most a day, got 0",
    "http.timeout = nan": "[http] timeout must be a number of seconds above 0, and at most a day, got nan",
    "http.timeout = 86401": "[http] timeout must be a number of seconds above 0, and at most a day, got 86401",
    "http.max_bytes = 1.5": "[http] max_bytes must be a whole number of bytes above 0, got 1.5",
    "http.max_bytes = true": "[http] max_bytes must be a whole number of bytes above 0, got True",
    "llm = []": "llm must be a table, got []; write [llm] on a line of its own",
    "llm.url = 5": "[llm] url must be an address that begins with https:// or http://, got 5",
    'llm.url = "llm.example"': "[llm] url must be an address that begins with https:// or http://, got 'llm.example'",
    **{
        f'llm.url = "{url}"': f"[llm] url must be an address that begins with https:// or http://, got {url!r}"
        for url in ("https://h:99999", "http://h:x", "http://a b", "http://[::1", "http:/h", "http://:80")
    },
    'llm.url = "https://"': "[llm] url must be an address that begins with https:// or http://, got 'https://'",
    "llm.model = 5": "[llm] model must be the name of a model, got 5",
    'llm.model = " "': "[llm] model must be the name of a model, got ' '",
    "llm.key = 5": "[llm] key must be the name of a secret, got 5",
    "llm.timeout = false": "[llm] timeout must be a number of seconds above 0, and at most a day, got False",
    'llm.model = "m"': "[llm] url is missing; [llm] needs url and model",
    'llm.url = "https://llm.example"': "[llm] model is missing; [llm] needs url and model",
    "events = 5": "events must be a table, got 5; write [events] on a line of its own",
    'events.log = "yes"': "[events] log must be true or false, got 'yes'",
    "events.webhook = 5": "[events] webhook must be an address that begins with https:// or http://, got 5",
    "events.secret = 5": "[events] secret must be the name of a secret, got 5",
    "events.retries = -1": "[events] retries must be a whole number from 0 to 10, got -1",
    'events.retries = "3"': "[events] retries must be a whole number from 0 to 10, got '3'",
    "limits = 5": "limits must be a table, got 5; write [limits] on a line of its own",
    "limits.seconds = -3": "[limits] seconds must be a number of seconds above 0, and at most a day, got -3",
    "limits.memory_mb = inf": "[limits] memory_mb must be a number of megabytes above 0, got inf",
    "policy = 5": "policy must be a table, got 5; write [policy.JOB] on a line of its own",
    "policy.report = 5": "policy.report must be a table, got 5; write [policy.report] on a line of its own",
    'policy.report.overlap = "quee_one"': "[policy.report] unknown overlap 'quee_one'; did you mean 'queue_one'?",
    "policy.report.max_instances = 0": "[policy.report] max_instances must be a whole number of at least 1, got 0",
    "policy.report.misfire_grace = true": None,
}


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_value_is_one_sentence(line):
    """With the file, the key, what it must be, and what it is."""
    said = refused(line)
    assert said.startswith("tenant.toml: ") and "\n" not in said  # noqa: PT018  one sentence
    if WRONG[line] is not None:
        assert said == f"tenant.toml: {WRONG[line]}"


VALID = {
    "id": '"acme"',
    "timezone": '"UTC"',
    "db": '"sqlite:///a.db"',
    "files": '"memory://x"',
    "secrets": '["env:A_"]',
    "http.allow": '["x.example"]',
    "http.timeout": "1.5",
    "http.max_bytes": "5",
    "llm.url": '"https://llm.example"',
    "llm.model": '"m"',
    "llm.key": '"K"',
    "llm.timeout": "1.5",
    "events.log": "true",
    "events.webhook": '"https://x.example"',
    "events.secret": '"K"',
    "events.retries": "5",
    "alerts.webhook": '"https://x.example"',
    "alerts.secret": '"K"',
    "alerts.retries": "5",
    "alerts.late": '{ report = "26h" }',
    "limits.seconds": "1.5",
    "limits.memory_mb": "1.5",
    "policy.j.overlap": '"skip"',
    "policy.j.catch_up": '"all"',
    "policy.j.max_instances": "5",
    "policy.j.misfire_grace": '"10m"',
    "policy.j.retry": "3",
    "policy.j.backoff": '"5m"',
}
"""Every key, with a value that it may have."""
LITERALS = {
    "text": ['"\\n"', '""', '" "'],
    "number": ["-5", "-0.1", "nan", "1e400"],
    "flag": ["true"],
    "list": ["[]", "[5]", '[["x"]]'],
    "table": ["{}", "{ x = 1 }"],
    "time": ["2026-01-05", "09:00:00", "2026-01-05T09:00:00Z"],
}
"""Values of every type of TOML; the first two types have only such as no key takes."""


def kind(literal):
    """Return the type of a value that is written so."""
    return {"[": "list", '"': "text", "t": "flag", "{": "table"}.get(literal[0], "number")


TYPED = [
    (key, literal)
    for key, valid in VALID.items()
    for given, literals in LITERALS.items()
    for literal in literals
    if given != kind(valid) or given in {"text", "number"}
]


@pytest.mark.parametrize(("key", "literal"), TYPED)
def test_a_value_of_another_type_is_one_sentence(key, literal):
    """For every key, which it names; a value of the right type is read."""
    assert Settings.parse("\n".join(f"{name} = {valid}" for name, valid in VALID.items())).id == "acme"
    said = refused(f"{key} = {literal}")
    section, dot, name = key.rpartition(".")
    assert said.startswith(f"tenant.toml: [{section}] " if dot else f"tenant.toml: {name} must be ")
    assert name in said
    assert "\n" not in said


def test_an_id_is_needed():
    """And nothing else."""
    with pytest.raises(SettingsError) as error:
        Settings.parse("")
    assert str(error.value) == 'tenant.toml: id is missing; write a line such as id = "acme"'


NOT_UTF8 = {"utf-16": 0, "utf-16-be": 0, "utf-32": 0, "latin-1": 2}


@pytest.mark.parametrize("encoding", NOT_UTF8)
def test_a_file_in_another_encoding(tmp_path, encoding):
    """As for a manifest, the sentence says where it is not UTF-8, and what to do."""
    path = tmp_path / "my.toml"
    path.write_bytes(codecs.BOM_UTF16_BE * (encoding == "utf-16-be") + "# é\nid = 'acme'".encode(encoding))
    with pytest.raises(SettingsError) as refused:
        Settings.load(path)
    why = f"byte {NOT_UTF8[encoding]} is not UTF-8; save the file as UTF-8"
    assert str(refused.value) == f"cannot read {str(path)!r}: {why}"


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_byte_order_mark_is_left_out(tmp_path, line_end):
    """As some editors of Windows write it, with their ends of lines."""
    path = tmp_path / "my.toml"
    path.write_bytes(f'# Köln{line_end}id = "acme"{line_end}'.encode("utf-8-sig"))
    found = Settings.load(path)
    assert (found.id, found.text[0]) == ("acme", "#")


def test_what_is_not_toml_is_one_sentence(tmp_path):
    """With the line that the parser names; a file that is not there is another."""
    path = tmp_path / "my.toml"
    path.write_text("id = acme")
    with pytest.raises(SettingsError, match=r"^my\.toml: this is not TOML: .*line 1"):
        Settings.load(path)
    with pytest.raises(SettingsError) as error:
        Settings.load(tmp_path / "none.toml")
    missing = f"cannot read '{tmp_path}/none.toml': No such file or directory; name the file that describes the tenant"
    assert str(error.value) == missing


def test_a_policy_builds_on_the_one_for_all_jobs():
    """What a job's own policy does not say, `*` says; also where `*` stands last."""
    text = 'id = "acme"\n[policy.report]\nmax_instances = 2\n[policy."*"]\noverlap = "queue_one"\n'
    policy = Settings.parse(text).policy
    assert policy["report"] == Policy(overlap="queue_one", max_instances=2)
    assert policy["*"] == Policy(overlap="queue_one")


ALERTS = {
    'late = { report = "26h" }': "tenant.toml: [alerts] webhook is missing; it is the address that hears of failures",
    'webhook = "https://x.example"\nlate = { report = "soon" }': "tenant.toml: [alerts] late must be a table of"
    " durations by job, such as { daily_report = '26h' }, got {'report': 'soon'}; report is 'soon', which is not a"
    " duration",
}


@pytest.mark.parametrize("text", ALERTS)
def test_alerts_that_nobody_would_hear(text):
    """A time without an address, and one that is none."""
    assert refused(f"[alerts]\n{text}") == ALERTS[text]


def test_how_long_jobs_may_be_without_success():
    """In seconds."""
    text = 'id = "acme"\n[alerts]\nwebhook = "https://x.example"\nlate = { report = "26h", "*" = "2d" }'
    assert Settings.parse(text).alerts.late == {"report": 93_600.0, "*": 172_800.0}
