"""The recipe's section `text`: how the turns of a dataset are read."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from ..dialogues.longest import Longest


class CleanRules(BaseModel, extra="forbid", frozen=True):
    """What is taken off a turn before it is spoken; each can be turned off."""

    characters: bool = Field(True, description="Invisible and control characters, literal line breaks.")
    tokenised: bool = Field(True, description='Text in tokens, as old corpora have it: "do n\'t", "you \'re late ."')
    reasoning: bool = Field(True, description="Blocks of reasoning: <think>...</think>.")
    chat_tokens: bool = Field(True, description="Tokens of chat templates: <|im_start|>, [INST], </s>.")
    labels: bool = Field(True, description="The name of a role at the start: 'Assistant: Hello.'")
    directions: bool = Field(True, description="Stage directions and sound tags: *laughs*, [pause], (sighs).")
    html: bool = Field(True, description="Tags and entities.")
    markdown: bool = Field(
        True, description="Emphasis, headings, lists, quotes, links (their label stays), code in a line."
    )
    emoji: bool = Field(True, description="Emoji, pictographs, emoticons.")
    blocks: Literal["reject", "drop"] = Field(
        "reject",
        description="A block that cannot be spoken (code, table, formula): reject its dialogue, or drop the block.",
    )


class TextSettings(BaseModel, extra="forbid", frozen=True):
    """How written turns become what is spoken."""

    clean: CleanRules = Field(CleanRules(), description="What is taken off before a turn is spoken.")
    language: str = Field(
        "auto",
        pattern="^(auto|[a-z]{2,3})$",
        description="Language of every dialogue: en, zh, another by its ISO code (it is cleaned, its numbers stay), or "
        "auto (found over all its turns).",
    )
    languages: tuple[str, ...] | None = Field(
        None,
        description="Languages that the voice speaks (en, zh, de, ...), for a checkpoint that was trained further; "
        "default: its engine's. A dialogue in another is rejected.",
    )
    max_unspeakable: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Largest share of a turn's letters and digits that the voice may have no sound for; beyond it the "
        "dialogue is rejected.",
    )
    longest: Longest = Field(
        "reject",
        description="What becomes of a turn longer than max_text_chars: reject its dialogue; split it at sentence ends "
        "into turns of its speaker; or cut it there and leave the rest out.",
    )
    lexicon: dict[str, str] = Field({}, description="Word or name -> how it is spoken, for this dataset.")
