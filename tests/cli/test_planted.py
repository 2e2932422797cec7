"""Mistakes planted into two careful plugins: which command finds each, and what its first screen says."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sbh_jobkit.cli.main import FAILED, OK

PLANTED = Path(__file__).parents[1] / "data" / "planted"
SPEC = importlib.util.spec_from_file_location("planted_bugs", PLANTED / "bugs.py")
BUGS = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(BUGS)
ROWS, COLUMNS = 24, 80
SEVERAL = (
    "rooms kept for all tenants",
    "a tenant by name",
    "a window of the clock",
    "a letter that nobody accepted",
    "a week of another year",
    "the same day next year",
)

TABLE = {
    # what is wrong: the plugin, its mistakes, the command, the exit code, lines of the first screen
    "dates with and without zone": (
        "library",
        ["naive dates"],
        "simulate case --for 6d --job card_ends --against careful",
        FAILED,
        """\
card_ends
  lost: event card.ending; on Tue 2026-01-06 09:00 CET
    {"id": 1}""",
    ),
    "the last day of a month": (
        "library",
        ["the day after the last"],
        "simulate case --from 2026-01-30 --for 3d",
        FAILED,
        """\
Sat 2026-01-31 02:30 CET  export_loans  crashed
    main.py:56: ValueError: day is out of range for month""",
    ),
    "a 429 that ends the paging, with a fault": (
        "library",
        ["a 429 ends the paging", "no waiting"],
        "simulate case --for 6d --fault 'rate_limit of=catalogue.example.com per_minute=2'",
        FAILED,
        """\
injected faults, and what came of them:
  rate limit of catalogue.example.com: 4 requests in 4 runs, none failed
  remind_readers: POST https://post.example.com/letters never happened, 60
    times; the run met rate limit of catalogue.example.com, and said success""",
    ),
    "a 429 that ends the paging, under stress": (
        "library",
        ["a 429 ends the paging", "no waiting"],
        "simulate case --for 6d --job remind_readers --stress rate_limit",
        FAILED,
        """\
remind_readers: POST https://post.example.com/letters never happened, 60 times;
  the run met rate limit of catalogue.example.com, and said success""",
    ),
    "a token as base64 and its beginning": (
        "library",
        ["a token in disguise"],
        "simulate case --for 2d",
        FAILED,
        """\
Thu 2026-01-01 08:00 CET  remind_readers  faulty
    main.py:19: secret 'CATALOGUE_TOKEN' is in what the job printed
      [secret-leaked]""",
    ),
    "yesterday as 86,400 seconds ago": (
        "library",
        ["soon after midnight", "day of 86,400 s"],
        "simulate case --for 2d --stress dst",
        FAILED,
        """\
export_loans: loans/2026-03-28.csv is written twice, loans/2026-03-29.csv never;
  on 2026-03-30, about which the clocks change, the date in its name is not as
  far from the run as usual""",
    ),
    "a list that is kept and uploaded": (
        "library",
        ["a growing file"],
        "simulate case --for 2d --strict",
        FAILED,
        """\
  card_ends: the file 'cards/log.txt' grows at every run: 100 → 4,800 bytes
    [file-grows]""",
    ),
    "no mark of what was sent": (
        "library",
        ["no mark"],
        "simulate case --for 2d --twice",
        FAILED,
        """\
not idempotent; what the second runs did, after a fresh import:
  2 of 2 runs of remind_readers, the first on Thu 2026-01-01 08:00 CET
    sent: 90
      POST https://post.example.com/letters 202:
      {"to":"r0@example.com","loan":"L0","text":"Please bring it back."}""",
    ),
    "100 rows taken for all": (
        "library",
        ["the default limit"],
        "simulate case --for 7d",
        OK,
        """\
  main.py:66: sort_wishes: a query of 'wishes' returned 100 rows, more match,
    and nothing asked for them [query-limit]""",
    ),
    "a word that is not the platform's, before it runs": (
        "library",
        ["a word that is not the platform's"],
        "check case",
        FAILED,
        """\
case/main.py:33:31: warning[status-word] "status" is 'failed', which the platform takes for success""",
    ),
    "a word that is not the platform's, under stress": (
        "library",
        ["a word that is not the platform's"],
        "simulate case --for 6d --job remind_readers --stress outage",
        FAILED,
        """\
remind_readers: returned the status 'failed', which the platform takes for
  success; its word is 'error' [status-unknown]; the run met outage of
  catalogue.example.com""",
    ),
    "a mark before the deed": (
        "library",
        ["mark before the letter"],
        "simulate case --for 6d --job remind_readers --stress crash",
        FAILED,
        """\
