"""Texts normalised ahead of their turn, in processes of their own. docs/indextts2.md §12.

Text normalisation holds the GIL, sometimes longer than a fast GPU needs to synthesise the sentence; in this process it
would stall the GPU. Each reader is this file run as a program, one JSON line in and one out. It ends when its input
ends, and so never outlives the process that started it.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from copy import deepcopy
from pathlib import Path

from .frontend import TextFrontend
from .normalize import GlossaryEntry, TextNormalizer
from .normalizers import Reading

logger = logging.getLogger(__name__)

MAX_WAITING = 4096
"""Most texts kept that were not requested yet; beyond that the oldest are dropped."""


class TextAhead(TextFrontend):
    """A text front end that may be given texts before they are needed. Its answers are those of `TextFrontend`."""

    def __init__(
        self,
        bpe_model_path: str | Path,
        glossary_path: str | Path | None = None,
        readers: int = 1,
        normalizer: str | Reading = "published",
    ) -> None:
        """Prepare the readers, which are started when the first text comes; raises as `TextFrontend`.

        Args:
            bpe_model_path, glossary_path, normalizer: as for `TextFrontend`.
            readers: number of processes. None is started for `verbatim`, which takes no time, nor for a function, which
                another process does not have.
        """
        super().__init__(bpe_model_path, glossary_path, normalizer)
        self._readers_glossary = deepcopy(self._glossary())
        self._command = [sys.executable, "-m", __name__]
        if isinstance(normalizer, str) and normalizer != "verbatim":
            arguments = {"bpe_model_path": str(bpe_model_path), "normalizer": normalizer}
            if glossary_path is not None and normalizer == "published":
                arguments["glossary_path"] = str(glossary_path)
            self._command.append(json.dumps(arguments))
        else:
            readers = 0
        self._readers = readers
        self._threads: list[threading.Thread] = []
        self._asked: queue.SimpleQueue[tuple[str, Future[list[str]]] | None] = queue.SimpleQueue()
        self._answers: dict[str, Future[list[str]]] = {}
        self._lock = threading.Lock()

    def read_ahead(self, texts: Iterable[str]) -> None:
        """Start reading texts that will be asked for, and return at once; do nothing without readers.

        Any thread may call it.
        """
        if not self._readers or not self._readers_agree():
            return
        with self._lock:
            if not self._threads:
                self._threads = [
                    threading.Thread(target=self._serve, name=f"text-{number}", daemon=True)
                    for number in range(self._readers)
                ]
                for thread in self._threads:
                    thread.start()
            for text in texts:
                if text in self._answers:
                    continue
                if len(self._answers) >= MAX_WAITING:
                    self._answers.pop(next(iter(self._answers))).cancel()
                self._answers[text] = Future()
                self._asked.put((text, self._answers[text]))

    def tokenize(self, text: str) -> list[str]:
        with self._lock:
            answer = self._answers.pop(text, None)
        # One that no reader has begun is read here and now; so is any once the glossary is no longer that of the
        # readers.
        if answer is None or answer.cancel() or not self._readers_agree():
            return super().tokenize(text)
        try:
            return answer.result()
        except (OSError, ValueError, CancelledError) as error:
            logger.debug("%r is read here (%s)", text, error)
            return super().tokenize(text)

    def _readers_agree(self) -> bool:
        """Whether the glossary is still the same as the readers'."""
        return self._glossary() == self._readers_glossary

    def _glossary(self) -> dict[str, GlossaryEntry] | None:
        """Terms of the glossary, as far as it is in use."""
        normalizer = self.normalizer
        return (
            normalizer.term_glossary if isinstance(normalizer, TextNormalizer) and normalizer.enable_glossary else None
        )

    def close(self) -> None:
        """End the readers."""
        with self._lock:
            threads, self._threads = self._threads, []
            for answer in self._answers.values():
                answer.cancel()
            self._answers.clear()
        for _ in threads:
            self._asked.put(None)
        for thread in threads:
            thread.join()

    def _serve(self) -> None:
        """Pass texts to one reader and its answers back; texts of a reader that dies are left to `tokenize`."""
        # A reader finds the same packages as this process, and so the same normalizers.
        path = os.pathsep.join(dict.fromkeys([str(Path(__file__).parents[2]), *filter(None, sys.path)]))
        environment = {**os.environ, "PYTHONPATH": path}
        with (
            suppress(BrokenPipeError),  # a reader that has died, when its input is closed
            subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                text=True,
                encoding="utf-8",
            ) as reader,
        ):
            assert reader.stdin is not None and reader.stdout is not None
            while (item := self._asked.get()) is not None:
                text, answer = item
                if not answer.set_running_or_notify_cancel():
                    continue
                try:
                    reader.stdin.write(json.dumps(text) + "\n")
                    reader.stdin.flush()
                    pieces = json.loads(reader.stdout.readline())
                    if isinstance(pieces, dict):
                        answer.set_exception(ValueError(pieces["error"]))
                    else:
                        answer.set_result(pieces)
                except (OSError, ValueError) as error:
                    answer.set_exception(error)


def main() -> None:
    """Run a reader: for each line with a JSON string, write one with its pieces, or with an object naming an error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the end of the input ends this
    frontend = TextFrontend(**json.loads(sys.argv[1]))
    for line in sys.stdin:
        try:
            answer: object = frontend.tokenize(json.loads(line))
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
