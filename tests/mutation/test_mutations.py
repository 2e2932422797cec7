"""The changes that mutation testing makes, and the comparison of what survives with what is argued."""

import ast
import tomllib

import pytest
from mutate import ROOT, SURVIVORS, TARGETS, compared
from mutations import Mutant, mutants

CHANGES = [
    ("a = 1", ["a = 2"]),
    ("a = 1.5", ["a = 2.5"]),
    ("a = True", ["a = False"]),
    ("a = 'x'", ["a = 'x¬'"]),
    ("a = b < c", ["b <= c"]),
    ("a = b is c", ["b is not c"]),
    ("a = b and c", ["c", "b"]),
    ("a = b or c or d", ["c or d", "b or d", "b or c"]),
    ("a = not b", ["a = b"]),
    ("a = b + c", ["b - c"]),
    ("a = b // c", ["b * c"]),
    ("a = min(b, c)", ["max(b, c)"]),
    ("a = b.strip()", ["b"]),
    ("a = b.startswith(c)", ["b.endswith(c)"]),
    ("a = re.compile(b, re.ASCII)", ["re.compile(b, re.NOFLAG)"]),
    ("a += b", ["pass", "a -= b"]),
    ("a = b if c else d", ["b if not c else d"]),
    ("a = [b for b in c if b]", ["[b for b in c if not b]", "[b for b in c if True]"]),
    ("if a:\n    b()", ["not a", "pass"]),
    ("if a < b:\n    c = d", ["not a < b", "a <= b"]),
    ("def f():\n    return a", ["return None"]),
    ("def f(a=1):\n    pass", ["a=2"]),
    ("def f():\n    raise a", ["pass"]),
    ("def f():\n    yield a", ["pass"]),
    ("match a:\n    case 'x', y if b and c:\n        d()", ["['x¬', y]", "c", "b", "pass"]),
    ("a = f'{b} c'", ["a = f'{b} c¬'"]),
    ("a = f'{b:%H}'", ["a = f'{b:%H¬}'"]),
]


@pytest.mark.parametrize(("code", "changed"), CHANGES)
def test_each_piece_is_changed_once(code, changed):
    """The name of a change shows the piece before and after it, and the code compiles."""
    tree, names = ast.parse(code), []
    for mutant in mutants(tree):
        compile(ast.fix_missing_locations(tree), "code", "exec")
        names.append(mutant.name.partition(" → ")[2])
        assert ast.unparse(tree) != ast.unparse(ast.parse(code))
    assert names == changed
    assert ast.unparse(tree) == ast.unparse(ast.parse(code))


UNTOUCHED = [
    "def f():\n    '''Say.'''\n    return None",
    "a: Literal['x'] = b",
    "def f(a: Literal[1]) -> Literal[2]:\n    pass",
    "if TYPE_CHECKING:\n    a = 1",
    "from a import b",
    "zip(a, b, strict=True)[c]",
    "class A:\n    __slots__ = ('a',)",
    "@cache(1)\ndef f():\n    pass",
]


@pytest.mark.parametrize("code", UNTOUCHED)
def test_what_changes_nothing_is_left_alone(code):
    """Annotations, docstrings, imports, decorators, and what only the type checker reads."""
    assert [mutant.name for mutant in mutants(ast.parse(code)) if "pass" not in mutant.name] == []


def test_a_name_says_where_and_stays_when_lines_move():
    """Two equal changes of one function are numbered."""
    code = "class A:\n    def f(self):\n        return g(1)\n\n    def h(self):\n        return [x < 1, x < 1]\n"
    names = [mutant.name for mutant in mutants(ast.parse(code))]
    assert names == [
        "A.f: return g(1) → return None",
        "A.f: g(1) → g(2)",
        "A.h: return [x < 1, x < 1] → return None",
        "A.h: x < 1 → x <= 1",
        "A.h: x < 1 → x < 2",
        "A.h: x < 1 → x <= 1 #2",
        "A.h: x < 1 → x < 2 #2",
    ]
    assert [mutant.name for mutant in mutants(ast.parse(f"import a\n\n{code}"))] == names


def test_what_survives_is_compared_with_what_is_argued():
    """A new survivor, and an argument for a change that is noticed, are both a line."""
    found = {"filters": [Mutant("f: 1 → 2", 5), Mutant("f: 2 → 3", 6)], "run.redaction": []}
    argued = {"filters": {"f: 1 → 2": "why", "f: 3 → 4": "why"}, "schedule.cron": {"g: 1 → 2": "why"}}
    assert compared(found, argued) == [
        "survives: filters:6 f: 2 → 3",
        "argued, but is noticed: filters f: 3 → 4",
    ]


def test_what_is_argued_exists():
    """Each argument is one line, for a change that can be made today; each target has its tests."""
    argued = tomllib.loads(SURVIVORS.read_text(encoding="utf-8"))
    assert argued.keys() <= TARGETS.keys()
    for target, lines in argued.items():
        tree = ast.parse((ROOT / "sbh_jobkit" / f"{target.replace('.', '/')}.py").read_text(encoding="utf-8"))
        assert lines.keys() - {mutant.name for mutant in mutants(tree)} == set()
        assert [why for why in lines.values() if "\n" in why or len(why) < 10] == []
    assert [each for tests in TARGETS.values() for each in tests if not (ROOT / "tests" / each).is_file()] == []
