"""The language model of a real tenant: any service with the API of OpenAI's `/chat/completions`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sbh_jobkit.context.backends import LlmAnswer, NotServedError, ServiceError
from sbh_jobkit.live.http import LiveHttp
from sbh_jobkit.live.settings import HttpSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sbh_jobkit.live.settings import LlmSettings

_BYTES_A_TOKEN = 4
_MOST_SHOWN = 300


class LiveLlm:
    """Asks the model that the settings name."""

    __slots__ = ("_http", "_redacted", "_secrets", "_settings")

    def __init__(
        self,
        settings: LlmSettings,
        secrets: Mapping[str, str],
        transport: Any = None,
        redacted: Callable[[str], str] = str,
    ) -> None:
        """Ask the service at the settings' address, with the key among the secrets; `transport` is as for LiveHttp.

        `redacted` is called with the service's words about a failure.
        """
        self._redacted = redacted
        self._settings = settings
        self._secrets = secrets
        allowed = HttpSettings(allow=(urlsplit(settings.url).hostname or "",), timeout=settings.timeout)
        self._http = LiveHttp(allowed, transport)

    @property
    def default_model(self) -> str:
        """The model of the settings."""
        return self._settings.model

    def tokens(self, text: str) -> int:
        """Estimate the tokens by the text's length: four bytes each."""
        return -(-len(text.encode("utf-8", "replace")) // _BYTES_A_TOKEN)

    def answer(self, prompt: str, model: str, temperature: float, max_tokens: int) -> LlmAnswer:
        """Return the model's answer; raises ServiceError with the service's own words where it refuses."""
        asked = {"model": model, "messages": [{"role": "user", "content": prompt}]}
        limits = {"temperature": temperature, "max_tokens": max_tokens}
        url = f"{self._settings.url.rstrip('/')}/chat/completions"
        try:
            request = self._http.build("POST", url, json={**asked, **limits}, headers=self._headers())
            status, _, content = self._http.send(request)
        except NotServedError as leaves:  # the service redirects to another host
            raise ServiceError(leaves.message) from leaves
        written = _parsed(content)
        if status >= 300:  # noqa: PLR2004  as HTTP has it: all above are redirects and errors
            msg = f"the model's service answered {status}: {self._reason(written, content)}"
            raise ServiceError(msg)
        try:
            text = written["choices"][0]["message"]["content"] or ""
            usage = written.get("usage") or {}
            read = int(usage.get("prompt_tokens", self.tokens(prompt)))
            return LlmAnswer(str(text), read, int(usage.get("completion_tokens", self.tokens(text))))
        except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
            msg = f"the model's service answered what is not a chat completion: {self._reason(written, content)}"
            raise ServiceError(msg) from error

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _reason(self, written: Any, content: bytes) -> str:
        error = written.get("error") if isinstance(written, dict) else None
        text = error.get("message") if isinstance(error, dict) else error
        shown = self._redacted(f"{text or content.decode('utf-8', 'replace')}")  # before the cut: half is not found
        return shown[:_MOST_SHOWN]

    def _headers(self) -> dict[str, str]:
        name = self._settings.key
        if name is None:
            return {}
        if (key := self._secrets.get(name)) is None:
            msg = f"the secret {name!r}, which key of [llm] in tenant.toml names, is not set"
            raise ServiceError(msg)
        return {"Authorization": f"Bearer {key}"}


class NoLlm:
    """Answers where the settings name no model."""

    __slots__ = ()

    default_model = "none"

    def tokens(self, text: str) -> int:
        """Count nothing: nothing is sent."""
        del text
        return 0

    def answer(self, prompt: str, model: str, temperature: float, max_tokens: int) -> LlmAnswer:
        """Raise ServiceError, which says what to write."""
        del prompt, model, temperature, max_tokens
        msg = "tenant.toml names no language model; add [llm] with url and model"
        raise ServiceError(msg)


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None
