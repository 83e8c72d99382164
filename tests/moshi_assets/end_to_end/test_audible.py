"""What a listener hears: the left channel speaks the assistant's words, the right one the user's."""

import json
import re
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import soxr

from tests.moshi_assets.support.pipeline import SAMPLE, Pipeline, manifest_rows

pocketsphinx = pytest.importorskip("pocketsphinx")

RATE = 16000
DIALOGUES = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
BRIEF = sorted(DIALOGUES, key=lambda record: len(record["user_text"] + record["assistant_text"]))[:3]


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


class Listener:
    """A speech recogniser that knows the words of one dialogue."""

    def __init__(self) -> None:
        self._decoder = pocketsphinx.Decoder(samprate=RATE, lm=None, loglevel="FATAL")

    def known(self, text: str) -> list[str]:
        """Words of a text that the recogniser's dictionary has."""
        return [word for word in words(text) if self._decoder.lookup_word(word)]

    def hear(self, samples: np.ndarray, phrases: list[str], repeated: bool) -> list[str]:
        """Words heard in (N,) int16 at `RATE`, by a grammar of one of the phrases, or of any number of them."""
        choice = f"( {' | '.join(phrases)} )" + ("+" if repeated else "")
        self._decoder.add_jsgf_string("dialogue", f"#JSGF V1.0; grammar dialogue; public <heard> = {choice};")
        self._decoder.activate_search("dialogue")
        silence = np.zeros(RATE // 4, np.int16)
        self._decoder.start_utt()
        self._decoder.process_raw(np.concatenate([silence, samples, silence]).tobytes(), full_utt=True)
        self._decoder.end_utt()
        heard = self._decoder.hyp()
        return heard.hypstr.split() if heard else []


@pytest.fixture(scope="module")
def listener() -> Listener:
    return Listener()


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sample dialogues, spoken by the built-in voice, by id."""
    store = Pipeline(tmp_path_factory.mktemp("audible")).build(SAMPLE, engine="builtin")
    return {Path(row["path"]).stem: store.folder / row["path"] for row in manifest_rows(store.folder)}


def channels(path: Path) -> dict[str, np.ndarray]:
    """Speech of each role without the silence around it, (N,) int16 at `RATE`: left is the assistant."""
    samples, rate = sf.read(path, dtype="float32")
    spoken = (np.trim_zeros(channel) for channel in samples.T)
    mono = [(soxr.resample(channel, rate, RATE) * 32767).astype(np.int16) for channel in spoken]
    return dict(zip(("assistant", "user"), mono, strict=True))


def roles_heard(listener: Listener, path: Path, record: dict[str, str]) -> dict[str, str]:
    """Which role's text each role's channel speaks."""
    texts = {role: listener.known(record[f"{role}_text"]) for role in ("assistant", "user")}
    phrases = [" ".join(text) for text in texts.values()]
    heard = {role: listener.hear(samples, phrases, repeated=False) for role, samples in channels(path).items()}
    return {role: next((r for r, text in texts.items() if text == found), "nobody") for role, found in heard.items()}


CORRECT = {"assistant": "assistant", "user": "user"}


@pytest.mark.parametrize("record", DIALOGUES, ids=lambda record: record["id"])
def test_each_channel_speaks_its_role_s_text_rather_than_the_other_s(listener, recordings, record):
    assert roles_heard(listener, recordings[record["id"]], record) == CORRECT


def test_a_recording_with_swapped_channels_is_noticed(listener, recordings, tmp_path):
    record = DIALOGUES[0]
    samples, rate = sf.read(recordings[record["id"]], dtype="int16")
    sf.write(tmp_path / "swapped.wav", samples[:, ::-1], rate, subtype="PCM_16")

    assert roles_heard(listener, tmp_path / "swapped.wav", record) == {"assistant": "user", "user": "assistant"}


@pytest.mark.parametrize("role", ["assistant", "user"])
@pytest.mark.parametrize("record", BRIEF, ids=lambda record: record["id"])
def test_the_words_themselves_are_heard(listener, recordings, record, role):
    vocabulary = sorted({*listener.known(record["user_text"]), *listener.known(record["assistant_text"])})

    heard = listener.hear(channels(recordings[record["id"]])[role], vocabulary, repeated=True)

    assert SequenceMatcher(None, heard, words(record[f"{role}_text"])).ratio() > 0.6, heard


def test_the_two_roles_have_clearly_different_voices(recordings):
    pitches = {role: [_pitch(channels(path)[role]) for path in recordings.values()] for role in CORRECT}

    assert np.median(pitches["assistant"]) > 1.1 * np.median(pitches["user"])


def _pitch(samples: np.ndarray) -> float:
    """Median fundamental frequency of the louder frames, by autocorrelation, Hz."""
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), 1024)[::512]
    loud = frames[np.abs(frames).mean(1) > np.abs(samples).mean()]
    lags = np.arange(RATE // 400, RATE // 80)
    likeness = np.stack([(loud[:, lag:] * loud[:, :-lag]).sum(1) for lag in lags])
    return float(np.median(RATE / lags[likeness.argmax(0)]))
