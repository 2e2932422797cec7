"""`ctx.llm`: prompts never raise, and each is recorded."""

from __future__ import annotations

from math import inf
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar, TypeGuard

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


_LONGEST_SHOWN = 60


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
        backend, asked = self._backend, prompt if isinstance(prompt, str) else ""
        name = model if isinstance(model, str) and model else backend.default_model
        text, tokens = "", backend.tokens(asked)
        try:
            _check(prompt, model, temperature, max_tokens)
            text, read, written = backend.answer(asked, name, temperature, max_tokens)
            tokens = read + written
        except AnswerMistakeError as mistake:
            self._recorder.fault("world-failed", "ctx.llm.run", mistake.message, mistake.advice)
            return self._failed(mistake.answer, name)
        except ServiceError as refused:
            return self._failed(str(refused), name)
        except (Exception, SystemExit) as error:  # noqa: BLE001  llm.run never raises, whatever the model does
            return self._failed(format_error(error), name)
        finally:  # also when a limit ends the run before the answer
            self._recorder.llm_call(asked, name, text, tokens, clock.now(self._zone))
        usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": tokens}
        return {"text": text, "usage": usage, "model": name}

    def _failed(self, error: str, model: str) -> dict[str, Any]:
        return self._recorder.watch(
            f"the model answered {error!r}", {"text": "", "error": error, "usage": None, "model": model}
        )


def _check(prompt: object, model: object, temperature: object, max_tokens: object) -> None:
    """Refuse what no model takes, as its API would."""
    if not isinstance(prompt, str):
        msg = f"the prompt must be text, got {_shown(prompt)}"
    elif model is not None and not isinstance(model, str):
        msg = f"model must be the name of a model or None, got {_shown(model)}"
    elif not _is_number(temperature, Real) or not 0 <= temperature < inf:
        msg = f"temperature must be a number of at least 0, got {_shown(temperature)}"
    elif not _is_number(max_tokens, int) or max_tokens < 1:
        msg = f"max_tokens must be a whole number of at least 1, got {_shown(max_tokens)}"
    else:
        return
    raise ValueError(msg)


def _is_number(value: object, kind: type) -> TypeGuard[float]:
    return isinstance(value, kind) and not isinstance(value, bool)


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _LONGEST_SHOWN else f"a value of type {type(value).__name__}"
