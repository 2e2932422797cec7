"""What the services of a tenant must offer: small backends, over which `context/` answers a job.

A backend keeps the state, and nothing more. What the contract says of a member's arguments, permissions, results and
faults is in the fronts beside this module, so a fake backend and a live one give a job the same answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping

    from sbh_jobkit.extensions.registry import Extensions

Row = dict[str, Any]


class FileInfo(NamedTuple):
    """One stored file, without its bytes."""

    key: str
    size: int
    content_type: str
    """Empty in a list, where the storage says it only of a single file."""
    modified: float
    """When it was written, in seconds since 1970."""


class HttpAnswer(NamedTuple):
    """The response to a request."""

    status: int
    headers: dict[str, str]
    content: bytes


class LlmAnswer(NamedTuple):
    """What a language model wrote, and the tokens that it was billed for."""

    text: str
    prompt_tokens: int
    completion_tokens: int


class ServiceError(Exception):
    """A service refused; the job gets this text alone as the `error` of its answer."""


class AnswerMistakeError(Exception):
    """What stands for a service has a mistake: the job gets an error, and the run a fault."""

    def __init__(self, answer: str, *, message: str, advice: str) -> None:
        """Take the error that the job is answered, and the fault's message and advice."""
        super().__init__(message)
        self.answer = answer
        self.message = message
        self.advice = advice


class NotServedError(Exception):
    """No service stands behind a request's address: the job gets an error, and the run a fault."""

    def __init__(self, method: str, url: str, *, kind: str, message: str, advice: str | None = None) -> None:
        """Name the request, which after a redirect is the last one, and the fault that it is."""
        super().__init__(message)
        self.method = method
        self.url = url
        self.kind = kind
        self.message = message
        self.advice = advice


class HttpBackend(Protocol):
    """Sends requests."""

    def build(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
        data: Any,
        json: Any,
    ) -> Any:
        """Return a request to send; `str(request.url)` is its whole address. May raise anything for a bad one."""

    def send(self, request: Any) -> HttpAnswer:
        """Return the response; raises NotServedError, or any other exception where no response came."""


class FileBackend(Protocol):
    """Stores files by key."""

    def list(self, prefix: str) -> Iterable[FileInfo]:
        """Return the files whose keys begin with a prefix, sorted by key."""

    def stat(self, key: str) -> FileInfo | None:
        """Return one file's facts, or None."""

    def put(self, key: str, data: bytes, content_type: str) -> bool:
        """Store a file; False where there is no room."""

    def delete(self, key: str) -> bool:
        """Remove a file; True if it existed."""

    def presign(self, key: str, operation: str, expires_in: int) -> str:
        """Return a link for one operation."""


class RowBackend(Protocol):
    """Reads tables. Every member raises UnknownTableError or FilterError."""

    def page(self, table: str, filters: Mapping[str, Any] | None, first: int, end: int) -> list[Row]:
        """Return copies of the matching rows from number `first` to before `end`, in insertion order."""

    def get(self, table: str, id: Any) -> Row | None:  # noqa: A002  the contract's parameter name
        """Return a copy of the row with that id, or None."""

    def count(self, table: str, filters: Mapping[str, Any] | None) -> int:
        """Count the matching rows."""


class LlmBackend(Protocol):
    """Asks a language model."""

    @property
    def default_model(self) -> str:
        """The model that answers where a job names none."""

    def tokens(self, text: str) -> int:
        """Estimate how many tokens a text has."""

    def answer(self, prompt: str, model: str, temperature: float, max_tokens: int) -> LlmAnswer:
        """Return the answer; may raise anything."""


class Hints(Protocol):
    """Says what to do about something that a tenant does not have, such as a line to paste; None for no advice."""

    def secret(self, key: str) -> str | None:
        """Return how to set a secret."""

    def table(self, table: object) -> str | None:
        """Return how to get a table of that name."""


class Services(Protocol):
    """The backends of one tenant, as one run uses them. Each is asked for when the job first needs it."""

    @property
    def secrets(self) -> MutableMapping[str, str]:
        """The secrets by name: a dict will do."""

    @property
    def http(self) -> HttpBackend:
        """What sends requests."""

    @property
    def files(self) -> FileBackend:
        """The object storage."""

    @property
    def db(self) -> RowBackend:
        """The tables."""

    @property
    def llm(self) -> LlmBackend:
        """The language model."""

    @property
    def hints(self) -> Hints:
        """Advice for what is missing."""

    @property
    def extensions(self) -> Extensions[Any]:
        """What extensions offer as `ctx.<name>`."""

    def memory_is_near(self) -> bool:
        """Whether the run has used 90 % of its memory limit, or more."""
