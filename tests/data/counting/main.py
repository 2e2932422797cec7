"""Jobs that write a line into a file when they start and when they end; the file is named by a secret."""

import os
import time

from src.ext.sdk import PluginContext, job


def note(ctx: PluginContext, what: str) -> None:
    """Append one line, in one write; the tenant of these tests gives the fire time as the user."""
    descriptor = os.open(ctx.secrets.get("COUNT_FILE"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{what} {ctx.user_id} {time.time()}\n".encode())  # noqa: TID251  real time, of a real run
    os.close(descriptor)


@job("count", schedule="* * * * *")
def count(ctx: PluginContext) -> None:
    """Count once."""
    note(ctx, "count")


@job("other", schedule="* * * * *")
def other(ctx: PluginContext) -> None:
    """Count once, too."""
    note(ctx, "other")


@job("slow", schedule="* * * * *")
def slow(ctx: PluginContext) -> None:
    """Take a second and a half, and say when it ends."""
    note(ctx, "slow")
    time.sleep(1.5)
    note(ctx, "slow-ended")
