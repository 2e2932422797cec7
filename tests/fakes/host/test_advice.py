"""The advice of each divergence, followed to the letter, leads to a job that works on both targets."""

import pytest

from sbh_jobkit import Plugin, run_job
from sbh_jobkit.errors import PluginError
from sbh_jobkit.fakes.world import World
from sbh_jobkit.plugin import divergences

FOLLOWED = {
    "D1": ("return len(ctx.db.query('orders', limit=10_000))", 250, 0),
    "D2": (
        """
        try:
            enough = ctx.check_memory_usage()
        except AttributeError:
            enough = True
        return enough
        """,
        True,
        True,
    ),
    "D3": ("return [row.get('name', 'nobody') for row in ctx.db.query('users')]", ["ann", "bob"], ["nobody"]),
    "D4": (
        """
        from datetime import datetime
        now = datetime.now().timestamp()
        return [now - datetime.fromisoformat(f["last_modified"]).timestamp() for f in ctx.files.list()]
        """,
        [3600.0],
        [3600.0],
    ),
    "D5": (
        """
        keys = [f["key"].removeprefix(f"files/{ctx.tenant_id}/") for f in ctx.files.list()]
        return [[ctx.files.get(key)["size"], ctx.files.delete(key), ctx.files.get(key)] for key in keys]
        """,
        [[1, True, None]],
        [[1, True, None]],
    ),
    "D6": (
        """
        key = ctx.secrets.get("API_KEY")
        if key is None:
            return "the secret API_KEY is not set"
        return len(key)
        """,
        7,
        "the secret API_KEY is not set",
    ),
    "D7": (
        """
        mode, known = ctx.secrets.list().get("MODE", "quiet"), "MODE" in ctx.secrets.list()
        return [len(mode), known, ctx.secrets.list().get("NOT_SET", "default"), "NOT_SET" in ctx.secrets.list()]
        """,
        [4, True, "default", False],
        [5, False, "default", False],
    ),
    "D8": (
        """
        answer = ctx.http.get("https://api.example.com/data")
        if answer["status_code"] == 0:
            return f"no answer: {answer['error']}"
        return answer["json"]
        """,
        [1],
        "no answer: 'api.example.com' is not a host that today's host allows",
    ),
    "D12": ("import time; time.sleep(4); return 'a part'", "a part", "a part"),
    "D13": ("return sum(range(1000))", 499500, 499500),
    "D33": (
        """
        return ctx.http.get("https://api.github.com/broken")["status_code"] in (0, 200)
        """,
        True,
        True,
    ),
    "D36": (
        """
        try:
            raise ValueError("no orders")
        except ValueError as error:
            return str(error)
        """,
        "no orders",
        "no orders",
    ),
    "D37": (
        """
        import json
        answer = ctx.http.get("https://api.github.com/vendor")
        body = answer["json"]
        return json.loads(answer["text"]) if body is None else body
        """,
        {"a": 1},
        {"a": 1},
    ),
    "D38": (
        """
        answer = ctx.http.get("https://api.github.com/broken")
        good = answer["status_code"] == 200 and answer["json"] is not None
        return answer["json"] if good else "no data today"
        """,
        "no data today",
        "no data today",
    ),
    "D39": ("return ctx.files.upload('state/page-3', '')", True, True),
    "D40": (
        """
        usage = ctx.llm.run("Hello")["usage"]
        return (usage if isinstance(usage, dict) else vars(usage))["total_tokens"]
        """,
        3,
        3,
    ),
    "D41": (
        "from datetime import datetime\nreturn {'at': datetime.now().isoformat(), 'names': sorted({'b', 'a'})}",
        {"at": "2026-01-05T09:00:00", "names": ["a", "b"]},
        {"at": "2026-01-05T09:00:00", "names": ["a", "b"]},
    ),
    "D43": ("return ctx.db.get_by_id('orders', 5)['n'] if ctx.db.get_by_id('orders', 5) else None", 4, None),
    "D44": (
        "return ctx.files.get_presigned_url('a.txt', 'put_object').partition('?')[0]",
        *["https://files.example/a.txt"] * 2,
    ),
}
COPED = {"D2", "D3", "D4", "D5", "D6", "D8", "D37", "D38", "D39", "D40"}
"""What such a job still meets, and copes with: its author allows it, as the manual says."""


