"""The entry point of the command `moshi-assets`. Ctrl-C is handled before anything heavy is imported."""

import sys

from indextts.interrupts import EXIT_INTERRUPTED, begin_quietly

from .cli.json_lines import INTERRUPTED, error_line


def main() -> None:
    """Entry point of the command."""
    line = error_line(sys.argv[1:], INTERRUPTED, EXIT_INTERRUPTED)
    begin_quietly(line or INTERRUPTED, own_line=line is None)
    from .cli.main import main as command

    command()


if __name__ == "__main__":
    main()