remind_readers: POST https://post.example.com/letters never happened; killed
  between ctx.files.upload and ctx.http.post on 2026-01-01 08:00, after it was
  marked as done
    the first: {"to":"r0@example.com","loan":"L0","text":"Please bring it
      back."}""",
    ),
    "files looked for under another prefix": (
        "library",
        ["another prefix"],
        "simulate case --for 2d",
        OK,
        """\
  main.py:65: sort_wishes: no run found a file under 'shelf/'; there are files
    under 'shelved/' [list-empty]""",
    ),
    "a letter that is accepted and sent again": (
        "clinic",
        ["only 200 is accepted", "tried again whatever was said"],
        "simulate case --for 2d",
        OK,
        """\
  main.py:29: invite: sent POST https://letters.example.com/invites again with
    the same body in one run, though it was accepted [request-doubled]""",
    ),
    "a last page that nobody asks for": (
        "clinic",
        ["the last page"],
        "simulate case --for 3d",
        OK,
        """\
  main.py:18: invite: no run asked for the last page of
    https://register.example.com/patients: 2 was the last asked for, of 1 to 3
    [page-unread]""",
    ),
    "two jobs that write one file": (
        "clinic",
        ["the latest list", "the latest week"],
        "simulate case --for 3d",
        OK,
        """\
  the file 'lists/latest.json' is written by day_list and week_list, each over
    what the other wrote [file-overwritten]""",
    ),
    "a week with the number of another year": (
        "clinic",
        ["a week of another year"],
        "simulate case --for 2d --job week_list --stress calendar",
        FAILED,
        """\
week_list: lists/2025-W01.json is written on 2025-12-29, which is in week
  2026-W01: 2025-W01 is another one; about that day the year turns""",
    ),
    "29 February of next year": (
        "clinic",
        ["the same day next year"],
        "simulate case --for 2d --job invite --stress calendar",
        FAILED,
        """\
Tue 2028-02-29 08:15 CET  invite  crashed
    main.py:50: ValueError: day is out of range for month""",
    ),
    "rooms that are kept for all tenants": (
        "clinic",
        ["rooms kept for all tenants"],
        "simulate case --for 2d --job confirm --stress tenants",
        FAILED,
        """\
confirm: event visit.confirmed has another content, 32 times; only if tenant
  'acme' ran before 'globex' in the same process: a variable keeps what is
  another tenant's""",
    ),
    "a tenant by name": (
        "clinic",
        ["a tenant by name"],
        "simulate case --for 2d --job confirm --stress tenants",
        FAILED,
        """\
confirm: event visit.confirmed names tenant 'acme', 32 times; the run is one of
  tenant 'globex'""",
    ),
    "what came since a time that the clock gives": (
        "clinic",
        ["a window of the clock"],
        "simulate case --for 4d --job confirm --stress late",
        FAILED,
        """\
confirm: event visit.confirmed never happened, 2 times; the run was coalesced,
  and no later run made up for it""",
    ),
    "a letter that nobody accepted": (
        "clinic",
        ["a letter that nobody accepted"],
        "simulate case --for 5d --job invite --stress outage",
        FAILED,
        """\
invite: POST https://letters.example.com/invites never happened, 3 times; the
  run met outage of letters.example.com, and said success""",
    ),
    "a visit that is left out because it has no room": (
        "clinic",
        ["a visit without a room"],
        "simulate case --for 4d --job confirm",
        OK,
        """\
  main.py:71: confirm: swallowed KeyError: 'room' without a word, and said
    success [exception-swallowed]""",
    ),
    "a set written as a list": (
        "clinic",
        ["rooms as a set"],
        "simulate case --for 2d --job day_list --stress order",
        FAILED,
        """\
day_list: file uploaded lists/#-#-#.json has another content, 2 times; only in
  another process, where sets have another order: sort what comes out of a set""",
    ),
    "an answer of the model that is no JSON": (
        "library",
        ["any answer is kept"],
        "simulate case --for 4d --job sort_wishes --stress outage",
        FAILED,
        """\
main.py:71: sort_wishes: the file 'shelves.json' has an answer that is words
  instead of data, and the job said success [answer-kept]; the run met words
  instead of the JSON of llm""",
    ),
    "the first part of a list": (
        "shop",
        ["the first part of a list"],
        "simulate case --for 4d --job sync_contacts",
        OK,
        """\
  main.py:19: sync_contacts: no run asked for more than one part of
    https://crm.example.com/contacts, and each answer says that there is more
    [page-unread]""",
    ),
    "the first page of a table": (
        "shop",
        ["the first page"],
        "simulate case --for 7d --job dunning",
        OK,
        """\
  main.py:74: dunning: a query of 'orders' returned the same 50 rows in every
    run; more match, and nothing asked for them [query-limit]""",
    ),
    "a prefix that is the beginning of two folders": (
        "shop",
        ["a prefix without slash"],
        "simulate case --for 2d --job purge",
        OK,
        """\
  main.py:60: purge: deleted files under 'backlog/' and 'backups/', because the
    prefix 'back' matches them all [prefix-wide]""",
    ),
    "an export without rows while the tables are away": (
        "shop",
        ["no rows where there is no table"],
        "simulate case --for 6d --job close_day --stress outage",
        FAILED,
        """\
close_day: file uploaded turnover/#-#-#.csv has less in it, 4 times; the run met
  outage of db, and said success""",
    ),
    "any word of the model taken for a team": (
        "shop",
        ["any team"],
        "simulate case --for 4d --job triage --stress outage",
        FAILED,
        """\
main.py:107: triage: the event 'ticket.assigned' has an answer that is words
  instead of data, and the job said success [answer-kept]; the run met words
  instead of the JSON of llm""",
    ),
    "a weekly job and the year of another week": (
        "shop",
        ["the year of another week"],
        "simulate case --for 20d --job digest --stress calendar",
        FAILED,
        """\
digest: digests/2025-W01.json is written on 2026-01-05, which is in week
  2026-W01: 2025-W01 is another one; about that day the year turns""",
    ),
    "cents that are cut off": (
        "clinic",
        ["money cut off"],
        "simulate case --for 2d --job confirm --against careful",
        FAILED,
        """\
    - {"id": 2, "clinic": "acme", "room": "acme room 2", "cents": 1999}
    + {"id": 2, "clinic": "acme", "room": "acme room 2", "cents": 1998}""",
    ),
}


