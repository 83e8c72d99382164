"""Removes the markup of chat corpora: template tokens, role labels, blocks of reasoning."""

from __future__ import annotations

import re

_REASONING = r"(?:think|thinking|thought|reasoning|reflection|scratchpad|analysis|inner_monologue)"
_OPENING = re.compile(rf"([<\[\u25c1])({_REASONING})[>\]\u25b7]", re.IGNORECASE)
_CLOSES = {"<": ">", "[": "]", "\u25c1": "\u25b7"}
_CLOSED_ONLY = re.compile(rf"^.*?</{_REASONING}>", re.DOTALL | re.IGNORECASE)
_OPENED_ONLY = re.compile(rf"<{_REASONING}>.*$", re.DOTALL | re.IGNORECASE)
_OTHER_MARKS = re.compile(
    r"<\|channel\|>\s*(?:analysis|commentary)\b.*?(?:<\|(?:end|call|return)\|>|$)",
    re.DOTALL | re.IGNORECASE,
)
"""The same as a channel of its own."""
_SYSTEM = re.compile(r"<<SYS>>.*?<</SYS>>", re.DOTALL)
_ROLE = r"(?:system|user|assistant|human|model|bot|tool|developer|ipython|gpt|ai)"
_TOKENS = re.compile(
    rf"<\|(?:im_start|start_header_id|start)\|>\s*{_ROLE}?\b\s*(?:<\|(?:end_header_id|message|sep)\|>)?"
    r"|<\|channel\|>\s*\w*\s*(?:<\|message\|>)?|\[S\d\]|^[^\S\n]*\[(?:User|Assistant|System|Bot|Human|AI)\]\s*:?"
    rf"|<\|{_ROLE}\|>|<\|[a-zA-Z0-9_ -]{{1,40}}\|>|<\uff5c[^\uff5c<>]{{1,40}}\uff5c>"
    rf"|<start_of_turn>\s*{_ROLE}?\b|<end_of_turn>|</?s>|<(?:bos|eos|pad|unk|sep|cls|mask|eot|eom)>|\[/?INST\]|\[/?SYS(?:TEM)?\]|\[(?:CLS|SEP|PAD|UNK|EOS|BOS)\]"
    r"|^#{2,3}\s*(?:Instruction|Response|Input|Assistant|User|Human|System)\s*:\s*",
    re.MULTILINE | re.IGNORECASE,
)
_LABEL = re.compile(
    r"^\s*(?:[*_]{1,2})?(?:(?:User|Speaker|Agent|Human|Bot|Customer)[\s_]?\d{1,2}|AI (?:Assistant|Model|Bot)|"
    r"Virtual Assistant|Interviewer|Interviewee|Doctor|Patient|Teacher|Student|Therapist|Host|Guest|"
    r"Waiter|Waitress|Cashier|Clerk|Representative|B|"
    r"\u7cfb\u7edf|\u673a\u5668\u4eba|\u4eba\u7c7b|\u533b\u751f|\u60a3\u8005|\u75c5\u4eba|\u8001\u5e08|\u5b66\u751f|\u987e\u5ba2|\u5ba2\u6237|\u52a9\u7406|AI\u52a9\u624b|"
    r"User|Assistant|Human|AI|Bot|Chatbot|System|Customer|Client|Agent|Support|Model|Moshi|ChatGPT|GPT|Claude|"
    r"Caller|Operator|Speaker\s?[A-Z0-9]|Person\s?[A-Z0-9]|Q|A|\u7528\u6237|\u52a9\u624b|\u5ba2\u670d|\u95ee|\u7b54)(?:\s?\(\w+\))?(?:[*_]{1,2})?\s?[:\uff1a](?:[*_]{1,2})?(?!//)\s*",
    re.IGNORECASE,
)

