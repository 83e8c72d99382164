"""Imported by every Python process of a build that has this folder on PYTHONPATH: notes what its engine does.

Appends lines to `$MOSHI_TEST_PROBE/<process id>`: `load START_METHOD` when an engine is made, `speak KEY` before each
utterance. The engine itself works as always.
"""

import multiprocessing
import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder

MODULE = "moshi_assets.engines.noise"


def _note(line: str) -> None:
    with open(os.path.join(os.environ["MOSHI_TEST_PROBE"], str(os.getpid())), "a") as notes:
        notes.write(f"{line}\n")


def _watch(engine: type) -> None:
    make, speak = engine.__init__, engine.synthesize

    def noted_make(self, *arguments, **options):
        _note(f"load {multiprocessing.get_start_method()}")
        make(self, *arguments, **options)

    def noted_speak(self, tasks):
        for task in tasks:
            _note(f"speak {task.content_key.hex()}")
        return speak(self, tasks)

    engine.__init__, engine.synthesize = noted_make, noted_speak


class _Finder(MetaPathFinder):
    """Watches the engine's class as soon as its module is loaded."""

    def find_spec(self, name, path=None, target=None):
        if name != MODULE:
            return None
        spec = PathFinder.find_spec(name, path, target)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            _watch(module.NoiseEngine)

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, _Finder())
