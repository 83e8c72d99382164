"""The message about a process that was killed from outside: its name, the signal, its memory, and the remedy."""

from __future__ import annotations

import os
import signal

from .memory import Memory


class WorkerKilled(RuntimeError):
    """A worker process was killed from outside; the message names the process, the signal and the remedy."""


def killed_sentence(who: str, exit_code: int | None, memory: Memory | None) -> str:
    """The message about a process that ended without an error of its own.

    Args:
        who: the process as a user knows it, such as "lane 0".
        exit_code: of the process; negative where a signal ended it.
        memory: when it was last seen.
    """
    held = ""
    if memory is not None:
        held = f"; it held {memory.last:,.0f} MiB of memory (at most {memory.peak:,.0f}) of the machine's {_machine_mib():,.0f}"  # noqa: E501
    kept = "What was spoken is kept: run the same command again and it goes on from there"
    if exit_code == -signal.SIGKILL:
        kept += ", with fewer lanes (worker_count) where memory ran out, which is the usual reason"
    return f"{who} {ending(exit_code)}{held}. {kept}."


def ending(exit_code: int | None) -> str:
    """The end of a process in words, such as "was killed by SIGKILL"."""
    if exit_code is None:
        return "was killed"
    if exit_code >= 0:
        return f"ended with exit code {exit_code} before its work was done"
    try:
        return f"was killed by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"was killed by signal {-exit_code}"


def _machine_mib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**20
