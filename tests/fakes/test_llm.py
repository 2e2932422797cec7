"""`world.llm` and `ctx.llm`."""

import pytest

from sbh_jobkit.errors import WorldError
from sbh_jobkit.fakes.world import World


def usage(asked, said):
    """Return the usage of a call, in words."""
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}


TAKES = "world.llm.reply takes text, an exception, a function of the prompt, or a list of these"


def replying(*replies, **when):
    """Make a world with replies, the last ones with a pattern."""
    world = World()
    for reply in replies:
        world.llm.reply(reply)
    for reply, pattern in when.items():
        world.llm.reply(reply, when=pattern)
    return world


def failing(prompt):
    """Answer with an error that is meant."""
    return LookupError(prompt)


@pytest.mark.parametrize(
    ("world", "expression", "value"),
    [
        (
            World(),
            "ctx.llm.run('hello there')",
            {"text": "[fake answer to a prompt of 11 characters]", "usage": usage(2, 8), "model": "fake-llm"},
        ),
        (replying("one two"), "ctx.llm.run('a b c')", {"text": "one two", "usage": usage(3, 2), "model": "fake-llm"}),
        (replying("x"), "ctx.llm.run('a', model='big')", {"text": "x", "usage": usage(1, 1), "model": "big"}),
        (replying("x"), "ctx.llm.run('a', 'big', 0.0, 5)", {"text": "x", "usage": usage(1, 1), "model": "big"}),
        (
            replying("x"),
            "ctx.llm.run(prompt='a', temperature=2)",
            {"text": "x", "usage": usage(1, 1), "model": "fake-llm"},
        ),
        (replying(""), "ctx.llm.run('a')", {"text": "", "usage": usage(1, 0), "model": "fake-llm"}),
        (replying(str.upper), "ctx.llm.run('loud')", {"text": "LOUD", "usage": usage(1, 1), "model": "fake-llm"}),
        (replying(len), "ctx.llm.run('four')", {"text": "4", "usage": usage(1, 1), "model": "fake-llm"}),
        (
            replying("a b c d"),
            "ctx.llm.run('p', max_tokens=2)",
            {"text": "a b", "usage": usage(1, 2), "model": "fake-llm"},
        ),
        (replying("a  b\nc"), "ctx.llm.run('p')", {"text": "a  b\nc", "usage": usage(1, 3), "model": "fake-llm"}),
        (
            replying(TimeoutError("busy")),
            "ctx.llm.run('p', 'big')",
            {"text": "", "error": "TimeoutError: busy", "usage": None, "model": "big"},
        ),
        (
            replying(failing),
            "ctx.llm.run('why')",
            {"text": "", "error": "LookupError: why", "usage": None, "model": "fake-llm"},
        ),
    ],
)
def test_what_a_job_is_answered(answered, world, expression, value):
    """`ctx.llm.run` returns text, usage and model, or an error; it never raises."""
    assert answered(expression, world) == value


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("summarise this", "a summary"),
        ("translate this", "a translation"),
        ("TRANSLATE this", "the rest"),
        ("translate the summary", "a translation"),
        ("anything", "the rest"),
    ],
)
def test_the_latest_reply_that_matches_counts(answered, prompt, text):
    """Replies are looked through from the last one; a pattern is searched for anywhere."""
    world = World()
    world.llm.reply("the rest")
    world.llm.reply("a summary", when="summar")
    world.llm.reply("a translation", when=r"^translate\b")
    assert answered(f"ctx.llm.run({prompt!r})['text']", world) == text


def test_a_later_reply_replaces_an_earlier_one(answered):
    """The latest of several replies for the same prompt answers."""
    world = replying("old", "new")
    assert answered("ctx.llm.run('p')['text']", world) == "new"


def test_a_reply_may_depend_on_the_run(ran):
    """A function is asked each time."""
    world, answers = World(), iter(["first", "second"])
    world.llm.reply(lambda prompt: f"{next(answers)} {prompt}")
    assert ran("return [ctx.llm.run('p')['text'] for _ in range(2)]", world).value == ["first p", "second p"]


