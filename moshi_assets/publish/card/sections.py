"""The sections of a card, each Markdown."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import yaml

from ...alignment.word_times import APPROXIMATE
from ...dialogues.dialogue import EVAL, SPLITS, TRAIN
from ...prompts.traits import TRAITS
from ...recipe import Recipe
from ...recipe.card import UNSPECIFIED
from ...stereo.recording import CHANNEL
from ...stereo.training_window import TRAINING_WINDOW
from ...storage.dataset import DatasetStore
from ..dataset_figures import DatasetFigures
from ..public_paths import public_path, public_settings
from .markdown import code, fenced, prose, table
from .measures import measures
from .training import BATCH_SIZE, MAX_STEPS, fitting_window, training_config, window_of

MAX_VOICES = 200
"""Voices listed, and groups of them; a pool may hold thousands."""
MAX_KINDS = 60
"""Kinds of findings in the texts that are listed."""
MUCH_PADDING = 0.2
"""Share of the windows from which on joining dialogues is worth a word."""
_PURPOSE = {TRAIN: "train", EVAL: "eval, never trained on"}
_SPEAKS = {
    "builtin": "`hibari-tts`, a small neural English voice (Apache-2.0).",
    "indextts2": "IndexTTS2, a zero-shot neural voice: each speaker sounds like the recording named above.",
    "noise": "The `noise` engine: **what you hear is seeded noise, not speech**. It serves to measure throughput; "
    "there is "
    "nothing to train on here.",
}


def contents(figures: DatasetFigures, recipe: Recipe) -> str:
    """Counts and hours."""
    rows = []
    for split in SPLITS:
        held = figures.splits[split]
        if held.recordings:
            spoken = [hours(held.speech_seconds[role]) for role in CHANNEL]
            rows.append(
                [_PURPOSE[split], held.recordings, held.dialogues, held.turns.total(), hours(held.seconds), *spoken]
            )
    rates = " and ".join(f"{rate} Hz" for rate in sorted(figures.sample_rates))
    head = ["split", "recordings", "dialogues", "turns", "hours", "assistant speaks (h)", "user speaks (h)"]
    return (
        "## Contents\n\n"
        + table(head, rows, figures=6)
        + f"\nRecordings are two-channel WAVs, {rates}, 16 bit: **left is the assistant** (Moshi), **right the "
        f"user**; a "
        "channel is exact zero while its speaker is silent. "
        + (
            "Beside each lies a `.json` with both speakers' words and their times in seconds "
            "(`SPEAKER_MAIN` is the assistant).\n"
            if recipe.transcripts
            else "There are no transcripts: moshi-finetune needs them, so run its `annotate.py` first.\n"
        )
    )


def voices(figures: DatasetFigures, recipe: Recipe, store: DatasetStore) -> str:
    """Who speaks: each voice's name, file, identity, use and origin."""
    folder, fingerprints = recipe.source_folder, store.voice_fingerprints()
    rows = []
    for voice, role in sorted(figures.voices, key=lambda key: (key[1], -figures.voices[key].dialogues.total(), key[0])):
        uses = figures.voices[voice, role].dialogues
        name = public_path(voice, folder)
        notes = recipe.card.voice_notes
        note = notes.get(name) or notes.get(Path(name).name) or notes.get(voice)
        identity = fingerprints.get(voice)
        row = [role, code(name), code(identity) if identity else "not recorded"]
        rows.append([*row, prose(note) if note else "", uses[TRAIN], uses[EVAL]])
    head = ["role", "voice", "fingerprint", "origin", "dialogues (train)", "dialogues (eval)"]
    lines = ["## Voices\n", table(head, rows[:MAX_VOICES], figures=2)]
    if len(rows) > MAX_VOICES:
        lines.append(f"and {len(rows) - MAX_VOICES} more.\n")
    if recipe.engine == "indextts2":
        lines.append(
            "A fingerprint is the first 32 digits of `b2sum` of the prompt recording; a number after an @ counts the "
            "samples of silence at its start that were left out. A voice belongs to a person: use this dataset only as "
            "far as the people behind the prompts agreed.\n"
        )
    if shared := sum(1 for uses in _by_voice(figures).values() if uses[TRAIN] and uses[EVAL]):
        lines.append(f"{shared} of {len(_by_voice(figures))} voices are heard in both splits.\n")
    lines += _traits(figures, store)
    return "\n".join(lines)


