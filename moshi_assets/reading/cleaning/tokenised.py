"""Old corpora part a text into tokens ("do n't", "you 're late .", "`` yes ''"): here it is put together again."""

from __future__ import annotations

import re

_NOT = (
    "do|does|did|is|are|was|were|ca|wo|would|could|should|have|has|had|must|need|might|ai|sha|dare|"
    "Do|Does|Did|Is|Are|Was|Were|Ca|Wo|Would|Could|Should|Have|Has|Had|Must|Ai"
)
_ENDINGS = "s|m|re|ve|ll|d"
_BRACKETS = {"-lrb-": "(", "-rrb-": ")", "-lsb-": "[", "-rsb-": "]", "-lcb-": "{", "-rcb-": "}"}
_MARK = "['\u2019]"
TOKENISED = (
    rf" n{_MARK}t\b"
    rf"|[A-Za-z0-9] {_MARK} ?(?:{_ENDINGS}|t|all|clock)\b"
    r"|[^\s] [.,!?;:]+(?:\s|$)|``|(?i:-[lr][rsc]b-)"
    r"|\b(?:[Gg]on|[Ww]an) na\b|\b[Gg]ot ta\b|\b(?:[Gg]im|[Ll]em) me\b|@[-,.]@|_comma_"
)
"""What a text in tokens has, about; an expression that Arrow knows too."""
_BRACKET = re.compile("(?i)(-[lr][rsc]b-)")
_FOUND = re.compile(TOKENISED)
_STEPS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\s*_comma_\s*"), ", "),
    (re.compile(r" ?@([-,.])@ ?"), r"\1"),
    (re.compile(rf"\b({_NOT}) (n['\u2019]t)\b"), r"\1\2"),
    (re.compile(r"\b([A-Za-z]+n) ['\u2019] ?t\b"), r"\1't"),
    (re.compile(rf"(?<=[A-Za-z0-9]) ['\u2019] ?({_ENDINGS})\b(?!['\u2019])"), r"'\1"),
    (re.compile(r"\b([oOyY]) ['\u2019] ?(clock|all)\b"), r"\1'\2"),
    (re.compile(r"\b([Gg]on|[Ww]an) (na)\b"), r"\1\2"),
    (re.compile(r"\b([Gg]ot) (ta)\b"), r"\1\2"),
    (re.compile(r"\b([Gg]im|[Ll]em) (me)\b"), r"\1\2"),
    (re.compile(r"(?<=\d) , (?=\d{3}\b)"), ","),
    (re.compile(r"(?<=\d) : (?=\d\d\b)"), ":"),
    (re.compile(r"([$\u00a3\u20ac] ?\d+) \. (?=\d\d\b)"), r"\1."),
    (re.compile(r"(?<=\d) \. (?=\d+ ?(?:%|percent\b))"), "."),
    (re.compile(r"\b([aApP]) \. ([mM]) \."), r"\1.\2."),
    (re.compile(r"\b([A-Z]) \. (?=[A-Z] \.)"), r"\1."),
    (re.compile(r"(?<=[\w\"'\u2019\u201d)\]%.,!?]) ([.,!?;:]+)(?=\s|$)"), r"\1"),
)


def put_together(text: str) -> str:
    """Join what was parted; what is written as usual comes back as it is.

    >>> print(put_together("`` You 're late , ca n't you see ? ''"))
    "You're late, can't you see?"
    """
    if not _FOUND.search(text):
        return text
    if "``" in text and "''" in text:
        text = re.sub(r" ?''", '"', re.sub(r"`` ?", '"', text))
    if _BRACKET.search(text):
        text = _BRACKET.sub(lambda match: _BRACKETS[match[1].lower()], text)
        text = re.sub(r"(?<=[(\[{]) | (?=[)\]}])", "", text)
    for pattern, joined in _STEPS:
        text = pattern.sub(joined, text)
    return text
