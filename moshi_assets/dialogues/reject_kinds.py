"""Rejects by reason."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from .dialogue import Reject

MAX_KINDS = 50
"""Distinct reasons that are told apart; input is hostile."""
OTHER = "other reasons"
EXAMPLES = 3
_PARTICULARS = re.compile(r"""'[^']*'?|"[^"]*"?|(?<![\w.])[~/][^\s:;,]*|-?\d+(?:\.\d+)*""")
_FOLDERS = re.compile(r"""(?<![\w./])~?/(?:[^\s:;,'"/]+/)+""")
_LONGEST = 160


@dataclass
class RejectTally:
    """How many records were rejected, and why."""

    count: int = 0
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By stage and reason."""
    examples: dict[tuple[str, str], list[Reject]] = field(default_factory=dict)
    """The first few of each."""

    def add(self, reject: Reject) -> bool:
        """Count one; whether it is among the examples of its kind."""
        kind = (str(reject.stage)[:40], reject_kind(str(reject.reason)))
        if kind not in self.kinds and len(self.kinds) >= MAX_KINDS:
            kind = ("any", OTHER)
        self.count += 1
        self.kinds[kind] += 1
        held = self.examples.setdefault(kind, [])
        if len(held) == EXAMPLES:
            return False
        held.append(reject)
        return True


def reject_kind(reason: str) -> str:
    """A reason without its particulars: names, paths and numbers become an ellipsis; what
    a second colon introduces is left out.

    >>> reject_kind("assistant_text has 2381 characters, more than max_text_chars=2000")
    'assistant_text has … characters, more than max_text_chars=…'
    """
    return _PARTICULARS.sub("…", ": ".join(reason.split(": ")[:2]))[:_LONGEST].strip() or "no reason given"


def without_folders(reason: str) -> str:
    """A reason in which files are named without their folders: where they lie is nobody's business.

    >>> without_folders("voice '/home/ann/a.wav' lasts 0.52 s")
    "voice '…/a.wav' lasts 0.52 s"
    """
    return _FOLDERS.sub("…/", reason)