def _traits(figures: DatasetFigures, store: DatasetStore) -> Iterator[str]:
    """How genders, accents and ages are spread over the dialogues, where they are known of any voice."""
    known = store.voice_traits()
    for trait in TRAITS:
        if not any(trait in known.get(voice, {}) for voice, _ in figures.voices):
            continue
        voices, dialogues = Counter[tuple[str, str]](), dict[tuple[str, str], Counter[str]]()
        for (voice, role), heard in figures.voices.items():
            group = (role, known.get(voice, {}).get(trait, ""))
            voices[group] += 1
            dialogues.setdefault(group, Counter()).update(heard.dialogues)
        ordered = sorted(dialogues, key=lambda group: (group[0], -dialogues[group].total(), group[1]))
        rows = [
            [role, prose(value) if value else "not stated", voices[role, value]]
            + [dialogues[role, value][split] for split in (TRAIN, EVAL)]
            for role, value in ordered[:MAX_VOICES]
        ]
        yield table(["role", trait, "voices", "dialogues (train)", "dialogues (eval)"], rows, figures=3)
        if len(ordered) > MAX_VOICES:
            yield f"and {len(ordered) - MAX_VOICES} more.\n"


def _by_voice(figures: DatasetFigures) -> dict[str, Counter[str]]:
    uses: dict[str, Counter[str]] = {}
    for (voice, _), heard in figures.voices.items():
        uses.setdefault(voice, Counter()).update(heard.dialogues)
    return uses


def engine(recipe: Recipe, store: DatasetStore) -> str:
    """What speaks, and its revision."""
    revision = code(store.summary().engine_revision)
    return f"## Engine\n\n{_SPEAKS[recipe.engine]} Revision: {revision}.\n"


def quality(figures: DatasetFigures, recipe: Recipe) -> str:
    """Word times, what the gates measured, and what is not in the dataset."""
    lines = ["## Quality\n"]
    if recipe.transcripts:
        turns = figures.methods.total()
        rows: list[list[object]] = [
            ["words", figures.words],
            ["words of the assistant, on which Moshi is trained", figures.assistant_words],
            [
                "of these, starting in one 80 ms slot with the next (overwritten in training)",
                f"{figures.shared_slots} ({share(figures.shared_slots, figures.assistant_words)})",
            ],
            *([f"turns whose word times are by {code(name)}", count] for name, count in _most_common(figures.methods)),
            [
                "turns whose word times are approximate",
                f"{figures.methods[APPROXIMATE]} ({share(figures.methods[APPROXIMATE], turns)})",
            ],
        ]
        lines.append(table(["what", "figure"], rows, figures=1))
    if measured := measures(figures.measured, recipe.gates.enabled, recipe.target_lufs):
        lines.append(measured)
    if rejected := figures.rejects.count:
        lines.append(f"{rejected} input records are not in the dataset (`rejects.ndjson`):\n")
        reasons = [[stage, prose(reason), count] for (stage, reason), count in _most_common(figures.rejects.kinds)]
        lines.append(table(["stage", "reason", "records"], reasons, figures=1))
    else:
        lines.append("No input record was rejected.\n")
    return "\n".join(lines)


def texts(store: DatasetStore) -> str:
    """What was done to the texts before they were spoken."""
    summary = store.summary()
    how = (
        "Numbers, units, dates, addresses and the like were spoken as words; the transcripts show them as they were "
        "written. Markup, emoji and stage directions were taken off.\n"
    )
    lines = ["## Texts\n", how]
    if not summary.reading:
        lines.append("Every turn is spoken as it was written.\n")
        return "\n".join(lines)
    lines.append(f"{summary.changed_turns} turns of the input were changed, or something is odd about them:\n")
    rows: list[list[object]] = [
        [kind.outcome, kind.kind, prose(kind.written), prose(kind.spoken), kind.turns]
        for kind in summary.reading[:MAX_KINDS]
    ]
    lines.append(table(["outcome", "kind", "for example", "spoken", "turns"], rows, figures=1))
    return "\n".join(lines)