_SPEAKER = (
    r"(?:User|Human|Customer|Client|Caller|Patient|Student|Guest|Assistant|AI|Bot|Chatbot|Agent|Support|Operator|Doctor|"
    r"Teacher|System|Model|ChatGPT|GPT|Interviewer|Interviewee|Host|Waiter|Waitress|Cashier|Clerk|Therapist|Representative|"
    r"\u7528\u6237|\u52a9\u624b|\u5ba2\u670d|\u987e\u5ba2|\u533b\u751f|\u60a3\u8005|\u8001\u5e08|\u5b66\u751f)"
)
_NUMBERED = r"(?:User|Speaker|Person|Agent|Human|Bot|Customer)[ _]?[A-Z0-9]{1,2}\b"
_MARKS = re.compile(
    rf"^[ \t]*(?:[-*>#]{{1,3}} ?)?(?:\*\*|__)?\[?(?P<line>(?i:{_NUMBERED}|{_SPEAKER})|[ABQ])\]?(?:\*\*|__)?\s?[:\uff1a]"
    rf"|(?<=\s)(?P<within>{_NUMBERED}|{_SPEAKER}):\s|(?<=[.!?] )(?P<letter>[ABQ]):\s"
    rf"|<\|im_start\|>\s*(?P<start>{_ROLE})\b|<\|(?P<token>{_ROLE})\|>|\[(?P<square>USER|ASSISTANT|HUMAN|BOT|SYSTEM)\]"
    rf"|<start_of_turn>\s*(?P<turn>{_ROLE})\b|\#\#\# ?(?P<sharp>Human|User|Assistant|Instruction|Response):",
    re.MULTILINE,
)
_NAMED = re.compile(r"^[ \t]*([A-Z][a-z]{1,20}):[ \t]+\S", re.MULTILINE)


def second_speaker(text: str) -> str:
    """What the second of several speakers says in a text that holds a conversation, or "" in a turn of one.

    The text begins with a label or a token of a role, and another follows, each with words; or its lines are of two
    names in turn: "Ann: Hi." "Bob: Hello." "Ann: Bye."
    """
    marks = list(_MARKS.finditer(text)) if ":" in text or "\uff1a" in text or "<" in text or "[" in text else []
    if len(marks) > 1 and not any(map(str.isalnum, text[: marks[0].start()])):
        first = ""
        for mark, end in zip(marks, [*(each.start() for each in marks[1:]), len(text)], strict=True):
            role = str(mark[str(mark.lastgroup)]).casefold()
            if not any(map(str.isalnum, text[mark.end() : end])):
                continue
            if first and role != first:
                return text[mark.start() : end]
            first = role
    names = list(_NAMED.finditer(text)) if "\n" in text else []
    lines = sum(map(bool, map(str.strip, text.split("\n")))) if len(names) > 2 else 0
    if len(names) == lines > 2 and 1 < len({name[1] for name in names}) < lines:
        return text[names[1].start() :]
    return ""


def without_reasoning(text: str) -> str:
    """Remove blocks like `<think>…</think>`; an unclosed block ends with the turn, an unopened one begins with it."""
    text = _OTHER_MARKS.sub("", text) if "<|" in text else text
    text = _without_blocks(text)
    if "<" not in text:
        return text
    text = _CLOSED_ONLY.sub("", text)
    return _OPENED_ONLY.sub("", text)


def _without_blocks(text: str) -> str:
    """Remove what stands between the two tags of a block. No closing tag is looked for twice in vain."""
    kept, at = "", 0
    open_for_ever = set[str]()
    for match in _OPENING.finditer(text):
        tag = f"{match[1]}/{match[2].casefold()}{_CLOSES[match[1]]}"
        if match.start() < at or tag in open_for_ever:
            continue
        closing = re.compile(re.escape(tag), re.IGNORECASE).search(text, match.end())
        if closing is None:
            open_for_ever.add(tag)
            continue
        kept, at = kept + text[at : match.start()], closing.end()
    return kept + text[at:]


def without_tokens(text: str) -> str:
    """Remove the tokens of chat templates: `<|im_start|>assistant`, `[INST]`, `</s>`, `### Response:`."""
    return _TOKENS.sub(" ", _SYSTEM.sub(" ", text))


def without_label(text: str) -> str:
    """Remove the name of a role at the start of a text, such as in `Assistant: Hello.`."""
    match = _LABEL.match(text)
    return text[match.end() :] if match else text
