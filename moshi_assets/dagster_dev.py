"""`dagster dev` as `moshi-assets ui` runs it: Ctrl-C is answered in one line while it is still being imported."""

from indextts.interrupts import begin_quietly, raise_interrupts


def main() -> None:
    """Dagster's own command line."""
    begin_quietly("interrupted")
    from dagster._cli import main as dagster

    raise_interrupts()
    dagster()


if __name__ == "__main__":
    main()
