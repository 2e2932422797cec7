"""What a run prints and logs: all of it, up to a bound, and nothing of it on the terminal."""

import logging
import os
import subprocess
import sys
from contextlib import nullcontext

import pytest

from sbh_jobkit.run.capture import Capture


@pytest.fixture(autouse=True)
def level():
    """Let the log pass from level INFO, as the runner does."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.INFO)
    yield
    root.setLevel(before)


def test_output_goes_into_the_capture_and_not_to_the_terminal(capsys):
    """`print` and standard error are kept apart."""
    with Capture() as capture:
        print("out", 1, sep="-")  # noqa: T201
        print("err", file=sys.stderr)  # noqa: T201
        sys.stdout.writelines(["a\n", "b\n"])
        sys.stdout.flush()
    assert capture.take() == ("out-1\na\nb\n", "err\n", ())
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("error", [None, KeyError, SystemExit, KeyboardInterrupt])
def test_everything_is_given_back(error):
    """After any end, output and the log's handlers are as they were."""
    root = logging.getLogger()
    before = (sys.stdout, sys.stderr, list(root.handlers))
    with pytest.raises(error) if error else nullcontext(), Capture():
        logging.basicConfig(level=logging.INFO, force=True)
        if error:
            raise error
    assert (sys.stdout, sys.stderr, list(root.handlers)) == before


def test_captures_nest():
    """A nested capture gets the output; the outer one continues after it."""
    with Capture() as outer:
        print("a")  # noqa: T201
        with Capture() as inner:
            print("b")  # noqa: T201
        print("c")  # noqa: T201
    assert (outer.take(), inner.take()) == (("a\nc\n", "", ()), ("b\n", "", ()))


def test_each_run_takes_its_own():
    """A capture that is opened again holds only what is new."""
    capture = Capture()
    taken = []
    for number in range(3):
        with capture:
            if number != 1:
                print(number)  # noqa: T201
                print(-number, file=sys.stderr)  # noqa: T201
                logging.getLogger("shop").info("%d", number)
        taken.append(capture.take())
    assert taken == [("0\n", "0\n", ("INFO shop: 0",)), ("", "", ()), ("2\n", "-2\n", ("INFO shop: 2",))]


@pytest.mark.parametrize(
    ("record", "lines"),
    [
        (lambda: logging.getLogger("shop").info("sold %d", 3), ("INFO shop: sold 3",)),
        (lambda: logging.getLogger("shop").warning("low"), ("WARNING shop: low",)),
        (lambda: logging.getLogger().error("bad"), ("ERROR root: bad",)),
        (lambda: logging.getLogger("shop").debug("detail"), ()),
        (lambda: logging.getLogger("httpx").info("HTTP Request: GET"), ()),
        (lambda: logging.getLogger("httpx2").info("HTTP Request: GET"), ()),
        (lambda: logging.getLogger("httpcore2.connection").info("connect_tcp.started"), ()),
        (lambda: logging.getLogger("httpcore.http11").warning("chatter"), ()),
        (lambda: logging.getLogger("httpxtras").warning("mine"), ("WARNING httpxtras: mine",)),
        (lambda: logging.getLogger("shop").info("100%"), ("INFO shop: 100%",)),
    ],
)
def test_logging_records_lines_from_info_upwards(record, lines):
    """A log line is level, logger and message; HTTP libraries repeat what the run's calls tell."""
    with Capture() as capture:
        record()
    assert capture.take() == ("", "", lines)


def test_a_log_call_with_wrong_arguments_does_not_raise():
    """Logging never breaks the program that logs: as in production, the job goes on, and what it said is kept."""
    with Capture() as capture:
        logging.getLogger("shop").info("sold %d", "three")
    _, err, logs = capture.take()
    assert "sold %d" in "\n".join([*logs, err])


def test_a_logged_exception_keeps_its_traceback():
    """`logging.exception` says what was raised: where a job swallows an error, its log is all there is."""
    with Capture() as capture:
        try:
            {}["key"]
        except KeyError:
            logging.getLogger("shop").exception("lookup failed")
    text = "\n".join(capture.take()[2])
    assert text.startswith("ERROR shop: lookup failed\nTraceback (most recent call last):\n")
    assert text.endswith("\nKeyError: 'key'")


CUT = "\n… cut after 1,000,000 characters\n"


