"""Turns that hold what several speakers say."""

from __future__ import annotations

import re

from .chat_format import ROLE
from .names import is_person

_SPEAKER = (
    r"(?:User|Human|Customer|Client|Caller|Patient|Student|Guest|Assistant|AI|Bot|Chatbot|Agent|Support|Operator|Doctor|"
    r"Teacher|System|Model|ChatGPT|GPT|Interviewer|Interviewee|Host|Waiter|Waitress|Cashier|Clerk|Therapist|Representative|"
    r"\u7528\u6237|\u52a9\u624b|\u5ba2\u670d|\u987e\u5ba2|\u533b\u751f|\u60a3\u8005|\u8001\u5e08|\u5b66\u751f)"
)
_NUMBERED = r"(?:User|Speaker|Person|Agent|Human|Bot|Customer)[ _]?[A-Z0-9]{1,2}\b"
_MARKS = re.compile(
    rf"^[ \t]*(?:[-*>#]{{1,3}} ?)?(?:\*\*|__)?\[?(?P<line>(?i:{_NUMBERED}|{_SPEAKER})|[ABQ])\]?(?:\*\*|__)?\s?[:\uff1a]"
    rf"|(?<=\s)(?P<within>{_NUMBERED}|{_SPEAKER}):\s|(?<=[.!?] )(?P<letter>[ABQ]):\s"
    rf"|<\|im_start\|>\s*(?P<start>{ROLE})\b|<\|(?P<token>{ROLE})\|>|\[(?P<square>USER|ASSISTANT|HUMAN|BOT|SYSTEM)\]"
    rf"|<start_of_turn>\s*(?P<turn>{ROLE})\b|\#\#\# ?(?P<sharp>Human|User|Assistant|Instruction|Response):"
    rf"|<(?P<tag>(?i:{ROLE}|customer|client|agent|caller|speaker_?\w))>|\[(?P<order>/?INST)\]"
    r"|<\w+\s+(?:role|speaker|from|who|name|id)\s*=\s*[\"']?(?P<attribute>\w+)[\"']?\s*>"
    r"|[\"'](?:role|from|speaker)[\"']\s*:\s*[\"'](?P<field>\w+)[\"']",
    re.MULTILINE,
)
_NO_WORDS = re.compile(r"</?[\w|]+[^<>\n]{0,40}>|\[/?[A-Z]+\]")
"""Tags and tokens."""
_TITLED = r"(?:(?:Mr|Mrs|Ms|Dr|Prof)\.? )?[A-Z][\w'\u2019-]{0,20}(?: [A-Z][\w.'\u2019-]{0,20})?"
_LABEL = rf"{_TITLED}|[a-z]{{2,12}}|[\u4e00-\u9fff]{{1,4}}"
_LINES = re.compile(
    r"^[ \t]*(?:[-*>] )?(?:\[[\d:,/. apmAPM]{4,24}\] ?)?"
    rf"(?:(?:\*\*|__)?(?P<name>{_LABEL})(?:\*\*|__)?(?: ?\([^()\n]{{1,20}}\))?[:\uff1a](?!//)(?:\*\*|__)?"
    r"|<(?P<nick>[A-Za-z][\w-]{0,20})>)[ \t]*(?=[^\n]*[^\W\d_])",
    re.MULTILINE,
)
"""A line that begins with the name of who says it; there are letters in what is said."""
_WITHIN = re.compile(r"(?:^|(?<=\s))([A-Z][a-z]{1,20}): (?=\D)")


def second_speaker(text: str) -> str:
    """What the second of several speakers says in a text that holds a conversation, or "" in a turn of one.

    The text begins with a label or a token of a role, and another follows, each with words; or with a person's name
    and a colon, and another person's follows; or its lines are of two names in turn: "Ann: Hi." "Bob: Hello."
    "Ann: Bye."
    """
    if not any(sign in text for sign in ":\uff1a<["):
        return ""
    return _by_roles(text) or _by_names(text)


def _has_words(text: str) -> bool:
    return any(map(str.isalnum, _NO_WORDS.sub("", text)))


def _role(mark: re.Match[str]) -> str:
    written = str(mark[str(mark.lastgroup)]).casefold()
    return {"inst": "user", "/inst": "assistant"}.get(written, written)


def _by_roles(text: str) -> str:
    marks = list(_MARKS.finditer(text))
    if not marks:
        return ""
    first = ""
    if _has_words(text[: marks[0].start()]):
        if marks[0]["order"] != "/INST":  # it closes what was asked before
            return ""
        first = "user"
    for mark, end in zip(marks, [*(each.start() for each in marks[1:]), len(text)], strict=True):
        if not _has_words(text[mark.end() : end]):
            continue
        if first and _role(mark) != first:
            return text[mark.start() : end]
        first = _role(mark)
    return ""


def _by_names(text: str) -> str:
    if "\n" not in text:
        marks = [mark for mark in _WITHIN.finditer(text) if is_person(mark[1])]
        others = [mark for mark in marks if mark[1] != marks[0][1]]
        return text[others[0].start() :] if others and not text[: marks[0].start()].strip() else ""
    lines = list(_LINES.finditer(text))
    if len(lines) < 2:
        return ""
    persons = [line for line in lines if line["nick"] or is_person(line["name"])]
    others = [line for line in persons if line.group().strip() != persons[0].group().strip()]
    if others and not text[: persons[0].start()].strip():
        return text[others[0].start() :]
    every = sum(map(bool, map(str.strip, text.split("\n"))))
    names = {line["name"] for line in lines}
    return text[lines[1].start() :] if len(lines) == every > 2 and 1 < len(names) < every else ""
