"""Imported by every Python process that has this folder on PYTHONPATH: notes each utterance that the noise engine is
asked for.

Appends the content key to `$MOSHI_BENCHMARK_NOTES/<process id>`. The engine itself works as always.
"""

import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder

MODULE = "moshi_assets.engines.noise"


class _Finder(MetaPathFinder):
    """Watches the engine's class as soon as its module is loaded."""

    def find_spec(self, name, path=None, target=None):
        if name != MODULE:
            return None
        spec = PathFinder.find_spec(name, path, target)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            speak = module.NoiseEngine.synthesize

            def noted(self, tasks):
                with open(os.path.join(os.environ["MOSHI_BENCHMARK_NOTES"], str(os.getpid())), "a") as notes:
                    notes.writelines(f"{task.content_key.hex()}\n" for task in tasks)
                return speak(self, tasks)

            module.NoiseEngine.synthesize = noted

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, _Finder())