@pytest.mark.parametrize("id_", FOLLOWED)
def test_the_advice_leads_to_a_job_for_both(ran, id_):
    """The job is ok on either target, with the value that its author expects there."""
    body, *expected = FOLLOWED[id_]
    for target, value in zip(("guide", "host"), expected, strict=True):
        world = World(target=target, allow=COPED)
        world.secrets.update(API_KEY="k-12345", MODE="loud")
        world.files.write("a.log", b"a", modified="2026-01-05T08:00")
        world.db.insert("users", [{"name": "ann"}, {"name": "bob"}])
        world.db.insert("orders", [{"n": n} for n in range(250)])
        world.http.get("https://api.example.com/data").respond(json=[1])
        world.http.get("https://api.github.com/vendor").respond(
            content='{"a": 1}', content_type="application/problem+json"
        )
        world.http.get("https://api.github.com/broken").respond(content="{", content_type="application/json")
        world.llm.reply("Hi there")
        run = ran(body, world)
        assert (run.value, run.ok, run.error) == (value, True, None), (target, run.faults)


def test_every_divergence_of_a_job_has_a_job():
    """Whoever adds a divergence shows that its advice works."""
    assert [*FOLLOWED] == divergences.ids_for("job")


@pytest.mark.parametrize("line", ["from reports import daily", "import reports; daily = reports.daily"])
def test_plain_imports_load(tmp_path, line):
    """The advice of D42: modules of a plugin import each other by plain names, and so does the host."""
    (tmp_path / "reports.py").write_text("def daily():\n    return 'made'\n")
    text = f"from src.ext.sdk import job\n{line}\n\n@job('work')\ndef work(ctx):\n    return daily()\n"
    (tmp_path / "main.py").write_text(text)
    (tmp_path / "plugin.json").write_text('{"slug": "p", "name": "P"}')
    assert run_job(Plugin.load(tmp_path).jobs["work"], World(target="host"), at="2026-01-05T09:00").value == "made"


@pytest.mark.parametrize("line", ["from .reports import daily", "from . import reports; daily = reports.daily"])
def test_relative_imports_load_here(tmp_path, line):
    """The kit loads what the guide allows; that the host cannot is what `check --target host` reports."""
    (tmp_path / "reports.py").write_text("def daily():\n    return 'made'\n")
    (tmp_path / "main.py").write_text(
        f"from src.ext.sdk import job\n{line}\n\n@job('work')\ndef work(ctx):\n    return daily()\n"
    )
    (tmp_path / "plugin.json").write_text('{"slug": "p", "name": "P"}')
    assert [*Plugin.load(tmp_path).jobs] == ["work"]


@pytest.mark.parametrize("schedule", ["0 9 * * *", "@daily", "daily", "9:00"])
def test_a_schedule_that_is_not_cron_is_refused(tmp_path, schedule):
    """The advice of D45: five fields load, and what is not cron does not."""
    (tmp_path / "plugin.json").write_text('{"slug": "p", "name": "P"}')
    text = f"from src.ext.sdk import job\n\n@job('work', schedule={schedule!r})\ndef work(ctx): ...\n"
    (tmp_path / "main.py").write_text(text)
    if schedule[0] in "0@":
        assert Plugin.load(tmp_path).jobs["work"].expression == schedule
        return
    with pytest.raises(PluginError, match=rf"^work \(main\.py:3\): schedule '{schedule}' is not cron"):
        Plugin.load(tmp_path)
