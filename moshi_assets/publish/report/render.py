"""Renders the page: figures and clips through the template. All text from the input is hostile and is escaped here."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePath
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ...dialogues.dialogue import Role
from ...dialogues.reject_kinds import RejectTally, without_folders
from ...recipe import Recipe
from ...stereo.recording import CHANNEL
from ...storage.parse_summary import KindCount
from ..dataset_figures import DatasetFigures
from .charts import Chart, histogram, number, speed_chart
from .clips import CLIP_SECONDS, Clip, clip_data
from .material import ReportMaterial

_PAGE = Path(__file__).parent / "page"
_TITLE = 120
_SHOWN_VOICES = 5
_SHOWN_METHODS = 5
_SHOWN_KINDS = 60
"""Kinds of findings in the texts."""


def render(material: ReportMaterial, random: Sequence[Clip], worst: Sequence[Clip]) -> str:
    """The whole page as HTML.

    Args:
        material: of the dataset, complete.
        random: clips drawn at random.
        worst: clips chosen because something is unusual about them.
    """
    environment = Environment(
        loader=FileSystemLoader(_PAGE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style, script = ((_PAGE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    clips = [*random, *worst]
    sounds: dict[str, int] = {}  # a recording may be in both lists: its sound is embedded once
    for clip in clips:
        if clip.audio:
            sounds.setdefault(clip.audio, len(sounds))
    groups = [("Drawn at random", random, 0), ("The most unusual, worst first", worst, len(random))]
    return environment.get_template("page.html").render(
        name=material.store.name,
        version=_version(),
        policy=_policy(style, script),
        style=Markup(style),
        script=Markup(script),
        lead=_lead(material),
        problems=material.problems,
        tiles=_tiles(material),
        clips=bool(clips),
        groups=[{"title": t, "entries": _entries(held, first)} for t, held, first in groups if held],
        listen_note=_listen_note(clips),
        clips_json=Markup(script_json([clip_data(clip) | {"sound": sounds.get(clip.audio)} for clip in clips])),
        sounds=[Markup(sound) for sound in sounds],
        charts=[chart for chart in _charts(material) if chart],
        remarks=_remarks(material),
        rejects=_rejects(material.figures.rejects),
        texts=_texts(material.parsed.reading),
        facts=_facts(material),
    )


def script_json(data: Any) -> str:
    """JSON that stands safely inside a script element: no character of it can end the element or a line."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _policy(style: str, script: str) -> str:
    """Content security policy: this style and this script, nothing from anywhere."""

    def digest(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    return (
        f"default-src 'none'; style-src {digest(style)}; script-src {digest(script)}; img-src data:; base-uri 'none'; "
        f"form-action 'none'"
    )


def _version() -> str:
    try:
        return version("moshi-assets")
    except PackageNotFoundError:
        return ""


def _length(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _amount(seconds: float) -> tuple[str, str]:
    """A duration in the unit that suits it."""
    if seconds >= 3600:
        return number(round(seconds / 3600, 2)), "h"
    return (number(round(seconds / 60, 1)), "min") if seconds >= 60 else (number(round(seconds, 1)), "s")


def _lead(material: ReportMaterial) -> str:
    figures = material.figures
    return (
        f"{' '.join(_amount(figures.seconds))} of two-channel dialogue for moshi-finetune: "
        f"{figures.recordings:,} "
        f"recordings at {_rate(material.recipe)}, spoken by {material.recipe.engine}."
    )


def _rate(recipe: Recipe) -> str:
    rate = recipe.sample_rate
    return "the engine's own rate" if isinstance(rate, str) else f"{rate / 1000:g} kHz"


def _tiles(material: ReportMaterial) -> list[dict[str, str]]:
    figures, tiles = material.figures, []
    turns = figures.turns

    def tile(label: str, value: str, unit: str = "", note: str = "") -> None:
        tiles.append({"label": label, "value": value, "unit": unit, "note": note})

    def split(counts: Any) -> str:
        return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items(), reverse=True) if count)

    speech = figures.speech_seconds
    tile(
        "Audio",
        *_amount(figures.seconds),
        f"{' '.join(_amount(speech))} of speech, both speakers" if speech else "",
    )
    tile(
        "Recordings",
        f"{figures.recordings:,}",
        "",
        split({name: held.recordings for name, held in figures.splits.items()}),
    )
    tile("Dialogues", f"{figures.dialogues:,}", "", f"in {material.shards:,} shard{'s' * (material.shards != 1)}")
    tile("Turns", f"{turns.total():,}", "", split({role: turns[role] for role in CHANNEL}))
    if material.recipe.transcripts:
        tile("Words", f"{figures.words:,}", "", f"{figures.assistant_words:,} of the assistant")
    kinds = len(figures.rejects.kinds)
    tile(
        "Rejected", f"{figures.rejects.count:,}", "", f"for {kinds} reason{'s' * (kinds != 1)}" if kinds else "nothing"
    )
    return tiles


