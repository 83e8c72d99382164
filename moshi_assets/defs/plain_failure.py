"""Shows this project's own errors in a run as one sentence with the remedy, without a traceback."""

from __future__ import annotations

import functools
import inspect
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, ParamSpec, TypeVar

import dagster as dg

from ..dialogues.reader import DialogueFileError
from ..engines.base import VoiceError
from ..recipe import RecipeError

P = ParamSpec("P")
R = TypeVar("R")

AtFault = Literal["input", "setup"]
AT_FAULT, KIND = "at_fault", "kind"
"""Metadata keys of a failure: who must act before a retry can help, and the class of the error."""
INPUT_ERRORS = (RecipeError, DialogueFileError, VoiceError)
"""Errors of a recipe, a dialogue file or a voice: the same run fails again until the user changes it."""
_PACKAGES = ("moshi_assets", "indextts")


def tells_plainly(body: Callable[P, R]) -> Callable[P, R]:
    """An asset's or op's body that raises `dg.Failure` in the place of this project's own errors.

    The error's traceback, its causes included, goes to standard error: a build's `build.log`, or the step's own output
    in the UI.
    """
    if inspect.isgeneratorfunction(body):

        @functools.wraps(body)
        def told_step_by_step(*args: P.args, **kwargs: P.kwargs) -> Iterator[Any]:
            with _plainly():
                yield from body(*args, **kwargs)

        _lead_to(told_step_by_step, body)
        return told_step_by_step  # type: ignore[return-value]

    @functools.wraps(body)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        with _plainly():
            return body(*args, **kwargs)

    _lead_to(told, body)
    return told


def _lead_to(wrapper: Any, body: Any) -> None:
    """Have the UI's link to the code lead to the body: Dagster asks for the file of the function that it is given."""
    wrapper.__code__ = wrapper.__code__.replace(co_filename=body.__code__.co_filename)


@contextmanager
def _plainly() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if isinstance(error, dg.Failure) or type(error).__module__.partition(".")[0] not in _PACKAGES:
            raise
        traceback.print_exc()
        facts = {AT_FAULT: "input" if isinstance(error, INPUT_ERRORS) else "setup", KIND: type(error).__name__}
        raise dg.Failure(str(error), metadata=facts, allow_retries=False) from None
