"""`moshi-assets read`: how each turn of a dialogue file would be spoken, before anything is."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from indextts.interrupts import ending_at_once

from .build import EXIT_FAILED
from .inputs import SPOOLED, STANDARD_INPUT, inputs_argument, left_out, source_of, spool
from .printable import printable

if TYPE_CHECKING:
    from ..dialogues.dialogue import Dialogue, Reject
    from ..dialogues.reject_kinds import RejectTally
    from ..reading import ReadingCounts, SpokenText, TextSettings
    from ..recipe import Recipe

CLEANING_RULES = (
    "characters",
    "tokenised",
    "reasoning",
    "chat_tokens",
    "labels",
    "directions",
    "html",
    "markdown",
    "emoji",
)


@click.command()
@inputs_argument
@click.option(
    "--recipe",
    "recipe_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Recipe (YAML): how its dataset would be read, and what its engine cannot speak.",
)
@click.option("--only-changed", is_flag=True, help="Only what is not spoken as it is written, and what is rejected.")
@click.option("--jsonl", is_flag=True, help="A JSON object a turn on standard output, the counts as the last of them.")
@click.option(
    "--language",
    type=click.Choice(["auto", "en", "zh"]),
    help="Language of every dialogue; auto, the default, finds it over all turns of each.",
)
@click.option(
    "--blocks",
    type=click.Choice(["reject", "drop"]),
    help="Code, tables and formulas: reject the dialogue (the default), or drop the block.",
)
@click.option(
    "--keep",
    multiple=True,
    type=click.Choice(CLEANING_RULES),
    help="Turn a rule of cleaning off. Several times: several rules.",
)
@click.option(
    "--lexicon",
    type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path),
    help="YAML file with a line for each word: 'SQL: sequel'.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 when any record or turn was rejected.")
@click.pass_context
def read(
    context: click.Context,
    /,
    inputs: tuple[str, ...],
    recipe_file: Path | None,
    only_changed: bool,
    jsonl: bool,
    strict: bool,
    **options: Any,
) -> None:
    """Print written beside spoken for every turn of INPUT (files, folders or patterns; - is standard input), and count
    what was done. Nothing is spoken.

    The counts go to standard error, each with an example. Exit codes: 0 read, 1 no dialogue in the file (or rejects
    with --strict), 2 wrong usage, 130 interrupted.
    """
    with ending_at_once():
        from ..dialogues.dialogue import Reject
        from ..dialogues.files.records import SourceRecords, placed
        from ..dialogues.files.sources import source_text
        from ..dialogues.reader import DialogueFileError, read_dialogues
        from ..dialogues.reject_kinds import RejectTally
        from ..engines.base import EngineError
        from ..engines.registry import engine_class
        from ..planning.spoken_dialogue import SpokenDialogues
        from ..reading import ReadingCounts, read_dialogue

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    counts, languages, rejects = ReadingCounts(), Counter[str](), RejectTally()
    lines = _objects if jsonl else _paragraph
    recipe = _recipe(recipe_file, **options)
    try:
        voice = SpokenDialogues(recipe, engine_class(recipe.engine)) if recipe_file else None
    except EngineError as error:
        raise click.ClickException(str(error)) from None
    if unread := left_out(inputs):
        click.echo(unread, err=True)
    try:
        records = SourceRecords(_source(context, inputs), recipe.input)
        most, turns_most, longest = recipe.max_text_chars, recipe.max_turns, recipe.text.longest
        for record in read_dialogues(records, most, turns_most, mapping=recipe.input, longest=longest):
            if isinstance(record, Reject):
                reject = placed(record, records.files)
                told = rejects.add(reject)
                if jsonl:
                    _print(_reject_object(reject))
                elif told:  # a file of which no line fits says so once, not a million times
                    _print(_reject_line(reject))
                continue
            language, turns = read_dialogue([turn.text for turn in record.turns], recipe.text)
            languages[language] += 1
            fault = None
            if voice:
                turns = [voice.sounded(turn) for turn in turns]
                fault = voice.fault(language, turns)
            for turn in turns:
                counts.add(turn)
            for line in lines(record, language, turns, only_changed):
                _print(line)
            if fault:
                reject = placed(record.reject(fault), records.files)
                rejects.add(reject)
                _print(_reject_object(reject) if jsonl else _reject_line(reject))
    except DialogueFileError as error:
        raise click.ClickException(str(error)) from None
    if jsonl:
        _print(json.dumps(_figures(counts, languages, rejects.count), ensure_ascii=False))
    sys.stdout.flush()
    click.echo("\n".join(_summary(counts, languages, rejects)), err=True)
    if not languages:
        first = next(iter(rejects.examples.values()), [None])[0]
        reason = f", the first because: {first.where}, {printable(first.reason)}" if first else ""
        source = "standard input" if inputs[0] == STANDARD_INPUT else source_text(inputs)
        why = f"{rejects.count} lines were rejected{reason}" if rejects.count else "it is empty or blank"
        raise click.ClickException(f"{source} holds no usable dialogue: {why}")
    if strict and (rejects.count or counts.rejected):
        context.exit(EXIT_FAILED)


def _recipe(
    recipe_file: Path | None, language: str | None, blocks: str | None, keep: tuple[str, ...], lexicon: Path | None
) -> Recipe:
    """The recipe for reading: only its reading settings matter, and options override its section `text`."""
    from indextts.foreign_files import ForeignFileError, read_yaml

    from ..recipe import RecipeError, make_recipe, read_recipe_settings

    try:
        settings = read_recipe_settings(recipe_file) if recipe_file else {}
        recipe = make_recipe({"name": "read", "source": STANDARD_INPUT} | settings, recipe_file, settings)
    except (RecipeError, ValueError) as error:
        raise click.UsageError(str(error)) from None
    text = recipe.text.model_dump()
    text["clean"] |= dict.fromkeys(keep, False) | ({"blocks": blocks} if blocks else {})
    if language:
        text["language"] = language
    if lexicon is not None:
        try:
            text["lexicon"] = read_yaml(lexicon) or {}
        except ForeignFileError as error:
            raise click.UsageError(f"lexicon {error}") from None
    return recipe.model_copy(update={"text": _settings(text, lexicon)})


def _source(context: click.Context, inputs: tuple[str, ...]) -> str | list[str]:
    """The source to read; standard input is kept in a temporary file until the command ends."""
    if inputs[0] != STANDARD_INPUT:
        return source_of(inputs)
    folder = context.with_resource(tempfile.TemporaryDirectory(prefix="moshi-assets-"))
    try:
        spool(Path(folder) / SPOOLED)
    except OSError as error:
        raise click.ClickException(f"cannot keep standard input: {error.strerror or error}") from None
    return str(Path(folder) / SPOOLED)


def _settings(text: dict[str, Any], lexicon: Path | None) -> TextSettings:
    from pydantic import ValidationError

    from ..reading import TextSettings

    try:
        return TextSettings.model_validate(text)
    except ValidationError as error:
        fault = error.errors()[0]
        where = "".join(f" {part!r}" for part in fault["loc"][1:])
        raise click.UsageError(
            f"lexicon {lexicon}:{where} {fault['msg'].lower()}; a line is a word and how it is spoken, such as 'SQL: "
            f"sequel'"
        ) from None


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")


def _paragraph(dialogue: Dialogue, language: str, turns: list[SpokenText], only_changed: bool) -> Iterator[str]:
    from ..reading import language_name

    if only_changed and not any(turn.changed for turn in turns):
        return
    yield f"{printable(dialogue.id)}  {language_name(language)}"
    for said, turn in zip(dialogue.turns, turns, strict=True):
        if only_changed and not turn.changed:
            continue
        yield f"  {said.role:<9}  {printable(said.text)}"
        if rejected := turn.rejected:
            yield f"  {'rejected':>9}  {rejected.kind}: {printable(rejected.written)}"
        elif turn.spoken != said.text:
            yield f"  {'->':>9}  {printable(turn.spoken)}"
        for pause in turn.pauses:
            yield f"  {'pause':>9}  {pause.seconds:g} s before word {pause.before + 1}"
        for finding in turn.findings:
            if finding.outcome == "suspicious":
                yield f"  {'!':>9}  {finding.kind} {printable(finding.written)}"


def _objects(dialogue: Dialogue, language: str, turns: list[SpokenText], only_changed: bool) -> Iterator[str]:
    for number, (said, turn) in enumerate(zip(dialogue.turns, turns, strict=True)):
        if only_changed and not turn.changed:
            continue
        yield json.dumps(
            {
                "id": dialogue.id,
                "turn": number,
                "role": said.role,
                "language": language,
                "written": said.text,
                "text": turn.text,
                "spoken": turn.spoken,
                "changed": turn.changed,
                "rejected": turn.rejected.kind if turn.rejected else None,
                "findings": [finding._asdict() for finding in turn.findings],
                "pauses": [pause._asdict() for pause in turn.pauses],
            },
            ensure_ascii=False,
        )


def _reject_line(reject: Reject) -> str:
    name = f" {printable(reject.id[:80])}" if reject.id else ""
    return f"{printable(reject.where)}{name}  rejected: {printable(reject.reason)}"


def _reject_object(reject: Reject) -> str:
    place = {"file": reject.file, "file_line": reject.file_line} if reject.file else {}
    return json.dumps({"id": reject.id, "line": reject.line, **place, "rejected": reject.reason}, ensure_ascii=False)


def _figures(counts: ReadingCounts, languages: Counter[str], rejects: int) -> dict[str, Any]:
    return {
        "event": "summary",
        "dialogues": languages.total(),
        "languages": dict(languages.most_common()),
        "rejected_records": rejects,
        "turns": counts.turns,
        "changed_turns": counts.changed,
        "rejected_turns": counts.rejected,
        "kinds": [count._asdict() for count in counts],
    }


def _summary(counts: ReadingCounts, languages: Counter[str], rejects: RejectTally) -> Iterator[str]:
    from ..dialogues.reject_kinds import EXAMPLES
    from ..reading import READ_LANGUAGES, language_name

    yield (
        f"{counts.turns} turns of {languages.total()} dialogues: {counts.turns - counts.changed} as they are written, "
        f"{counts.changed - counts.rejected} changed or suspicious, {counts.rejected} rejected; {rejects.count} "
        f"records rejected"
    )
    for (_, reason), count in rejects.kinds.most_common():
        if count > EXAMPLES:
            yield f"  {count} records: {printable(reason)}"
    if others := [
        f"{language_name(name)} {count}" for name, count in languages.most_common() if name not in READ_LANGUAGES
    ]:
        yield f"  only cleaned, not verbalised: dialogues in {', '.join(others)}"
    for kind in counts:
        became = f" -> {printable(kind.spoken)!r}" if kind.spoken else ""
        yield f"  {kind.outcome:<10}  {kind.kind:<16}{kind.turns:>8}  {printable(kind.written)!r}{became}"