def test_a_slow_model_takes_virtual_time(ran):
    """A reply may sleep: the run is that much longer."""
    world = World()
    world.llm.reply(lambda prompt: __import__("time").sleep(5) or prompt)
    run = ran("ctx.llm.run('p')", world)
    assert run.duration.total_seconds() == 5


def test_a_list_of_replies_repeats_its_last(answered):
    """Each prompt gets the next answer, the third and all after it the last, also across runs."""
    world = World()
    world.llm.reply(["first", TimeoutError("busy"), str.upper])
    calls = "[answer.get('error') or answer['text'] for answer in [ctx.llm.run('p') for _ in range(4)]]"
    assert answered(calls, world) == ["first", "TimeoutError: busy", "P", "P"]
    assert answered(calls, world) == ["P", "P", "P", "P"]


def test_each_list_of_replies_is_its_own(answered):
    """Prompts that another pattern matches take nothing from a list."""
    world = World()
    world.llm.reply(("a1", "a2"), when="a")
    world.llm.reply(["b1", "b2"], when="b")
    assert answered("[ctx.llm.run(prompt)['text'] for prompt in 'abba']", world) == ["a1", "b1", "b2", "a2"]


@pytest.mark.parametrize(
    ("answer", "latency", "seconds"),
    [("x", "2s", 4), ("x", "300ms", 0.6), ("x", 1.5, 3), (TimeoutError("busy"), "10s", 20), (["x", "y"], "1s", 2)],
)
def test_a_latency_is_virtual_time(ran, answer, latency, seconds):
    """Each answer, and each error, comes after its latency: the run is that much longer."""
    world = World()
    world.llm.reply(answer, latency=latency)
    run = ran("ctx.llm.run('p')\nctx.llm.run('p')", world)
    assert (run.duration.total_seconds(), run.outcome) == (seconds, "ok")


def test_a_latency_can_pass_the_time_limit(ran):
    """A model that takes too long ends the run, and the prompt is on record."""
    world = World()
    world.llm.reply("late", latency="31s")
    run = ran("try: ctx.llm.run('p')\nexcept Exception: pass", world)
    assert (run.outcome, run.reason) == ("timed_out", "timed out: the limit is 30 s, passed at main.py:5")
    assert [(call.prompt, call.text, call.tokens) for call in run.llm_calls] == [("p", "", 1)]


def test_nobody_waits_for_a_fake_outside_of_a_run():
    """A context made by hand, without virtual time, answers at once."""
    world = World()
    world.llm.reply("x", latency="1d")
    assert world.context().llm.run("p")["text"] == "x"


def test_calls_are_recorded(ran):
    """The run and the world have every prompt and answer, also of calls that failed."""
    world = World()
    world.llm.reply("good day")
    world.llm.reply(TimeoutError("busy"), when="fail")
    run = ran("ctx.llm.run('say hello', model='big'); ctx.llm.run('fail now')", world)
    at = "2026-01-05T09:00:00+00:00"
    assert run.to_dict()["llm_calls"] == [
        {"prompt": "say hello", "model": "big", "text": "good day", "tokens": 4, "at": at},
        {"prompt": "fail now", "model": "fake-llm", "text": "", "tokens": 2, "at": at},
    ]
    assert tuple(world.llm.calls) == run.llm_calls
    assert repr(world.llm) == "<llm: 2 replies, 2 calls>"


def test_permission(faulted):
    """Asking the model needs `llm.use`."""
    message = "ctx.llm.run needs the permission 'llm.use', which plugin.json does not list"
    assert faulted("ctx.llm.run('p')", permissions=[]) == (
        ["PermissionDenied", message],
        ("permission-denied", "ctx.llm.run", message, 'add "llm.use" to "permissions" in plugin.json'),
    )


