"""Long token sequences become segments that the model speaks one after another.

Source: docs/indextts2.md §4; the table of cases is `split_segments` in the golden `l_text.json`.
"""

from __future__ import annotations

from collections.abc import Sequence

SENTENCE_ENDS = frozenset({".", "!", "?", "▁.", "▁?", "▁..."})
"""Without "▁!" on purpose: the checkpoint's own front end does not cut there, e.g. after a Chinese "！"."""
COMMAS = frozenset({",", "▁,"})
HYPHENS = frozenset({"-"})
QUOTES = frozenset({"'", "▁'"})

MAX_SEGMENT_TOKENS = 120
MIN_CUT_TOKENS = 3
"""A mark ends a segment only if the segment has at least this many tokens, the mark included."""


def split_segments(
    tokens: Sequence[str], max_tokens: int = MAX_SEGMENT_TOKENS, quick_streaming_tokens: int = 0
) -> list[list[str]]:
    """Cut `tokens` into segments of about `max_tokens` at most.

    Sentence ends cut; so do commas and hyphens, and failing those the limit itself. Then neighbours are put together
    again as long as they fit the limit. Two quirks belong to the model's own front end and are kept: a quote after a
    sentence end stands at the end of its segment *and* at the start of the next one (such a segment may exceed the
    limit by one), and what remains of a chopped passage starts a segment of its own.

    Args:
        tokens: pieces of the text.
        max_tokens: limit of a segment, in tokens.
        quick_streaming_tokens: until more than this many tokens have gone by, only short neighbours (together at most
            half the limit) are joined, so that the first segment is ready early.

    Returns:
        The segments in order; [] for no tokens.

    Raises:
        ValueError: `max_tokens` is not positive.
    """
    if max_tokens < 1:
        raise ValueError(f"max_tokens must be at least 1, not {max_tokens}")
    return _split(tokens, SENTENCE_ENDS, max_tokens, quick_streaming_tokens)


def _split(tokens: Sequence[str], marks: frozenset[str], limit: int, quick: int) -> list[list[str]]:
    segments: list[list[str]] = []
    running: list[str] = []
    for position, token in enumerate(tokens):
        running.append(token)
        # A comma or hyphen can only be the newest token: an earlier one has already emptied `running`.
        if token in COMMAS and not marks & COMMAS:
            segments += _split(running, COMMAS, limit, quick)
        elif token in HYPHENS and not marks & HYPHENS:
            segments += _split(running, HYPHENS, limit, quick)
        elif len(running) > limit:
            segments += [running[start : start + limit] for start in range(0, len(running), limit)]
        elif token in marks and len(running) >= MIN_CUT_TOKENS:
            following = tokens[position + 1 : position + 2]
            segments.append(running + [quote for quote in following if quote in QUOTES])
        else:
            continue
        running = []
    if running:
        segments.append(running)
    return _joined(segments, limit, quick)


def _joined(segments: list[list[str]], limit: int, quick: int) -> list[list[str]]:
    joined: list[list[str]] = []
    seen = 0
    for segment in segments:
        seen += len(segment)
        together = len(joined[-1]) + len(segment) if joined else limit + 1
        if (together <= limit and seen > quick) or together <= limit / 2:
            joined[-1] = joined[-1] + segment
        else:
            joined.append(segment)
    return joined
