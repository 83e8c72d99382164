"""The table of a shard's utterances: what was chosen of each, and what was measured of it."""

from __future__ import annotations

import pyarrow as pa

from .measures import Measures

_TYPES = {"characters": pa.int32()}
MEASURE_FIELDS = [pa.field(name, _TYPES.get(name, pa.float32())) for name in Measures._fields]
"""Columns of the measures; the optional ones are null where they were not taken."""

QUALITY_SCHEMA = pa.schema(
    [
        ("dialogue_id", pa.string()),
        ("turn", pa.int16()),
        ("role", pa.string()),
        ("voice", pa.string()),
        ("content_key", pa.binary(16)),
        ("attempt", pa.int16()),
        *MEASURE_FIELDS,
        ("fault", pa.string()),
    ]
)
"""One row an utterance of the shard, in the order of its tasks.

`attempt` is the one that was chosen, from 0: each has a seed of its own; of an utterance that was rejected it is the last
one, and `fault` says why. The measures are null where it could not be spoken at all.
"""
