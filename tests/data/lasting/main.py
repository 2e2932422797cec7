"""Jobs that leave something behind in their process, and jobs that would meet it; the secret WHAT says what is left."""

import builtins
import locale
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
import time

from src.ext.sdk import PluginContext, job, route

MB = 1 << 20
KEPT = []
"""What stays from one run to the next."""


def pid():
    return {"pid": os.getpid()}


def lower(which):
    resource.setrlimit(which, (200, resource.getrlimit(which)[1]))


def set_zone():
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()
    del os.environ["TZ"]


def leave_an_orphan():
    subprocess.run("setsid sleep 600 & exit", shell=True, check=True)


LEAVES = {
    "another thread": lambda: threading.Thread(target=time.sleep, args=(600,), daemon=True).start(),
    "a child process": lambda: subprocess.Popen(["sleep", "600"]),
    "a child process: an orphan": leave_an_orphan,
    "a child process: ended": lambda: os.fork() or os._exit(0),
    "another working directory": lambda: os.chdir("/"),
    "a changed environment": lambda: os.environ.update(LEFT="1"),
    "another umask": lambda: os.umask(0o000),
    "other standard streams": lambda: setattr(sys, "stdout", open(os.devnull, "w")),
    "other standard streams: closed": lambda: os.close(2),
    "other standard streams: led elsewhere": lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), 1),
    "other paths of imports": lambda: sys.path.append("/nowhere"),
    "other signal handlers": lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN),
    "a signal mask": lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1]),
    "a timer": lambda: signal.setitimer(signal.ITIMER_PROF, 600),
    "other limits": lambda: lower(resource.RLIMIT_NOFILE),
    "another priority": lambda: os.nice(1),
    "another user": lambda: os.setegid(65_534),
    "another locale": lambda: locale.setlocale(locale.LC_ALL, "C"),
    "another time zone": set_zone,
    "other built-in names": lambda: setattr(builtins, "left", 1),
    "a trace function": lambda: setattr(sys, "excepthook", print),
    "other settings of the interpreter": lambda: sys.setrecursionlimit(5_000),
}


@job("pid")
def give_pid(ctx: PluginContext):
    """Tell the process, and how often this was called in it."""
    KEPT.append(None)
    return {**pid(), "calls": len(KEPT)}


@job("leave")
def leave(ctx: PluginContext):
    """Leave something behind."""
    LEAVES[ctx.secrets.get("WHAT")]()
    return pid()


@job("fail")
def fail(ctx: PluginContext):
    """Return a failure."""
    return {"status": "error", **pid()}


@job("crash")
def crash(ctx: PluginContext):
    """Raise."""
    raise ValueError("no")


@job("loop")
def loop(ctx: PluginContext):
    """Go on until somebody ends it."""
    ctx.emit("loops", {})
    while True:
        time.sleep(0.01)


@job("kill")
def kill(ctx: PluginContext):
    """End the process."""
    os.kill(os.getpid(), signal.SIGKILL)


@job("print_half")
def print_half(ctx: PluginContext):
    """Write lines without an end, by Python, by the system and as an error."""
    print("half", end="")
    os.write(1, b" a line")
    sys.stderr.write("and half an error")
    return pid()


@job("print_much")
def print_much(ctx: PluginContext):
    """Write a megabyte."""
    print("x" * (MB - 2) + "y")
    return pid()


@job("allocate")
def allocate(ctx: PluginContext):
    """Use 60 MB, and give it back."""
    return {**pid(), "size": len(os.urandom(60 * MB))}


@job("hide_a_thread")
def hide_a_thread(ctx: PluginContext):
    """Count in a thread, in a file, and keep the kit from finding that out."""
    from sbh_jobkit.engines import leftover

    def work():
        while True:
            with open(ctx.secrets.get("FILE"), "a") as file:
                file.write("x")

    threading.Thread(target=work, daemon=True).start()
    leftover.State.left = lambda _: None
    return pid()


@job("grow")
def grow(ctx: PluginContext):
    """Use 60 MB, and keep it."""
    KEPT.append(os.urandom(60 * MB))
    return pid()


@job("set_a_secret")
def set_a_secret(ctx: PluginContext):
    """Set a secret, and keep its value."""
    ctx.secrets.set("NEW", "a-new-secret")
    KEPT.append("a-new-secret")
    return pid()


@job("tell_a_secret")
def tell_a_secret(ctx: PluginContext):
    """Say what an earlier run has kept, everywhere."""
    print(KEPT[0])
    logging.getLogger("lasting").info("the secret is %s", KEPT[0])
    ctx.emit("told", {"secret": KEPT[0]})
    return {**pid(), "secret": KEPT[0]}


@job("keep_the_context")
def keep_the_context(ctx: PluginContext):
    """Keep the context."""
    KEPT.append(ctx)
    return pid()


@job("use_the_context")
def use_the_context(ctx: PluginContext):
    """Use what was kept, for what the plugin may do and for what it may not."""
    KEPT[0].emit("used", {})
    try:
        KEPT[0].db.count("users")
    except Exception as error:
        return {**pid(), "error": f"{error}"}


@route("/who", methods=["GET"])
def who(ctx: PluginContext):
    """Say who calls, by the context of the first call."""
    KEPT.append(ctx)
    return {"role": KEPT[0].role, "user": KEPT[0].user_id, **pid()}
