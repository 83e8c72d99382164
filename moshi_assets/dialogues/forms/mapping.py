"""The recipe's section `input`: the field and speaker names of records whose form is not known."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field, field_validator, model_validator

from .names import Speaker, plain


class InputSettings(BaseModel, extra="forbid", frozen=True):
    """Names of the fields of a record, for files of a form that is not known."""

    turns: str | None = Field(None, description="Field that holds the list of turns; default: found by its content.")
    role: str | None = Field(
        None, description="Field of a turn that names its speaker; default: a usual one, such as from."
    )
    text: str | None = Field(
        None, description="Field of a turn that holds its text; default: a usual one, such as value."
    )
    roles: dict[str, Speaker] = Field(
        {}, description="Name of a speaker -> user, assistant, or system (left out), such as {A: user, B: assistant}."
    )
    user_text: str | None = Field(None, description="Field of what the user says in a record of two texts.")
    assistant_text: str | None = Field(None, description="Field of what the assistant says in a record of two texts.")
    id: str | None = Field(
        None, description="Field that names the dialogue; default: id, or a usual one, such as conversation_id."
    )

    @field_validator("roles", mode="before")
    @classmethod
    def _names_are_texts(cls, roles: Any) -> Any:
        """Speakers may be numbers; YAML reads `0: user` as one."""
        return {str(name): role for name, role in roles.items()} if isinstance(roles, dict) else roles

    @model_validator(mode="after")
    def _of_one_form(self) -> InputSettings:
        if (self.user_text or self.assistant_text) and (self.turns or self.role or self.text):
            raise ValueError(
                "user_text and assistant_text name the fields of a record of two texts, turns, role and text those of "
                "a list: give one kind"
            )
        if bool(self.user_text) != bool(self.assistant_text):
            raise ValueError("user_text and assistant_text belong together: give both")
        return self

    def speaker(self, name: str) -> Speaker | None:
        """The role that these settings give to a speaker's name; None if they do not name the speaker."""
        alike = (role for each, role in self.roles.items() if plain(each) == plain(name))
        return self.roles.get(name) or next(alike, None)


AS_USUAL = InputSettings()
"""Settings without any names: only the known forms are read."""
