"""The dialogue in one record, whatever its form.

    names       what corpora call their fields and speakers
    mapping     the recipe's section `input`: the names of a file whose own are others
    shape       what a record looks like, for messages
    limits      what no record may exceed
    encoding    what is no UTF-8
    own         the three forms of our own
    other       the forms of others: any list of turns, question and answer
    parse       one record -> Dialogue or Reject

A record is read as one of our own forms first; only what is none of them is looked at as another.
"""

from .limits import MAX_DIALOGUE_CHARS, MAX_GAP, MAX_ID_CHARS, MAX_LIST_ENTRIES, MAX_VOICE_CHARS, MIN_GAP
from .mapping import AS_USUAL, InputSettings
from .parse import faulty_record, parse_record

__all__ = [
    "AS_USUAL",
    "MAX_DIALOGUE_CHARS",
    "MAX_GAP",
    "MAX_ID_CHARS",
    "MAX_LIST_ENTRIES",
    "MAX_VOICE_CHARS",
    "MIN_GAP",
    "InputSettings",
    "faulty_record",
    "parse_record",
]
