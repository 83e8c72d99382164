"""The maker's statements about a dataset, shown on its card; nothing else depends on them."""

from __future__ import annotations

import re

from pydantic import BaseModel, Field, field_validator

_LICENSE = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
UNSPECIFIED = "unspecified"


class CardSettings(BaseModel, extra="forbid"):
    """Settings of the dataset card."""

    title: str | None = Field(None, max_length=200, description="Heading of the card; default: the dataset's name.")
    license: str = Field(
        "other", description="Licence of the audio: an identifier of the Hugging Face Hub (cc-by-4.0, ...), or other."
    )
    license_name: str = Field(UNSPECIFIED, max_length=100, description="Name of the licence where it is `other`.")
    license_link: str | None = Field(None, max_length=500, description="Where it can be read, where it is `other`.")
    languages: list[str] = Field(
        [], max_length=20, description="Languages spoken (en, zh, ...); default: those that the engine can only speak."
    )
    voice_notes: dict[str, str] = Field(
        {}, description="Where a voice comes from, by its name in the card: {narrator.wav: recorded with consent}."
    )

    @field_validator("license")
    @classmethod
    def _license(cls, value: str) -> str:
        if not _LICENSE.fullmatch(value):
            raise ValueError(
                "must be an identifier of the Hugging Face Hub in lower case (cc-by-4.0, mit, ...), or other"
            )
        return value

    @field_validator("languages")
    @classmethod
    def _languages(cls, value: list[str]) -> list[str]:
        for language in value:
            if not _LANGUAGE.fullmatch(language):
                raise ValueError(f"{language!r} is not a language code (en, zh, pt-BR, ...)")
        return value