@pytest.fixture(params=TABLE.values(), ids=TABLE)
def case(request, tmp_path):
    """Write a careful plugin and one with mistakes; return the command, its code and lines."""
    plugin, mistakes, *expected = request.param
    for name in ("careful", "case"):
        shutil.copytree(PLANTED / plugin, tmp_path / name)
    main_py, manifest = tmp_path / "case" / "main.py", tmp_path / "case" / "plugin.json"
    main_py.write_text(BUGS.plant(main_py.read_text(), *mistakes))
    if "soon after midnight" in mistakes:
        manifest.write_text(manifest.read_text().replace("30 2 * * *", "30 0 * * *"))
    return expected


def test_the_first_screen_names_the_cause(case, tmp_path):
    """The command ends with its code, and what a person must learn stands in 24 rows of 80 columns."""
    command, code, lines = case
    done = subprocess.run(
        [sys.executable, "-m", "sbh_jobkit", *shlex.split(command)],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": f"{COLUMNS}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert lines in first_screen(done.stdout), done.stdout


def test_findings_are_the_same_anywhere(tmp_path):
    """Byte for byte, in another process, zone of the machine, and order of hashes, under every kind of stress."""
    shutil.copytree(PLANTED / "clinic", tmp_path / "case")
    main_py = tmp_path / "case" / "main.py"
    main_py.write_text(BUGS.plant(main_py.read_text(), *SEVERAL))
    words = ["simulate", "case", "--for", "4d", "--stress", "all", "--json"]
    tried = [
        subprocess.Popen(
            [sys.executable, "-m", "sbh_jobkit", *words],
            cwd=tmp_path,
            env={**os.environ, "TZ": zone, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
        )
        for zone, seed in (("Asia/Tokyo", "1"), ("America/New_York", "2"))
    ]
    first, second = (process.communicate(timeout=300)[0] for process in tried)
    assert first == second
    found = json.loads(first)
    jobs = {each["job"] for each in (*found["findings"], *(broken["run"] for broken in found["broken"]))}
    assert jobs == {"confirm", "invite", "week_list"}
    assert len({each["finding"] for each in found["findings"]}) > len(jobs)


def first_screen(out):
    """Return the lines of which a terminal shows everything before it scrolls."""
    shown, rows = [], 0
    for line in out.splitlines():
        rows += max(1, -(-len(line) // COLUMNS))
        if rows > ROWS:
            break
        shown.append(line)
    return "\n".join(shown)
