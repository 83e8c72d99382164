"""What chat corpora carry beside the words: template tokens, role labels, blocks of reasoning."""

from __future__ import annotations

import re

_REASONING = r"(?:think|thinking|thought|reasoning|reflection|scratchpad|analysis|inner_monologue)"
_BLOCK = re.compile(rf"<({_REASONING})>.*?</\1>", re.DOTALL | re.IGNORECASE)
_CLOSED_ONLY = re.compile(rf"^.*?</{_REASONING}>", re.DOTALL | re.IGNORECASE)
_OPENED_ONLY = re.compile(rf"<{_REASONING}>.*$", re.DOTALL | re.IGNORECASE)
_SYSTEM = re.compile(r"<<SYS>>.*?<</SYS>>", re.DOTALL)
_ROLE = r"(?:system|user|assistant|human|model|bot|tool|developer|ipython|gpt|ai)"
_TOKENS = re.compile(
    rf"<\|(?:im_start|start_header_id|start)\|>\s*{_ROLE}?\b\s*(?:<\|(?:end_header_id|message|sep)\|>)?"
    rf"|<\|{_ROLE}\|>|<\|[a-zA-Z0-9_ -]{{1,40}}\|>|<\uff5c[^\uff5c<>]{{1,40}}\uff5c>"
    rf"|<start_of_turn>\s*{_ROLE}?\b|<end_of_turn>|</?s>|<(?:bos|eos|pad|unk|sep|cls|mask|eot|eom)>|\[/?INST\]|\[/?SYS(?:TEM)?\]|\[(?:CLS|SEP|PAD|UNK|EOS|BOS)\]"
    r"|^#{2,3}\s*(?:Instruction|Response|Input|Assistant|User|Human|System)\s*:\s*",
    re.MULTILINE | re.IGNORECASE,
)
_LABEL = re.compile(
    r"^\s*(?:[*_]{1,2})?(?:User|Assistant|Human|AI|Bot|Chatbot|System|Customer|Client|Agent|Support|Model|Moshi|ChatGPT|GPT|Claude|"
    r"Caller|Operator|Speaker\s?[A-Z0-9]|Person\s?[A-Z0-9]|Q|A|\u7528\u6237|\u52a9\u624b|\u5ba2\u670d|\u95ee|\u7b54)(?:\s?\(\w+\))?(?:[*_]{1,2})?\s?[:\uff1a](?:[*_]{1,2})?(?!//)\s*",
    re.IGNORECASE,
)


def without_reasoning(text: str) -> str:
    """Without blocks like `<think>…</think>`; one that is not closed ends with the turn, one not opened begins with
    it.
    """
    if "<" not in text:
        return text
    text = _BLOCK.sub("", text)
    text = _CLOSED_ONLY.sub("", text)
    return _OPENED_ONLY.sub("", text)


def without_tokens(text: str) -> str:
    """Without the tokens of chat templates: `<|im_start|>assistant`, `[INST]`, `</s>`, `### Response:`."""
    return _TOKENS.sub(" ", _SYSTEM.sub(" ", text))


def without_label(text: str) -> str:
    """The text without the name of a role at its start, such as `Assistant: Hello.` has."""
    match = _LABEL.match(text)
    return text[match.end() :] if match else text