def training(figures: DatasetFigures, name: str, pack_seconds: float | None) -> str:
    """How to train on it.

    Args:
        figures, name: of the dataset.
        pack_seconds: what dialogues were joined to fill, if they were.
    """
    longest = window_of(TRAINING_WINDOW, figures.training_lengths)
    window = fitting_window(figures.training_lengths)
    if pack_seconds:
        window = window_of(min(pack_seconds, TRAINING_WINDOW), figures.training_lengths)
    config = training_config(name, f"{name}/{name}.jsonl", _eval_manifest(figures, name), window)
    steps = math.ceil(window.windows / BATCH_SIZE)
    how = (
        f"With [moshi-finetune](https://github.com/kyutai-labs/moshi-finetune): save this as `{name}.yaml`, give "
        f"`train_data` and `eval_data` the paths of the manifests as seen from its folder, and run there "
        f"`torchrun --nproc-per-node 1 -m train {name}.yaml`.\n"
    )
    why = (
        f"`duration_sec: {window.seconds:g}` fits these recordings: {window.windows} windows a pass, "
        f"{100 * window.padded:.1f} % of their time padding, which is trained as silence. "
        + (f"With {TRAINING_WINDOW:g} s it would be {100 * longest.padded:.1f} %. " if longest != window else "")
        + f"One pass takes {steps} step{'s' * (steps > 1)} of {BATCH_SIZE} windows, "
        f"{MAX_STEPS} steps are {MAX_STEPS / steps:.1f} passes: choose `max_steps` and `batch_size` for your data and "
        f"GPU.\n"
    )
    if window.padded > MUCH_PADDING and not pack_seconds:
        why += (
            f"\nTo waste less, and to train on whole contexts, join dialogues into recordings that fill the window: "
            f"recipe "
            f"setting `pack_seconds: {TRAINING_WINDOW:g}`.\n"
        )
    return "\n".join(["## Training\n", how, fenced(config, "yaml"), why])


def _eval_manifest(figures: DatasetFigures, name: str) -> str | None:
    return f"{name}/{name}.eval.ndjson" if figures.splits[EVAL].recordings else None


def licence(recipe: Recipe) -> str:
    """What the audio may be used for, as far as its maker and its engine say."""
    card = recipe.card
    if card.license != "other":
        stated = f"The maker of this dataset licenses it as {code(card.license)}."
    elif card.license_name != UNSPECIFIED:
        where = f": {prose(card.license_link)}" if card.license_link else ""
        stated = f"The maker of this dataset licenses it under {prose(card.license_name)}{where}."
    else:
        stated = (
            "The maker of this dataset has stated no licence for it (recipe setting `card.license`): ask before you "
            "use or "
            "pass it on."
        )
    lines = ["## Licence\n", stated + "\n"]
    if recipe.engine == "indextts2":
        lines.append(
            "**Spoken with IndexTTS2.** Its published weights come under bilibili's model licence, whose terms reach "
            "the "
            "audio made with them, whatever is stated above: among others, it restricts which models may be improved "
            "with the output (IndexTTS2 itself and its derivatives, or non-commercial ones), and asks for a notice "
            "where "
            "the weights are passed on. The licence file that comes with the checkpoints is what counts: read it "
            "before you "
            "train on this dataset or publish it.\n"
        )
    if recipe.engine == "builtin":
        lines.append("Spoken with `hibari-tts`, which is Apache-2.0.\n")
    lines.append("The written dialogues may have a licence of their own.\n")
    return "\n".join(lines)


def recipe_section(recipe: Recipe) -> str:
    """Every setting; the paths of the machine are left out."""
    settings = yaml.safe_dump(public_settings(recipe), sort_keys=False, allow_unicode=True, width=1000)
    return "## Recipe\n\nEvery setting; of absolute paths the file name alone is shown.\n\n" + fenced(settings, "yaml")


def hours(seconds: float) -> str:
    """Hours, with as many digits as small datasets need."""
    return f"{seconds / 3600:.2f}" if seconds >= 36_000 else f"{seconds / 3600:.4f}"


def share(part: int, whole: int) -> str:
    """A part of a whole in percent."""
    return f"{100 * part / whole:.2f} %" if whole else "-"


def _most_common(counts: Counter) -> Iterator[tuple]:
    """Most frequent first; equal counts in the order of their names, so that a card does not depend on the order of
    work.
    """
    yield from sorted(counts.items(), key=lambda item: (-item[1], item[0]))
