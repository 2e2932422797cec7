"""What a run did that is probably not meant, noted while it happens; nothing failed by it.

The kinds of observation that a simulation makes of these notes, and of its runs, stand here, because `allow` takes them
as it takes kinds of fault.
"""

from __future__ import annotations

from opcode import opmap
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from types import FrameType

OBSERVATIONS = {
    "answer-ignored": "a request or a prompt failed, or a file was not stored; the job did not look, and said success",
    "answer-kept": "a job kept an answer that was not what it had asked for, and said success",
    "exception-swallowed": "a handler that does nothing swallowed a mistake, and left out what it happened to",
    "file-grows": "a file is larger after every run, though no more rows were read",
    "file-overwritten": "several jobs write a file of the same name, each over what another one wrote",
    "items-failed": "the returned value counts failed items and none that worked, and says success",
    "job-not-due": "a job has no fire time in the range",
    "list-empty": "files were looked for where there never are any, and there are some in a place with a similar name",
    "module-state": "a variable of the plugin changes from run to run; a restart loses it",
    "not-simulated": "the plugin has hooks or routes, which a simulation does not call",
    "page-unread": "jobs never ask for the last page of a list, or for any but the first though there are more",
    "prefix-wide": "files of several folders were deleted, because a prefix without its last slash matches them all",
    "process-state": "a run changes the folder, the time zone or logging of the process, which other runs may share",
    "prompt-unmatched": "no reply of the world matches a prompt",
    "query-empty": "a filter never matched a row; its field or value is similar to those of the rows, but another",
    "query-limit": "a query returned as many rows as its limit, more rows match, and nothing asked for them",
    "request-doubled": "a run sent the same POST or PUT twice, with the same body, though the first was accepted",
    "request-repeated": "a run sent the same request many times, without waiting, and got the same answer",
    "route-unused": "no job asked a route of the world",
    "status-unknown": "the returned value reports a failure in words that the platform does not know",
}
"""Every kind of observation, and its meaning."""
WRONG_ANSWERS = {
    "html": "This service is under maintenance (fault plan).",
    "text": "I am sorry, I cannot answer that as JSON (fault plan).",
}
"""What a service says, by the kind of the injected answer that is not what a job asks for."""
_MARK = "(fault plan)"
_LOOKS = frozenset({"status_code", "error", "usage"})


def wrong_answer_in(content: str | bytes) -> str | None:
    """Return the kind of injected wrong answer that a text or the content of a file contains."""
    if (_MARK not in content) if isinstance(content, str) else (_MARK.encode() not in content):
        return None
    text = (content if isinstance(content, str) else content.decode("utf-8", "replace")).lower()
    return next((kind for kind, answer in WRONG_ANSWERS.items() if answer.lower() in text), None)


class Note(NamedTuple):
    """Something seen in a run."""

    kind: str
    """A kind of observation, or `found` for a search that found something."""
    subject: Any
    place: str | None = None
    """The plugin's file:line."""


class FailedAnswer(dict[str, Any]):
    """The answer to a request or a prompt that failed; it knows whether the job looked at how it ended."""

    looked = False

    def __getitem__(self, key: str) -> Any:
        """Return a value, and note whether it says how the request ended."""
        self.looked = self.looked or key in _LOOKS
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value, and note whether it says how the request ended."""
        self.looked = self.looked or key in _LOOKS
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        """Whether there is such a value; to ask for `error` is to look."""
        self.looked = self.looked or key in _LOOKS
        return super().__contains__(key)

    def __iter__(self) -> Any:
        """Iterate over all names: to look at everything."""
        self.looked = True
        return super().__iter__()

    def items(self) -> Any:
        """Return all values with their names."""
        self.looked = True
        return super().items()

    def values(self) -> Any:
        """Return all values."""
        self.looked = True
        return super().values()

    def __repr__(self) -> str:
        """Show everything, as a job does that prints an answer."""
        self.looked = True
        return super().__repr__()


def drops_result(frame: FrameType | None) -> bool:
    """Whether the code of a frame throws away what the call that it is in returns."""
    if frame is None:
        return False
    code, place = frame.f_code.co_code, frame.f_lasti + 2
    while place < len(code) and code[place] == _CACHE:
        place += 2
    return place < len(code) and code[place] == _POP


_CACHE = opmap.get("CACHE", 0)
_POP = opmap["POP_TOP"]