def _entries(clips: Sequence[Clip], first: int) -> list[dict[str, Any]]:
    return [
        {
            "number": first + place,
            "title": clip.title[:_TITLE],
            "length": _length(clip.recording_seconds),
            "reason": f"{clip.problem}; {clip.reason}".strip("; ") if clip.problem else clip.reason,
        }
        for place, clip in enumerate(clips)
    ]


def _listen_note(clips: Sequence[Clip]) -> str:
    cut = sum(clip.seconds + 0.01 < clip.recording_seconds for clip in clips)
    return f"{cut} of {len(clips)} are longer than {CLIP_SECONDS:.0f} s: a stretch of each is here." if cut else ""


def _charts(material: ReportMaterial) -> list[Chart | None]:
    figures, measured = material.figures, material.figures.measured
    return [
        histogram("durations", "Length of recordings", "seconds", "s", "recordings", {"plain": figures.durations}),
        histogram(
            "gaps", "From one speaker to the other", "seconds of silence; below zero they overlap", "s", "turns",
            {"plain": figures.gaps}, below_zero="overlapping",
        ),
        histogram("lengths", "Length of turns", "seconds", "s", "turns", figures.turn_lengths),
        histogram("levels", "Loudness of turns", "LUFS", "LUFS", "turns", measured.by_role("loudness_lufs")),
        histogram("rates", "Speaking rate", "characters a second", "chars/s", "turns",
                  measured.by_role("chars_per_second")),
        speed_chart(material.speeds),
    ]  # fmt: skip


def _remarks(material: ReportMaterial) -> list[str]:
    figures, remarks = material.figures, []
    if (measured := figures.measured.utterances) < (turns := figures.turns.total()):
        remarks.append(
            f"Loudness, speaking rate and what is unusual are known of {measured:,} of {turns:,} turns: where "
            f"there "
            f"is no quality table, of recordings drawn at random."
        )
    if (target := material.recipe.target_lufs) is not None:
        remarks.append(
            f"Loudness is that of the voices as they spoke; in the recordings each speaker is brought to "
            f"{number(target)} LUFS."
        )
    if not material.speeds:
        remarks.append("How fast it was spoken is not on file: the log of these shards' speed is missing or damaged.")
    if figures.shared_slots:
        share = 100 * figures.shared_slots / max(1, figures.assistant_words)
        remarks.append(
            f"{figures.shared_slots:,} words of the assistant ({number(round(share, 2))} %) start in the same 80 ms "
            f"as the "
            f"one before and overwrite it in training."
        )
    return remarks


def _rejects(tally: RejectTally) -> list[dict[str, Any]]:
    return [
        {
            "stage": kind[0],
            "reason": kind[1],
            "count": f"{count:,}",
            "percent": round(100 * count / tally.count, 1),
            "examples": [
                {
                    "line": reject.line,
                    "id": str(reject.id or "")[:_TITLE],
                    "reason": without_folders(str(reject.reason))[:300],
                }
                for reject in tally.examples[kind]
            ],
        }
        for kind, count in tally.kinds.most_common()
    ]


def _texts(kinds: Sequence[KindCount]) -> list[dict[str, str]]:
    return [
        {
            "outcome": kind.outcome,
            "kind": kind.kind,
            "turns": f"{kind.turns:,}",
            "written": kind.written[:_TITLE],
            "spoken": kind.spoken[:_TITLE],
        }
        for kind in kinds[:_SHOWN_KINDS]
    ]


def _facts(material: ReportMaterial) -> list[dict[str, str]]:
    figures, recipe = material.figures, material.recipe
    facts = {"Engine": f"{recipe.engine}, revision {material.parsed.engine_revision}"}
    for role in CHANNEL:
        facts[f"Voices of the {role}"] = _listed(_voices(figures, role), _SHOWN_VOICES) or "none"
    facts["Channels"] = f"left the assistant, right the user; 16 bit, {_rate(material.recipe)}"
    changes = figures.gaps.count
    if changes:
        overlaps = f"{figures.overlaps:,} of {changes:,} changes of speaker overlap"
        facts["Turn-taking"] = overlaps + (f"; {figures.backchannels:,} backchannels" if figures.backchannels else "")
    if retried := figures.measured.retried:
        facts["Spoken again"] = f"{retried:,} turns were good only at a further attempt"
    if figures.methods:
        facts["Word times by"] = _listed(figures.methods, _SHOWN_METHODS)
    facts["Seed"] = str(recipe.seed)
    facts["Recipe"] = f"{recipe.fingerprint} (recipe.yaml in the dataset's folder)"
    return [{"label": label, "value": value} for label, value in facts.items()]


def _voices(figures: DatasetFigures, role: Role) -> Counter[str]:
    """Turns of a role by the name of their voice; a path of this machine is nobody's business."""
    turns = Counter[str]()
    for (voice, who), held in figures.voices.items():
        if who == role:
            turns[PurePath(voice).name or voice] += held.turns
    return turns


def _listed(turns: Counter[str], most: int) -> str:
    """The largest counts in words; the rest together as `others`."""
    common = turns.most_common(most)
    rest = turns.total() - sum(count for _, count in common)
    return ", ".join(f"{name} ({count:,} turns)" for name, count in [*common, *([("others", rest)] if rest else [])])
