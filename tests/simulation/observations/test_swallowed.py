"""Exceptions that a handler swallows without a word, and answers that are kept though they are not what was asked."""

from __future__ import annotations

import pytest

from sbh_jobkit import FaultPlan, Outage, Plugin, World, simulate

ROWS = "[{'id': 1, 'at': '2026-01-01'}, {}, {'id': None, 'at': 'soon'}]"
SILENT = {
    "a field that is missing": ("x = row['id']", "except KeyError:\n            continue", "KeyError: 'id'"),
    "one of several errors": (
        "x = row['id']",
        "except (ValueError, KeyError):\n            continue",
        "KeyError: 'id'",
    ),
    "the last step": ("x = row['id']", "except KeyError:\n            pass  # it has none", "KeyError: 'id'"),
    "a type": ("x = 1 + row.get('id')", "except TypeError:\n            continue", "TypeError: unsupported operand"),
    "everything": ("x = row['id']", "except Exception:\n            ...", "KeyError: 'id'"),
    "a bare handler": ("x = row['id']", "except:\n            # nothing\n            break", "KeyError: 'id'"),
    "with a name": ("x = row['id']", "except KeyError as error:\n            continue", "KeyError: 'id'"),
}
MEANT = {
    "counted": ("x = row['id']", "except KeyError:\n            seen += 1"),
    "printed": ("x = row['id']", "except Exception:\n            print('no id')"),
    "a value instead": ("x = row['id']", "except KeyError:\n            x = 0"),
    "raised": ("x = int(row.get('id') or 0)", "except Exception:\n            raise"),
    "input that is not valid": ("x = int(row.get('at', '?')[:4])", "except ValueError:\n            continue"),
    "nothing happened": ("x = row.get('id')", "except KeyError:\n            continue"),
    "more to do": ("x = row['id']", "except KeyError:\n            pass\n        seen += 1"),
}


def swallowed(folder, step, handler):
    """Return what a job swallows that does a step for each row."""
    text = (
        "from src.ext.sdk import job\n\n\n@job('work', schedule='0 6 * * *')\ndef work(ctx):\n    seen = 0\n"
        f"    for row in {ROWS}:\n        try:\n            {step}\n        {handler}\n"
        "    return {'status': 'success', 'seen': seen}\n"
    )
    (folder / "main.py").write_text(text)
    (folder / "plugin.json").write_text('{"slug": "p", "name": "P"}')
    found = simulate(Plugin.load(folder), World(), duration="3d").observations
    return [(each.kind, each.message, each.count, each.place) for each in found]


@pytest.mark.parametrize(("step", "handler", "error"), SILENT.values(), ids=SILENT)
def test_a_handler_that_says_nothing(tmp_path, step, handler, error):
    """What it swallows is named once for each run, at the handler's line."""
    ((kind, message, count, place),) = swallowed(tmp_path, step, handler)
    assert (kind, count, place[:8]) == ("exception-swallowed", 3, "main.py:")
    assert message.startswith(f"swallowed {error}")
    assert message.endswith("without a word, and said success")


@pytest.mark.parametrize(("step", "handler"), MEANT.values(), ids=MEANT)
def test_a_handler_that_is_meant(tmp_path, step, handler):
    """It counts, prints or answers, or it names an error of the input."""
    assert swallowed(tmp_path, step, handler) == []


KEPT = {
    "a file": ("ctx.files.upload('a.txt', answer['text'])", "the file 'a.txt'"),
    "JSON around it": ("ctx.files.upload('a.txt', json.dumps([answer['text']]))", "the file 'a.txt'"),
    "an event": ("ctx.emit('said', {'text': answer['text'][:80]})", "the event 'said'"),
    "a request": (
        "ctx.http.post('https://a.example/x', json={'t': answer['text']})",
        "what POST https://a.example/x sent",
    ),
}
WRONG = FaultPlan(Outage("llm", "2026-01-02", "2026-01-03", answer="text"))


def kept(step, reply):
    """Return what is said of a job that asks the model, and does a step with its answer."""
    text = (
        "import json\nfrom src.ext.sdk import job\n\n\n@job('work', schedule='0 6 * * *')\ndef work(ctx):\n"
        f"    answer = ctx.llm.run('Which team?')\n    {step}\n    return {{'status': 'success'}}\n"
    )
    names = {}
    exec(compile(text, "main.py", "exec"), names)  # noqa: S102  a namespace
    world = World()
    world.llm.reply(reply)
    world.http.post("https://a.example/x").respond(202)
    found = simulate(Plugin.load(names), world, duration="3d", faults=WRONG).observations
    return [(each.kind, each.message, each.count) for each in found if each.kind != "route-unused"]


@pytest.mark.parametrize(("step", "what"), KEPT.values(), ids=KEPT)
@pytest.mark.parametrize("reply", ["billing", '{"1": "billing"}'], ids=["a word", "JSON"])
def test_words_in_place_of_data(step, what, reply):
    """A job that is answered with data everywhere else keeps words once, and says success."""
    message = f"{what} has an answer that is words instead of data, and the job said success"
    assert kept(step, reply) == [("answer-kept", message, 1)]


def test_words_are_an_answer_to_who_asks_for_words():
    """A job that asks for a text gets one."""
    assert kept(KEPT["a file"][0], "It was a calm day, and all is well.") == []


@pytest.mark.parametrize(("key", "number"), [("stock.json", 1), ("stock.CSV", 1), ("page.html", 0)])
def test_a_page_in_place_of_data(key, number):
    """HTML is wrong in a file whose name says that it is data."""
    names = {}
    text = (
        "from src.ext.sdk import job\n\n\n@job('work', schedule='0 6 * * *')\ndef work(ctx):\n"
        f"    ctx.files.upload({key!r}, ctx.http.get('https://a.example/x')['text'])\n"
    )
    exec(compile(text, "main.py", "exec"), names)  # noqa: S102  a namespace
    world = World()
    world.http.get("https://a.example/x").respond(json=[1])
    plan = FaultPlan(Outage("a.example", "2026-01-02", "2026-01-03", answer="html"))
    found = simulate(Plugin.load(names), world, duration="3d", faults=plan).observations
    message = f"the file {key!r} has an answer that is a page of HTML instead of data, and the job said success"
    assert [each.message for each in found] == [message] * number
