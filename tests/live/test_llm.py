"""The language model of a real tenant, asked over plain HTTP."""

import json

import pytest

from sbh_jobkit.context.gate import Gate
from sbh_jobkit.context.llm import Llm
from sbh_jobkit.live.llm import LiveLlm, NoLlm
from sbh_jobkit.live.settings import LlmSettings
from sbh_jobkit.run.recorder import Recorder
from sbh_jobkit.run.redaction import Redactor
from sbh_jobkit.schedule.times import zone

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def front(backend):
    """Open `ctx.llm` on a backend."""
    recorder = Recorder(lambda: Redactor({}))
    return Llm(backend, recorder, Gate(recorder), zone("UTC"))


@pytest.fixture
def ask(server):
    """Return a function that asks the model, which is a server of this machine."""
    opened = []

    def run(*given, secrets=(), **settings):
        named = {"url": "https://llm.example/v1/", "model": "small", **settings}
        opened.append(LiveLlm(LlmSettings(**named), dict(secrets), server.transport))
        return front(opened[-1]).run(*given)

    yield run
    for each in opened:
        each.close()


def answering(written, status=200):
    """Answer with JSON."""
    return lambda _: (status, [("Content-Type", "application/json")], json.dumps(written).encode())


def test_a_prompt_is_answered(server, ask):
    """By a POST as OpenAI's API has it; the usage is a dict."""
    server.respond = answering({"choices": [{"message": {"content": "Fine."}}], "usage": USAGE})
    answer = ask("How are you?", None, 0.2, 50, secrets={"LLM_KEY": "k-12345"}, key="LLM_KEY")
    assert answer == {"text": "Fine.", "usage": USAGE, "model": "small"}
    [asked] = server.asked
    assert (asked.method, asked.path) == ("POST", "/v1/chat/completions")
    assert {name.lower(): text for name, text in asked.headers.items()}["authorization"] == "Bearer k-12345"
    assert json.loads(asked.body) == {
        "model": "small",
        "messages": [{"role": "user", "content": "How are you?"}],
        "temperature": 0.2,
        "max_tokens": 50,
    }


def test_tokens_are_estimated_where_the_service_counts_none(server, ask):
    """Four bytes each."""
    server.respond = answering({"choices": [{"message": {"content": "12345"}}]})
    usage = ask("1234")["usage"]
    assert usage == {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    assert "Authorization" not in server.asked[0].headers


FAILING = {
    '{"error": {"message": "overloaded"}}': (503, "the model's service answered 503: overloaded"),
    '{"error": "no such model"}': (404, "the model's service answered 404: no such model"),
    "<html>": (502, "the model's service answered 502: <html>"),
    "{}": (200, "the model's service answered what is not a chat completion: {}"),
    "[]": (200, "the model's service answered what is not a chat completion: []"),
    "null": (200, "the model's service answered what is not a chat completion: null"),
    '{"choices": []}': (200, 'the model\'s service answered what is not a chat completion: {"choices": []}'),
}


@pytest.mark.parametrize("content", FAILING)
def test_what_fails_is_an_error_in_one_sentence(server, ask, content):
    """With the service's own words; nothing is raised."""
    status, said = FAILING[content]
    server.respond = lambda _: (status, [], content.encode())
    assert ask("Hello") == {"text": "", "error": said, "usage": None, "model": "small"}


def test_a_redirect_to_another_host_is_an_error(server, ask):
    """The key is never sent there."""
    server.respond = lambda _: (307, [("Location", "https://evil.example/v1")], b"")
    assert "'evil.example' is not in allow" in ask("Hello", secrets={"K": "k-12345"}, key="K")["error"]
    assert len(server.asked) == 1


def test_a_key_that_is_not_set_is_an_error(server, ask):
    """It names the secret."""
    said = "the secret 'LLM_KEY', which key of [llm] in tenant.toml names, is not set"
    assert ask("Hello", key="LLM_KEY")["error"] == said
    assert server.asked == []


def test_a_tenant_without_a_model_says_so():
    """In the answer."""
    said = "tenant.toml names no language model; add [llm] with url and model"
    assert front(NoLlm()).run("Hello") == {"text": "", "error": said, "usage": None, "model": "none"}


def test_a_service_that_is_not_there_is_an_error():
    """Made with a client of its own."""
    llm = LiveLlm(LlmSettings(url="http://127.0.0.1:1/v1", model="small"), {})
    assert "ConnectError" in front(llm).run("Hello")["error"]
    llm.close()