@pytest.mark.parametrize(
    ("writes", "cut"),
    [
        ([999_999], False),
        ([1_000_000], False),
        ([1_000_001], True),
        ([3_000_000], True),
        ([600_000, 600_000], True),
        ([600_000, 600_000, 600_000, 1], True),
        ([999_999, 2, 1], True),
        ([1_000_000, 1], True),
        ([500_000, 500_000, 1, 1], True),
    ],
)
def test_huge_output_is_cut_and_says_so(writes, cut):
    """The output of an endless print is cut at a bound, and the end of it says so."""
    with Capture() as capture:
        told = [sys.stdout.write("x" * length) for length in writes]
    text = capture.take()[0]
    kept = min(sum(writes), 1_000_000)
    assert told == writes
    assert (text[:kept].count("x"), text[kept:]) == (kept, CUT if cut else "")


def test_a_cut_in_one_run_is_none_in_the_next():
    """The bound is for each run."""
    capture = Capture()
    for _ in range(2):
        with capture:
            sys.stdout.write("x" * 1_000_001)
        assert capture.take()[0] == "x" * 1_000_000 + CUT


def test_too_many_log_lines_are_cut_and_it_says_so():
    """Ten thousand lines are kept, and a last one tells that there were more."""
    logger = logging.getLogger("shop")
    with Capture() as capture:
        for number in range(10_050):
            logger.info("line %d", number)
    logs = capture.take()[2]
    assert (logs[0], *logs[9_999:]) == ("INFO shop: line 0", "INFO shop: line 9999", "… cut after 10,000 lines")


def test_closing_standard_output_loses_nothing():
    """A job that closes what it prints to has still printed it."""
    with Capture() as capture:
        print("kept")  # noqa: T201
        sys.stdout.close()
    assert capture.take()[0] == "kept\n"


@pytest.mark.parametrize("alone", [False, True])
def test_what_is_written_to_descriptors_between_two_runs(capfd, alone):
    """It is the caller's, unless nobody else's code runs there; afterwards the descriptors lead where they led."""
    capture = Capture(alone=alone)
    capture.begin()
    for number in range(2):
        with capture:
            os.write(1, b"run %d\n" % number)
            print("printed", file=sys.__stderr__)
        assert capture.take()[:2] == (f"run {number}\n", "printed\n")
        os.write(2, b"between\n")
        assert alone is (capture.take().stderr == "between\n")
    capture.end()
    os.write(1, b"after\n")
    assert capfd.readouterr() == ("after\n", "" if alone else "between\n" * 2)


OPENED = {
    "/dev/stdout": ("/dev/stdout", os.O_WRONLY | os.O_TRUNC | os.O_CREAT),
    "/dev/stdout, to append": ("/dev/stdout", os.O_WRONLY | os.O_APPEND),
    "/dev/fd/1": ("/dev/fd/1", os.O_WRONLY),
    "/proc/self/fd/1": ("/proc/self/fd/1", os.O_RDWR),
    "/proc/thread-self/fd/1": ("/proc/thread-self/fd/1", os.O_WRONLY | os.O_TRUNC),
}


@pytest.mark.skipif(not os.path.exists("/proc/self/fd/1"), reason="the system has no such files")  # noqa: PTH110
@pytest.mark.parametrize(("name", "flags"), OPENED.values(), ids=OPENED)
def test_standard_output_that_is_opened_again(capfd, name, flags):
    """What is written there is the run's, also in a later run and after what the descriptor itself has got."""
    capture = Capture()
    capture.begin()
    with capture:
        again = os.open(name, flags)
        os.write(again, b"first ")
        os.write(1, b"second ")
        subprocess.run(["/bin/sh", "-c", "echo third >> /dev/stdout; echo wrong > /dev/stderr"], check=True)
    assert capture.take()[:2] == ("first second third\n", "wrong\n")
    with capture:
        os.write(again, b"later")
    assert capture.take()[:2] == ("later", "")
    with capture:
        os.write(1, b"last")
    assert capture.take()[:2] == ("last", "")
    os.close(again)
    capture.end()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("times", [1, 3])
def test_endless_output_is_shortened_once(times):
    """The thread that looks, and one that takes, leave no empty places."""
    capture = Capture()
    capture.begin()
    with capture:
        for _ in range(times):
            os.write(1, b"x" * 17_000_000)
            capture.look()
        os.write(2, b"end")
    assert [(len(each), each.count("x")) for each in capture.take()[:2]] == [(1_000_000 + len(CUT), 1_000_000), (3, 0)]
    capture.look()
    assert capture.take()[:2] == ("", "")
    capture.end()


def test_descriptors_come_back_from_a_run_that_is_interrupted():
    """Ctrl-C between two steps of the kit leaves nothing led away."""
    was, capture = os.fstat(1), Capture(alone=True)
    capture.begin()
    capture.__enter__()
    assert not os.path.samestat(os.fstat(1), was)
    capture.end()
    assert os.path.samestat(os.fstat(1), was)
