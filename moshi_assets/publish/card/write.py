"""Assembles the card and writes it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from ...dialogues.dialogue import EVAL, TRAIN
from ...recipe import Recipe
from ...storage.dataset import DatasetStore
from ...storage.whole_file import write_whole
from ..dataset_figures import DatasetFigures
from . import sections
from .front_matter import front_matter
from .markdown import prose
from .seal import MARK, sealed

logger = logging.getLogger(__name__)


def dataset_card(store: DatasetStore, recipe: Recipe, figures: DatasetFigures) -> str:
    """The card of a dataset folder. The same dataset gives the same bytes: the card names no time and no machine."""
    data_files = {TRAIN: store.manifest_path.name}
    if figures.splits[EVAL].recordings:
        data_files[EVAL] = store.eval_manifest_path.name
    files = [
        f'- `{store.manifest_path.name}`: the manifest to train on, one `{{"path", "duration"}}` a line',
        *([f"- `{data_files[EVAL]}`: the same for evaluation"] if EVAL in data_files else []),
        "- `data_stereo/`: the recordings" + (" and their transcripts" if recipe.transcripts else ""),
        "- `rejects.ndjson`: input records that are not in the dataset, and why",
        "- everything else serves to resume and check the build; training does not need it",
    ]
    about = (
        "The manifests hold paths; for rows that hold the audio itself, which `datasets` and the Hub's viewer can "
        "play, "
        "run `moshi-assets export`.\n"
    )
    use = sections.training(figures, store.name, recipe.pack_seconds)
    return _card(store, recipe, figures, data_files, "## Files\n\n" + "\n".join(files) + f"\n\n{about}", use)


def export_card(
    store: DatasetStore, recipe: Recipe, figures: DatasetFigures, data_files: Mapping[str, str], how_to_read: str
) -> str:
    """The card of an export: the dataset's, with other files.

    Args:
        store, recipe, figures: the dataset.
        data_files: pattern of each exported split's shards.
        how_to_read: Markdown that says it.
    """
    return _card(store, recipe, figures, data_files, f"## Files\n\n{how_to_read}", "")


def _card(
    store: DatasetStore, recipe: Recipe, figures: DatasetFigures, data_files: Mapping[str, str], files: str, use: str
) -> str:
    title = recipe.card.title or store.name
    spoken = "**All speech in it is synthetic**" if recipe.engine != "noise" else "**Its sound is synthetic**"
    about = (
        f"Two-channel spoken dialogues for fine-tuning [Moshi](https://github.com/kyutai-labs/moshi). {spoken}: made "
        f"from "
        f"written dialogues by Moshi Assets, no person said any of it.\n"
    )
    parts = [
        f"{front_matter(recipe, figures, data_files)}{MARK}\n",
        f"# {prose(title)}\n",
        about,
        sections.contents(figures, recipe),
        files,
        sections.voices(figures, recipe, store),
        sections.engine(recipe, store),
        sections.texts(store),
        sections.quality(figures, recipe),
        use,
        sections.licence(recipe),
        sections.recipe_section(recipe),
    ]
    return sealed("\n".join(part for part in parts if part))


def write_card(path: Path, text: str) -> None:
    """Write a card, whole or not at all, over an earlier one of this program.

    A file without the mark belongs to the user and is kept, unless it is empty.
    """
    try:
        if path.is_symlink() or (path.exists() and _is_own(path.read_text(encoding="utf-8", errors="replace"))):
            logger.warning("%s is not one of ours and is kept: no card was written", path)
            return
    except OSError as error:
        logger.warning("%s cannot be read (%s): no card was written", path, error)
        return
    write_whole(path, text)


def _is_own(text: str) -> bool:
    """Whether the text was written by the user; an empty one was not."""
    return bool(text.strip("\0 \t\r\n")) and MARK not in text
