"""The reason of a failed run in the project's own words, for the command line, the sensor `run_failed` and tests.

What is shown of a chain of errors is the outermost one of our own types, wherever in the chain it stands: it names the
file and the remedy. What lies below it (torch's advice, "EOFError") is in the run's log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from .plain_failure import AT_FAULT, INPUT_ERRORS, KIND, AtFault

Kind = Literal["told", "killed", "unforeseen"]
KILLED = "killed"
"""Label of a step failure whose process was killed (executor.py)."""
_OWN = re.compile(r"(?:moshi_assets|indextts)\.[\w.]+: ")
"""The class of an own error, as Dagster writes it in front of the message."""
_INPUT = {error.__name__ for error in INPUT_ERRORS}
_MOST_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class RunFailure:
    """The reason of a failed run."""

    kind: Kind
    """told: an error of this project says what is wrong and what to do. killed: a process was killed from outside; the
    same command goes on. unforeseen: an error of another kind."""
    message: str
    """One or two sentences. For an unforeseen error: the step and the first line of the error."""
    step: str | None = None
    """Key of the step that failed; None if the run failed outside of any step."""
    error: str | None = None
    """Class of the error behind the message, without its module."""
    at_fault: AtFault | None = None
    """input: the same run fails again until somebody changes the recipe, the dialogue file or a voice."""


def run_failure(events: Iterable[dg.DagsterEvent]) -> RunFailure:
    """The reason of a failed run from its events. Own errors go before unforeseen ones, earlier ones before later ones.

    Args:
        events: of one run; all of them, or those of failed steps and of the run's own failure.
    """
    failures = [_of_event(event) for event in events if event.is_step_failure or event.is_failure]
    order: tuple[Kind, ...] = ("killed", "told", "unforeseen")
    failures.sort(key=lambda failure: (failure.step is None, order.index(failure.kind)))
    return failures[0] if failures else RunFailure("unforeseen", "the run failed without saying why")


def own_error(error: SerializableErrorInfo | None) -> tuple[str, str] | None:
    """Class and message of the outermost error of our own types in a chain; None where there is none."""
    while error is not None:
        if match := _OWN.match(error.message):
            return error.cls_name or "", error.message[match.end() :].strip()
        error = error.cause or error.context
    return None


def _of_event(event: dg.DagsterEvent) -> RunFailure:
    error = getattr(event.event_specific_data, "error", None)
    if event.is_step_failure and (told := event.step_failure_data.user_failure_data) and told.description:
        facts: dict[str, Any] = {name: value.value for name, value in told.metadata.items()}
        kind: Kind = "killed" if told.label == KILLED else "told"
        return RunFailure(kind, told.description, event.step_key, facts.get(KIND), facts.get(AT_FAULT))
    if own := own_error(error):
        return RunFailure("told", own[1], event.step_key, own[0], "input" if own[0] in _INPUT else "setup")
    where = f"step {event.step_key}" if event.step_key else "the run"
    said = _first_words(error) or event.message or "it does not say why"
    return RunFailure("unforeseen", f"{where} failed unexpectedly: {said}", event.step_key)


def _first_words(error: SerializableErrorInfo | None) -> str:
    """First line of the outermost error that is not Dagster's wrapper of another one."""
    while error is not None and error.cause is not None and error.message.startswith("dagster."):
        error = error.cause
    if error is None:
        return ""
    line = (error.message.strip().splitlines() or [error.cls_name or ""])[0]
    return line if len(line) <= _MOST_CHARACTERS else f"{line[:_MOST_CHARACTERS]} ..."
