"""Where the command `moshi-assets` begins: Ctrl-C is answered before anything heavy is imported."""

from indextts.interrupts import begin_quietly


def main() -> None:
    """Entry point of the command."""
    begin_quietly("interrupted: run the same command again to continue")
    from .cli import main as command

    command()


if __name__ == "__main__":
    main()
