"""Rejects grouped by reason."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from .dialogue import Reject

MAX_KINDS = 50
"""Most distinct reasons that are counted separately; input is hostile."""
OTHER = "other reasons"
EXAMPLES = 3
_PARTICULARS = re.compile(r"""'[^']*'?|"[^"]*"?|(?<![\w.])[~/][^\s:;,]*|-?\d+(?:\.\d+)*""")
_FOLDERS = re.compile(r"""(?<![\w./])~?/(?:[^\s:;,'"/]+/)+""")
_LONGEST = 160


@dataclass
class RejectTally:
    """Number of rejected records, in all and by reason."""

    count: int = 0
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Number of rejects by stage and reason."""
    examples: dict[tuple[str, str], list[Reject]] = field(default_factory=dict)
    """The first few rejects of each kind."""

    def add(self, reject: Reject) -> bool:
        """Count a reject; return whether it is among the examples of its kind."""
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
    """Reduce a reason to its kind: names, paths and numbers become an ellipsis; the text after a second colon is left
    out.

    >>> reject_kind("assistant_text has 2381 characters, more than max_text_chars=2000")
    'assistant_text has … characters, more than max_text_chars=…'
    """
    return _PARTICULARS.sub("…", ": ".join(reason.split(": ")[:2]))[:_LONGEST].strip() or "no reason given"


def without_folders(reason: str) -> str:
    """Reduce the paths in a reason to file names: folders of this machine are private.

    >>> without_folders("voice '/home/ann/a.wav' lasts 0.52 s")
    "voice '…/a.wav' lasts 0.52 s"
    """
    return _FOLDERS.sub("…/", reason)
