"""What was seen while values were followed; the rules read it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ast

    from sbh_jobkit.check.flow.values import Origin, Value
    from sbh_jobkit.check.walk import Function


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Entry:
    """A function that the platform calls, or one that takes the context and that nothing else calls."""

    kind: str
    """`job`, `route`, `hook`, `llm_filter`, `generator_hook`, `module`, or empty."""
    file: str
    node: Function | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """Something at a place in the code."""

    file: str
    node: ast.expr
    entry: Entry


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Called(Seen):
    """A call of `ctx`, or of a library by its whole name."""

    path: str
    """`http.get`, or `time.sleep`."""
    call: ast.Call
    given: tuple[Value, ...]
    named: dict[str, Value]
    starred: bool
    """Whether there is a `*` or `**`, so that the arguments are not all known."""
    origin: Origin | None = None
    ours: bool = False
    """Whether it is a call of `ctx`."""
    importing: bool = False
    """Whether it happens while the module is imported."""
    loops: tuple[ast.AST, ...] = ()
    """The loops around it, also those of the functions that led here."""

    def argument(self, position: int, name: str) -> Value | None:
        """Return an argument that is given by position or by name."""
        return self.given[position] if position < len(self.given) else self.named.get(name)

    def argument_node(self, position: int, name: str) -> ast.expr:
        """Return where an argument is, or the call."""
        if position < len(self.call.args):
            return self.call.args[position]
        return next((word.value for word in self.call.keywords if word.arg == name), self.call)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MemberRead(Seen):
    """A member of `ctx` or of a service that was read: `http.fetch`."""

    path: str
    probed: bool = False
    """Whether the code is prepared for its absence."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Used(Seen):
    """A value that was used in some way."""

    value: Value
    how: str
    """`attribute`, `subscript`, `call`, `iterate`, `order`, `add`, `text`, or the function it was given to."""
    name: str = ""
    """The attribute or the key."""
    status: bool = False
    """Whether the status of the answer was looked at before."""
    some: bool = False
    """Whether it is known not to be None."""
    caught: frozenset[str] = frozenset()
    """The exceptions that the code around it handles."""
    present: bool = False
    """Whether a test showed that the key is there."""
    other: Value | None = None
    """The other side of an operator."""
    operator: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Returned(Seen):
    """A value that an entry returns."""

    value: Value


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dropped(Seen):
    """A value of an expression that is a statement of its own."""

    value: Value


@dataclass(slots=True)
class Trace:
    """All that was seen, in order."""

    calls: list[Called] = field(default_factory=list)
    members: list[MemberRead] = field(default_factory=list)
    uses: list[Used] = field(default_factory=list)
    returns: list[Returned] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    looked: set[Origin] = field(default_factory=set)
    """The results that something reads."""
    entries: list[Entry] = field(default_factory=list)
    ran: set[ast.AST] = field(default_factory=set)
    """The functions that entries are or call; those that are called only while modules are imported are not here."""
    falls: list[Entry] = field(default_factory=list)
    """The entries whose end is reached without a return."""
    complete: bool = True
    """Whether all was followed; if not, rules about what is absent are silent."""
