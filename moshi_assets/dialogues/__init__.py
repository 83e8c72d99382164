"""Dialogue files become dialogues, and rejects of what is none.

    dialogue, reject_kinds    what comes out
    files/                    files of any kind -> records
    forms/                    a record of any form -> Dialogue or Reject
    longest                   a text that is too long for one turn, in pieces
    reader                    all of it together

Start at `reader.read_dialogues`.
"""
