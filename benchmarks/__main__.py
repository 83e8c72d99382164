"""Run benchmarks by name, or all that belong to `make bench`, one after another; then renew the tables of figures."""

from __future__ import annotations

import argparse
from importlib import import_module

from . import table

ALL = (
    "parse",
    "parse_kinds",
    "classic",
    "lanes",
    "overhead",
    "assembly",
    "alignment",
    "word_fit",
    "additions",
    "gates",
    "loudness",
    "many_shards",
    "one_pass",
    "report",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*ALL, []], help=f"of {', '.join(ALL)}; default: all")
    for name in parser.parse_args().names or ALL:
        print(f"-- {name}", flush=True)
        import_module(f"benchmarks.{name}").main()
    table.main()


if __name__ == "__main__":
    main()
