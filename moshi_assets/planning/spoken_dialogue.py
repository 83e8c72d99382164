"""Reads the turns of a dialogue, and checks whether the engine can speak them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from ..dialogues.dialogue import Dialogue, Reject, Turn
from ..dialogues.forms import MAX_GAP
from ..dialogues.longest import pieces
from ..engines.base import Engine
from ..reading import Finding, Mapped, ReadingCounts, SpokenText, language_name, located_words, read, read_dialogues
from ..recipe import Recipe
from ..recipe.text import CleanRules

_EXCERPT = 60
_CLEANED = CleanRules(**{name: False for name in CleanRules.model_fields if name != "blocks"})
"""No rules: for what is cleaned already. A sentence that begins with "2." is no list once the turn is cut before it."""


class SpokenDialogue(NamedTuple):
    """A dialogue whose turns hold their texts after cleaning."""

    dialogue: Dialogue
    said: Sequence[SpokenText] | None = None
    """The reading of each turn; None if every turn is spoken as it is written."""

    @property
    def spoken(self) -> list[str]:
        """Each turn as it is to be pronounced."""
        return [turn.text for turn in self.dialogue.turns] if self.said is None else [each.spoken for each in self.said]

    @property
    def texts(self) -> Sequence[SpokenText]:
        """The reading of each turn."""
        return self.said or [SpokenText(turn.text, turn.text) for turn in self.dialogue.turns]


class SpokenDialogues:
    """Reads dialogues for one engine and counts the findings."""

    def __init__(self, recipe: Recipe, engine: type[Engine], mapped: Mapped = map) -> None:
        """
        Args:
            recipe: the dataset's.
            engine: what is to speak them.
            mapped: what reads those that are not plain, `map` or that of a pool of processes.
        """
        self._mapped = mapped
        self._settings, self._name, self._most_turns = recipe.text, recipe.engine, recipe.max_turns
        self._longest, self._most_characters = recipe.text.longest, recipe.max_text_chars
        languages = recipe.text.languages
        self._languages = engine.languages if languages is None else frozenset(languages)
        self._unspeakable = engine.unspeakable(recipe.engine_options)
        self.counts = ReadingCounts()
        """Of the dialogues that were counted (see `count`) and of those that were rejected here."""

    def read(self, dialogues: Sequence[Dialogue]) -> Iterator[SpokenDialogue | Reject]:
        """Read some dialogues, in order; return a reject in place of a dialogue that cannot be spoken."""
        texts = [[turn.text for turn in dialogue.turns] for dialogue in dialogues]
        read = read_dialogues(texts, self._settings, self._mapped)
        for dialogue, (language, said) in zip(dialogues, read, strict=True):
            if said is None and self._longest != "reject" and any(map(self._is_too_long, dialogue.turns)):
                said = [*SpokenDialogue(dialogue).texts]
            yield SpokenDialogue(dialogue) if said is None else self._checked(dialogue, language, said)

    def count(self, spoken: SpokenDialogue) -> None:
        """Count the turns of a dialogue that is taken."""
        if spoken.said is None:
            self.counts.turns += len(spoken.dialogue.turns)
        for said in spoken.said or ():
            self.counts.add(said)

    def _checked(self, dialogue: Dialogue, language: str, said: Sequence[SpokenText]) -> SpokenDialogue | Reject:
        said = [self.sounded(each) for each in said]
        if reason := self.fault(language, said):
            for each in said:
                self.counts.add(each)
            return dialogue.reject(reason)
        pairs = list(zip(dialogue.turns, said, strict=True))
        if any(each.pauses for each in said):
            pairs = [piece for turn, each in pairs for piece in self._at_pauses(turn, each, language)]
            if reason := self.fault(language, [each for _, each in pairs]):
                return dialogue.reject(reason)
            if len(pairs) > self._most_turns:
                return dialogue.reject(
                    f"the pauses in its texts make {len(pairs)} turns of it, more than max_turns={self._most_turns}"
                )
        if self._longest != "reject" and any(self._is_too_long(each) for _, each in pairs):
            pairs = [piece for turn, each in pairs for piece in self._fitted(turn, each, language)]
            if reason := self.fault(language, [each for _, each in pairs]):
                return dialogue.reject(reason)
            if len(pairs) > self._most_turns:
                return dialogue.reject(
                    f"split at max_text_chars={self._most_characters} it has {len(pairs)} turns, more than "
                    f"max_turns={self._most_turns}"
                )
        turns = tuple(turn if turn.text == each.text else turn._replace(text=each.text) for turn, each in pairs)
        return SpokenDialogue(dialogue._replace(turns=turns), [each for _, each in pairs])

    def sounded(self, said: SpokenText) -> SpokenText:
        """Add a finding for each stretch for which the voice has no sound."""
        stretches = self._unspeakable(said.spoken)
        if not stretches:
            return said
        known = {(finding.outcome, finding.written) for finding in said.findings}
        found = [
            Finding("suspicious", "no sound", stretch) for stretch in stretches if ("suspicious", stretch) not in known
        ]
        silent, heard = _letters("".join(stretches)), _letters(said.spoken)
        if silent > self._settings.max_unspeakable * heard:
            found.append(Finding("rejected", "no sound", " ".join(stretches)[:_EXCERPT]))
        return replace(said, findings=(*said.findings, *found))

    def fault(self, language: str, said: Sequence[SpokenText]) -> str | None:
        """The reason why a dialogue in a language cannot be spoken, or None; its turns come from `sounded`."""
        for number, each in enumerate(said):
            if rejected := each.rejected:
                if rejected.kind == "no sound":
                    continue  # in a dialogue of another language its name says more
                if rejected.kind == "nothing to say":
                    return f"turn {number} has nothing to say: {rejected.written!r}"
                if rejected.kind == "several speakers":
                    return (
                        f"turn {number} holds several speakers: write what each says as a turn of its own "
                        f"({rejected.written!r})"
                    )
                return (
                    f"turn {number} holds {rejected.kind}, which cannot be spoken: take it out of the file, or set "
                    f"text.clean.blocks to drop ({rejected.written!r})"
                )
        if self._languages is not None and language not in self._languages:
            mine = ", ".join(map(language_name, sorted(self._languages)))
            return (
                f"the voice cannot speak: {language_name(language)} (engine {self._name} speaks {mine}; text.languages "
                f"names others that its checkpoint speaks)"
            )
        if self._languages is not None and self._settings.language == "auto" and self._settings.max_unspeakable < 1:
            for number, each in enumerate(said):
                if each.language and each.language not in self._languages:
                    return (
                        f"the voice cannot speak: {language_name(each.language)}, in which turn {number} of the "
                        f"dialogue is, {each.text[:_EXCERPT]!r} (text.max_unspeakable: 1 takes such turns)"
                    )
        for number, each in enumerate(said):
            if rejected := each.rejected:
                return f"the voice cannot speak: {rejected.written!r} of turn {number} (see text.max_unspeakable)"
        return None

    def _at_pauses(self, turn: Turn, said: SpokenText, language: str) -> Iterator[tuple[Turn, SpokenText]]:
        """Cut a turn at the silences that its writer asks for into turns of the same speaker, with the silence as the
        gap before each.

        A pause at its end, or in a backchannel, has nothing to part and is dropped.
        """
        if turn.backchannel or not said.pauses:
            yield turn, said
            return
        silences: dict[int, float] = {}
        for before, seconds in said.pauses:
            silences[before] = silences.get(before, 0.0) + seconds
        words = list(located_words(said.text))
        begins = [0, *_cuts([said.text[begin:end] for begin, end in words], silences)]
        for first, end in pairwise([*begins, len(words)]):
            place = slice(words[first][0], words[end - 1][1])
            gap = turn.gap if first == 0 else 0.0
            if first in silences:
                gap = min(MAX_GAP, (gap or 0.0) + silences[first])
            yield self._piece(turn, said, place, language, gap, () if first else said.findings)

    def _piece(
        self, turn: Turn, said: SpokenText, place: slice, language: str, gap: float | None, told: Sequence[Finding]
    ) -> tuple[Turn, SpokenText]:
        """A part of a turn as a turn of its own, spoken as in the whole. What was found in that is told of the first
        part alone; what cannot be spoken is found in each: by itself a part may look like code.

        Only where the cut goes through a word that is written or spoken, the numbers of the part are read anew; it is
        not cleaned again.
        """
        lexicon = self._settings.lexicon
        piece = self.sounded(said.part(place.start, place.stop) or read(said.text[place], language, _CLEANED, lexicon))
        alone = read(said.text[place], language, self._settings.clean, lexicon)
        found = [*piece.findings, *(finding for finding in alone.findings if finding.kind != "nothing to say")]
        faults = tuple(finding for finding in found if finding.outcome == "rejected")
        return turn._replace(text=piece.text, gap=gap), replace(piece, findings=(*told, *faults))

    def _is_too_long(self, turn: Turn | SpokenText) -> bool:
        return len(turn.text) > self._most_characters

    def _fitted(self, turn: Turn, said: SpokenText, language: str) -> Iterator[tuple[Turn, SpokenText]]:
        """A turn that is too long as several of its speaker, or its beginning alone. What was found in it is told of
        the first.
        """
        places = list(_places(said.text, self._most_characters)) if self._is_too_long(said) else []
        if not places:
            yield turn, said
            return
        if self._longest == "cut":
            done = Finding("cleaned", "cut", said.text[places[0].stop :].strip()[:_EXCERPT])
            del places[1:]
        else:
            done = Finding("cleaned", "split", said.text[places[0]][:_EXCERPT], f"{len(places)} turns")
        for number, place in enumerate(places):
            told = () if number else (*said.findings, done)
            yield self._piece(turn, said, place, language, None if number else turn.gap, told)


def _places(text: str, limit: int) -> Iterator[slice]:
    """Where the pieces of a text lie."""
    end = 0
    for piece in pieces(text, limit):
        begin = text.index(piece, end)
        end = begin + len(piece)
        yield slice(begin, end)


def _cuts(words: Sequence[str], places: Iterable[int]) -> Iterator[int]:
    """Places among words that have something with a sound on both sides, before the next place too."""
    sounds = [any(map(str.isalnum, word)) for word in words]
    last = 0
    for place in sorted(places):
        if any(sounds[last:place]) and any(sounds[place:]):
            yield place
            last = place


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text))
