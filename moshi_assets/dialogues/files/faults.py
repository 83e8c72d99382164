"""What is wrong with a dialogue file as a whole."""


class DialogueFileError(ValueError):
    """A dialogue file as a whole cannot be used; the message names it and what to do."""


class DamagedFile(ValueError):
    """A file is broken from some point on; the message says how, without its name."""
