"""What it takes to look at voice recordings, in processor time of one core: each kind once, and a pool again whose
recordings were measured by an earlier plan.

`python -m benchmarks.prompt_speed`
"""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile as sf

from moshi_assets.prompts import recording
from moshi_assets.prompts.kept import keep, recall
from moshi_assets.prompts.recording import fault_of
from moshi_assets.recipe.prompts import PromptSettings

VOICE = Path(__file__).resolve().parents[1] / "examples" / "voices" / "user.wav"
COUNT = 40
KINDS = {"6 s, WAV": (6, "wav"), "6 s, FLAC": (6, "flac"), "6 s, MP3": (6, "mp3"), "15 s, WAV": (15, "wav")}


def write(folder: Path, seconds: float, ending: str) -> list[Path]:
    """Recordings of one voice, each with other noise."""
    voice, rate = sf.read(VOICE, dtype="float32")
    wave = np.resize(voice, round(seconds * rate))
    noise = np.random.default_rng(0)
    paths = [folder / f"{number}.{ending}" for number in range(COUNT)]
    for path in paths:
        sf.write(path, wave + 1e-3 * noise.standard_normal(len(wave), np.float32), rate)
    return paths


def milliseconds(paths: list[Path]) -> float:
    """Processor time for each of them."""
    begin = time.process_time()
    for path in paths:
        _, fault = fault_of(path, 15.0, PromptSettings())
        assert fault is None, (path, fault)
    return 1000 * (time.process_time() - begin) / len(paths)


def forget() -> None:
    """Begin as a new process does."""
    recording._looked_at.cache_clear()
    recording._by_content.clear()


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        milliseconds(write(folder, 1.5, "wav")[:1])  # the detector is loaded
        for kind, (seconds, ending) in KINDS.items():
            paths = write(folder, seconds, ending)
            forget()
            recall(folder)
            first = milliseconds(paths)
            keep(folder)
            forget()
            recall(folder)
            print(f"{kind}: {first:.1f} ms, {milliseconds(paths):.2f} ms in a later plan")
        lasting = folder / "long.wav"
        with sf.SoundFile(lasting, "w", 48000, 2) as file:
            voice = np.repeat(np.resize(sf.read(VOICE, dtype="float32")[0], 48000 * 60)[:, None], 2, axis=1)
            for _ in range(120):
                file.write(voice)
        print(f"2 h, 48 kHz, stereo: {milliseconds([lasting]):.0f} ms, most of them for the digest of the file")
    print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB at most")


if __name__ == "__main__":
    main()
