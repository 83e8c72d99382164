"""The package pocketsphinx, used by the aligner `acoustic` and the recogniser `pocketsphinx`; not every Python has a
wheel of it.
"""

from __future__ import annotations

import sys
from typing import Any


class SphinxMissing(RuntimeError):
    """The package pocketsphinx cannot be imported; the message says why and what to do."""


def sphinx_decoder(**settings: Any) -> Any:
    """Make a pocketsphinx `Decoder` with the English acoustic model of its wheel.

    Raises:
        SphinxMissing: the package is not installed, as on Python 3.14, for which there is no wheel.
    """
    try:
        from pocketsphinx import Decoder
    except ImportError as error:
        remedy = "pip install pocketsphinx"
        if sys.version_info >= (3, 14):
            remedy = (
                "it has wheels for Python 3.11 to 3.13 only; on this one `pip install pocketsphinx` needs a compiler"
            )
        raise SphinxMissing(f"needs the package pocketsphinx ({error}): {remedy}") from None
    return Decoder(loglevel="FATAL", **settings)
