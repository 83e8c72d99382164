"""The entry point of the command `indextts`. Ctrl-C is handled before anything heavy is imported."""

import sys

from .interrupts import begin_quietly


def main() -> int:
    """Run the command `indextts` and return its exit code."""
    begin_quietly("interrupted")
    from .cli import main as command

    return command()


if __name__ == "__main__":
    sys.exit(main())