@pytest.mark.parametrize(
    ("reply", "when", "message"),
    [
        (5, "", f"{TAKES}, got 5"),
        (None, "", f"{TAKES}, got None"),
        ([], "", f"{TAKES}, got []"),
        (["x", 5], "", f"{TAKES}, got 5"),
        (["x", ["y"]], "", f"{TAKES}, got ['y']"),
        (
            "x",
            "(",
            "world.llm.reply: when='(' is not a regular expression: missing ), unterminated subpattern at position 0",
        ),
        (
            "x",
            5,
            "world.llm.reply: when=5 is not a regular expression: first argument must be string or compiled pattern",
        ),
    ],
)
def test_what_is_no_reply_is_refused(reply, when, message):
    """A wrong reply is an error at the author's line."""
    with pytest.raises(WorldError) as refused:
        World().llm.reply(reply, when=when)
    assert str(refused.value) == message


def test_an_exception_class_fails_like_its_instance(answered):
    """`reply(TimeoutError)` is a failure, as it is for a route of `world.http`."""
    failed = {"text": "", "error": "TimeoutError", "usage": None, "model": "fake-llm"}
    assert answered("ctx.llm.run('p')", replying(TimeoutError)) == failed


MOST = "max_tokens must be a whole number of at least 1"
TEMPERATURE = "temperature must be a number of at least 0"
WRONG = {
    **{f"'p', max_tokens={most}": f"{MOST}, got {most}" for most in ("'5'", "-1", "0", "1.5", "None", "True", "[5]")},
    **{f"{prompt}": f"the prompt must be text, got {prompt}" for prompt in ("None", "5", "{'a': 1}", "['p']", "b'p'")},
    **{
        f"'p', temperature={given}": f"{TEMPERATURE}, got {given}"
        for given in ("'hot'", "'0.2'", "None", "True", "-0.1", "1j", "[0]")
    },
    "'p', temperature=float('nan')": f"{TEMPERATURE}, got nan",
    "'p', temperature=float('inf')": f"{TEMPERATURE}, got inf",
    **{
        f"'p', model={given}": f"model must be the name of a model or None, got {given}"
        for given in ("5", "['small']", "False", "b'small'")
    },
    "{'rows': list(range(99))}": "the prompt must be text, got a value of type dict",
}


@pytest.mark.parametrize(("given", "why"), WRONG.items(), ids=WRONG)
def test_what_no_model_takes_is_an_error(answered, given, why):
    """Whatever a job passes, `ctx.llm.run` does not raise, and the model is not asked."""
    world = World()
    world.llm.reply(ZeroDivisionError)
    answer = {"text": "", "error": f"ValueError: {why}", "usage": None, "model": "fake-llm"}
    assert answered(f"ctx.llm.run({given})", world) == answer


def test_an_error_names_the_model_that_was_asked(answered):
    """What is wrong with the rest does not hide it."""
    assert answered("ctx.llm.run(None, 'big')['model']") == "big"


@pytest.mark.parametrize("given", ["0", "0.0", "1", "2.0"])
def test_a_temperature_is_any_number(answered, given):
    """Whole numbers are numbers, too."""
    assert answered(f"ctx.llm.run('p', temperature={given})['text']", replying("a")) == "a"


def test_a_model_that_stays_down_does_not_grow(ran):
    """An error that is raised again and again keeps no tracebacks."""
    world, busy = World(), TimeoutError("busy")
    world.llm.reply(busy)
    ran("for _ in range(9): ctx.llm.run('p')", world)
    assert busy.__traceback__ is None


def test_no_secret_is_in_a_record(ran):
    """A secret's value stands in neither prompt, model nor answer."""
    world = World()
    world.secrets["KEY"] = "sk-12345"
    world.llm.reply(lambda prompt: prompt)
    (call,) = ran("k = ctx.secrets.get('KEY'); ctx.llm.run(k, model=k)", world).llm_calls
    assert (call.prompt, call.model, call.text) == ("‹secret:KEY›",) * 3
