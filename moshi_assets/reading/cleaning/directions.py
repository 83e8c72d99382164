"""Stage directions and sound tags, which describe what someone does while speaking and are not said."""

from __future__ import annotations

import re
from collections.abc import Callable

_FORM = r"(?:s|es|ed|ing|ter|ting|ning|ping|bing|ming)?\b"
_SOUNDS = (
    r"(?:laugh|chuckle?|giggle?|sigh|gasp|cough|sneeze?|sniff|sniffle|sob|yawn|groan|moan|growl|grunt|hum|whistle?|whisper|mutter|mumble?|"
    r"scream|snicker|snort|gulp|inhale?|exhale?|paus|pause|clap|applaud|cheer|chuckl|giggl|sneez|whistl|mumbl|inhal|exhal|whimper|stammer|"
    rf"stutter|hiccup|burp|shout|yell|smirk|smile?|smil|grin|nod|shrug|wink|blush|frown|hesitate?|hesitat){_FORM}"
    r"|cr(?:ies|ying)\b|breath(?:es|ing|s)?\b|clear(?:s|ing)? (?:his |her |their |my )?throat|laughter|applause|sound "
    r"effects?\b|silence\b|"
    r"(?:inaudible|unintelligible|indistinct|unclear|crosstalk|noise)(?: [\d:.]+)?|"
    r"ahem|beat|(?:in an? )?(?:\w+ )?(?:low|soft|quiet|loud|whispering|mocking) (?:voice|tone)|"
    r"background noise|music(?: plays| "
    r"playing)?$|beep$|static$|uv_break|lbreak|breath$|"
    r"(?:long|short|brief|awkward) (?:pause|silence)|(?:door|phone) (?:opens|closes|rings|ringing|slams)"
)
_GESTURES = (
    r"(?:hugs?|waves?|bows?|leans?|stretches|points?|raises?|tilts?|shakes?|scratches|looks?|turns?|rolls?|sits?|stands?|walks?|"
    r"hugging|waving|bowing|leaning|pointing|raising|tilting|shaking|looking|turning|rolling|thinks|thinking|beams|pouts|blinks|clenches|crosses|"
    r"takes a (?:deep )?breath|sips?|drinks?|yawning|dancing|dances|singing|sings)\b"
)
_MOODS = r"(?:excited|sarcastic|soft|quiet|angry|sad|happy|cheerful|nervous|surprised|calm|serious|curious|whispered|sarcastical|slow)(?:ly)?|angrily|happily"  # noqa: E501
_ADVERB = r"(?:(?:[a-z]+ly|a|the|deep|heavy|soft|loud|nervous|awkward|more|still) )?"
_TAIL = r"(?:,? (?:[a-z]+ly|at|to|in|into|with|for|again|and|a|his|her|their|my|under|through|out|up|loud|head|over|off|back)\b[\w' ,-]{0,40})?"  # noqa: E501
_CHINESE = "(?:大|微|苦|轻|冷|偷|哈哈)?笑(?:声|着|了)?|叹气|叹息|哭泣?|咳嗽|停顿|沉默|掌声|音乐|低声|小声|点头|摇头"
_SOUND = re.compile(rf"\s*(?:{_ADVERB}(?:{_SOUNDS}){_TAIL}|{_CHINESE})\s*[.!\u2026]*\s*", re.IGNORECASE)
_OBJECT = r"(?:(?: [a-z]+){1,2})?"
_GESTURE = re.compile(
    rf"\s*(?:(?:he|she|they) )?{_ADVERB}{_GESTURES}(?:{_TAIL}|{_OBJECT})\s*[.!\u2026]*\s*", re.IGNORECASE
)
_MOOD = re.compile(rf"\s*(?:{_MOODS})(?: (?:tone|voice))?\s*", re.IGNORECASE)
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)\s?-?\s?(ms|milliseconds?|s|secs?|seconds?)\b", re.IGNORECASE)
_PAUSE = re.compile(r"paus|silence|break|wait|beat", re.IGNORECASE)
_STARS = re.compile(r"(?<![*_\w\\])(?:\*{1,3}|_{1,2})([^*_\n]{2,60})(?:\*{1,3}|_{1,2})(?![*_\w])")
_CURLY = re.compile(
    r"\{([^{}\n]{2,60})\}|<<([^<>\n]{2,60})>>|\(\(([^()\n]{2,60})\)\)|\u3010([^\u3010\u3011\n]{1,60})\u3011"
)
_ONLY_LENGTH = re.compile(r"\s*\d+(?:\.\d+)?\s?(?:ms|s|secs?|seconds?)\s*")
_SQUARE = re.compile(r"\[([^\[\]\n]{2,60})\](?![(\[:])")
_ROUND = re.compile(r"[(\uff08]([^()\uff08\uff09\n]{1,60})[)\uff09]")
_ANGLE = re.compile(r"</?([a-zA-Z_]+(?:\s[a-z]+)?)\s*/?>")

Silence = Callable[[float], str]


def pause_seconds(text: str) -> float | None:
    """Seconds of silence that a direction asks for: "pause:500ms" -> 0.5; None if it states no length."""
    match = _LENGTH.search(text)
    if not match:
        return None
    return float(match[1]) / (1000 if match[2].lower().startswith("m") else 1)


def without_directions(text: str, silence: Silence) -> str:
    """Remove stage directions; a pause of a stated length becomes `silence(seconds)`.

    In round brackets, which prose has too, only sounds count; in stars gestures of several words as well ("*leans
    back*"), in square brackets those and moods ("[excited]").
    """

    def replace(kinds: tuple[re.Pattern[str], ...], gestures: int = 99) -> Callable[[re.Match[str]], str]:
        def drop(match: re.Match[str]) -> str:
            content = match[match.lastindex or 0].replace("_", " ")
            seconds = pause_seconds(content)
            if seconds is not None and (_PAUSE.search(content) or _ONLY_LENGTH.fullmatch(content)):
                return silence(seconds)
            if any(kind.fullmatch(content) for kind in kinds):
                return " "
            return " " if len(content.split()) >= gestures and _GESTURE.fullmatch(content) else match.group()

        return drop

    for signs, pattern, drop in (
        ("{<(\u3010", _CURLY, replace((_SOUND, _MOOD))),
        ("*_", _STARS, replace((_SOUND,), 2)),
        ("[", _SQUARE, replace((_SOUND, _MOOD), 1)),
        ("(\uff08", _ROUND, replace((_SOUND,))),
        ("<", _ANGLE, replace((_SOUND, _MOOD), 1)),
    ):
        if any(sign in text for sign in signs):
            text = pattern.sub(drop, text)
    return text
