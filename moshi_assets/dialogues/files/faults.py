"""Errors that concern a dialogue file as a whole."""


class DialogueFileError(ValueError):
    """A dialogue file as a whole cannot be used; the message names it and what to do."""


class DamagedFile(ValueError):
    """A file is damaged from some point on; the message describes the damage without the file's name."""
