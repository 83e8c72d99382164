"""Removes the markup of chat corpora: template tokens, role labels, blocks of reasoning."""

from __future__ import annotations

import re

from .enclosed import without_enclosed

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
_SYSTEM = re.compile(r"<<SYS>>")
ROLE = r"(?:system|user|assistant|human|model|bot|tool|developer|ipython|gpt|ai)"
_TOKENS = re.compile(
    rf"<\|(?:im_start|start_header_id|start)\|>\s*{ROLE}?\b\s*(?:<\|(?:end_header_id|message|sep)\|>)?"
    r"|<\|channel\|>\s*\w*\s*(?:<\|message\|>)?|\[S\d\]|^[^\S\n]*\[(?:User|Assistant|System|Bot|Human|AI)\]\s*:?"
    rf"|<\|{ROLE}\|>|<\|[a-zA-Z0-9_ -]{{1,40}}\|>|<\uff5c[^\uff5c<>]{{1,40}}\uff5c>"
    rf"|<start_of_turn>\s*{ROLE}?\b|<end_of_turn>|</?s>|<(?:bos|eos|pad|unk|sep|cls|mask|eot|eom)>|\[/?INST\]|\[/?SYS(?:TEM)?\]|\[(?:CLS|SEP|PAD|UNK|EOS|BOS)\]"
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


def without_reasoning(text: str) -> str:
    """Remove blocks like `<think>…</think>`; an unclosed block ends with the turn, an unopened one begins with it."""
    text = _OTHER_MARKS.sub("", text) if "<|" in text else text
    text = without_enclosed(text, _OPENING, lambda match: f"{match[1]}/{match[2]}{_CLOSES[match[1]]}")
    if "<" not in text:
        return text
    text = _CLOSED_ONLY.sub("", text)
    return _OPENED_ONLY.sub("", text)


def without_tokens(text: str) -> str:
    """Remove the tokens of chat templates: `<|im_start|>assistant`, `[INST]`, `</s>`, `### Response:`."""
    return _TOKENS.sub(" ", without_enclosed(text, _SYSTEM, lambda match: "<</SYS>>", " "))


def without_label(text: str) -> str:
    """Remove the name of a role at the start of a text, such as in `Assistant: Hello.`."""
    match = _LABEL.match(text)
    return text[match.end() :] if match else text
