"""`ctx.llm`: prompts never raise, and each is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from sbh_jobkit import clock
from sbh_jobkit.context.backends import AnswerMistakeError, ServiceError
from sbh_jobkit.context.gate import OfOneRun
from sbh_jobkit.errors import Members, format_error
from sbh_jobkit.plugin.members import SYNONYMS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from sbh_jobkit.context.backends import LlmBackend
    from sbh_jobkit.context.gate import Gate
    from sbh_jobkit.run.recorder import Recorder


class Llm(OfOneRun, Members):
    """The tenant's language model."""

    __slots__ = ("_backend", "_gate", "_recorder", "_zone")
    _called = "ctx.llm"
    _synonyms: ClassVar[Mapping[str, str]] = SYNONYMS["llm"]

    def __init__(self, backend: LlmBackend, recorder: Recorder, gate: Gate, zone: ZoneInfo) -> None:
        """Ask the backend's model; times in records are in `zone`."""
        self._backend = backend
        self._recorder = recorder
        self._gate = gate
        self._zone = zone

    def run(
        self, prompt: str, model: str | None = None, temperature: float = 0.7, max_tokens: int = 1000
    ) -> dict[str, Any]:
        """Return `{text, usage, model}`; an error is `{text: "", error, usage: None, model}`."""
        self._gate("llm.run", "llm.use")
        backend, asked = self._backend, str(prompt)
        name = model or backend.default_model
        text, tokens = "", backend.tokens(asked)
        try:
            _check_most(max_tokens)
            text, read, written = backend.answer(asked, str(name), temperature, max_tokens)
            tokens = read + written
        except AnswerMistakeError as mistake:
            self._recorder.fault("world-failed", "ctx.llm.run", mistake.message, mistake.advice)
            return self._failed(mistake.answer, name)
        except ServiceError as refused:
            return self._failed(str(refused), name)
        except (Exception, SystemExit) as error:  # noqa: BLE001  llm.run never raises, whatever the model does
            return self._failed(format_error(error), name)
        finally:  # also when a limit ends the run before the answer
            self._recorder.llm_call(asked, str(name), text, tokens, clock.now(self._zone))
        usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": tokens}
        return {"text": text, "usage": usage, "model": name}

    def _failed(self, error: str, model: Any) -> dict[str, Any]:
        return self._recorder.watch(
            f"the model answered {error!r}", {"text": "", "error": error, "usage": None, "model": model}
        )


def _check_most(tokens: object) -> None:
    """Refuse a number of tokens that no model takes, as its API would."""
    if not isinstance(tokens, int) or isinstance(tokens, bool) or tokens < 1:
        msg = f"max_tokens must be a whole number of at least 1, got {tokens!r}"
        raise ValueError(msg)
