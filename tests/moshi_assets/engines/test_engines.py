"""The engines that come with the project: `noise` and `builtin`, and the registry."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moshi_assets.audio.pcm import to_pcm16
from moshi_assets.engines.base import EngineError, SynthesisResult, SynthesisTask, VoiceError
from moshi_assets.engines.builtin import BuiltinEngine
from moshi_assets.engines.noise import NoiseEngine
from moshi_assets.engines.registry import ENGINES, EngineEntry, engine_class
from moshi_assets.recipe import make_recipe
from moshi_assets.recipe.engines import BuiltinOptions, NoiseOptions

SENTENCE = "The train to the coast leaves at noon."


def task(text: str = SENTENCE, voice: str = "low", seed: int = 1) -> SynthesisTask:
    return SynthesisTask("talks", "a", 0, "user", text, voice, seed, b"k" * 16)


def speak(engine: NoiseEngine | BuiltinEngine, *tasks: SynthesisTask) -> list[bytes]:
    return [to_pcm16(result.audio).tobytes() for result in engine.synthesize(tasks)]


# -- the registry


def test_the_registered_engines_are_the_issue_s():
    assert list(ENGINES) == ["builtin", "noise", "indextts2"]


@pytest.mark.parametrize("name", ENGINES)
def test_a_registered_engine_is_found(name: str):
    assert {"default_voices", "revision", "synthesize", "close"} <= set(dir(engine_class(name)))


def test_an_unknown_engine_is_named_with_the_known_ones():
    with pytest.raises(EngineError, match="unknown engine 'espeak': choose one of builtin, noise, indextts2"):
        engine_class("espeak")


def test_an_engine_whose_package_is_missing_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(ENGINES, "absent", EngineEntry("moshi_assets.engines.absent_package", "X"))
    with pytest.raises(EngineError, match=r"engine 'absent' cannot be loaded: .*absent_package"):
        engine_class("absent")


def test_a_result_knows_its_duration_and_real_time_factor():
    result = SynthesisResult(np.zeros(12000, np.int16), 24000, wall_seconds=0.1)
    assert (result.duration, result.rtf) == (0.5, 0.2)
    assert SynthesisResult(np.zeros(0, np.int16), 24000, 0.1).rtf == float("inf")


# -- noise


def test_noise_follows_the_seed():
    engine = NoiseEngine(NoiseOptions())
    first, again, other = speak(engine, task(seed=1), task(seed=1), task(seed=2))
    assert first == again != other


@given(seeds=st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=6))
def test_noise_does_not_depend_on_batch_mates(seeds: list[int]):
    engine = NoiseEngine(NoiseOptions(characters_per_second=200))
    tasks = [task(seed=seed) for seed in seeds]
    assert speak(engine, *tasks) == [speak(engine, one)[0] for one in tasks]


@pytest.mark.parametrize(("characters", "seconds"), [(1, 0.2), (15, 1.0), (150, 10.0)])
def test_noise_is_as_long_as_the_text_would_take(characters: int, seconds: float):
    (result,) = NoiseEngine(NoiseOptions()).synthesize([task("x" * characters)])
    assert result.duration == pytest.approx(seconds)


def test_the_voices_of_noise_differ_in_level():
    low, high = NoiseEngine(NoiseOptions()).synthesize([task(voice="low"), task(voice="high")])
    assert np.abs(low.audio.astype(int)).max() <= 2048 < np.abs(high.audio.astype(int)).max() <= 4096


def test_noise_is_centred_and_not_silent():
    (result,) = NoiseEngine(NoiseOptions()).synthesize([task("x" * 300)])
    assert result.audio.dtype == np.int16
    assert abs(result.audio.mean()) < 20 and result.audio.std() > 1000


class Clock:
    """Time that passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("moshi_assets.engines.noise.time", clock)
    return clock


def test_noise_takes_the_time_that_its_options_say(clock: Clock):
    engine = NoiseEngine(NoiseOptions(seconds_per_call=0.1, seconds_per_audio_second=0.05))
    results = engine.synthesize([task("x" * 30), task("x" * 30)])
    assert clock.now == pytest.approx(0.1 + 0.05 * sum(result.duration for result in results))
    assert sum(result.wall_seconds for result in results) == pytest.approx(clock.now)


def test_noise_without_cost_does_not_wait(clock: Clock):
    NoiseEngine(NoiseOptions()).synthesize([task()] * 16)
    assert clock.now == 0


def test_the_revision_of_noise_follows_the_length_and_not_the_cost():
    revisions = [
        NoiseEngine.revision(NoiseOptions()),
        NoiseEngine.revision(NoiseOptions(seconds_per_call=1)),
        NoiseEngine.revision(NoiseOptions(characters_per_second=10)),
    ]
    assert revisions[0] == revisions[1] != revisions[2]


# -- builtin


@pytest.fixture(scope="module")
def builtin() -> BuiltinEngine:
    return BuiltinEngine(BuiltinOptions())


def pitch(audio: np.ndarray, rate: int) -> float:
    """Median fundamental frequency of the voiced frames (Hz), by autocorrelation."""
    lags = np.arange(rate // 400, rate // 60)
    found = []
    for begin in range(0, len(audio) - 2048, 512):
        frame = audio[begin : begin + 2048] - audio[begin : begin + 2048].mean()
        power = np.fft.irfft(np.abs(np.fft.rfft(frame, 4096)) ** 2)
        if power[0] > 2048 * 0.02**2 and power[lags].max() > 0.5 * power[0]:
            found.append(rate / lags[power[lags].argmax()])
    return float(np.median(found))


def test_builtin_speaks_at_24_khz(builtin: BuiltinEngine):
    (result,) = builtin.synthesize([task(voice="heart")])
    assert result.sample_rate == builtin.sample_rate == 24000
    assert 1.5 < result.duration < 6
    assert result.audio.ndim == 1 and 0.05 < np.abs(result.audio).max() <= 1


def test_builtin_follows_the_seed(builtin: BuiltinEngine):
    first, again = speak(builtin, task(voice="heart", seed=5)), speak(builtin, task(voice="heart", seed=5))
    assert first == again


def test_builtin_gives_the_same_bits_in_another_instance(builtin: BuiltinEngine):
    for voice in ("heart", "heart-deep"):
        assert speak(BuiltinEngine(BuiltinOptions()), task(voice=voice)) == speak(builtin, task(voice=voice))


def test_builtin_does_not_depend_on_batch_mates(builtin: BuiltinEngine):
    tasks = [task("Good morning.", "heart", 1), task(SENTENCE, "heart-deep", 2**63 - 1), task("Yes.", "heart", 0)]
    assert speak(builtin, *tasks) == [speak(builtin, one)[0] for one in tasks]


def test_the_user_s_voice_is_clearly_deeper_than_the_assistant_s(builtin: BuiltinEngine):
    user, assistant = (
        builtin.synthesize([task(voice=builtin.default_voices[role])])[0] for role in ("user", "assistant")
    )
    ratio = pitch(user.audio, 24000) / pitch(assistant.audio, 24000)
    assert 0.76 < ratio < 0.88  # 0.82


def test_both_voices_speak_at_a_similar_pace(builtin: BuiltinEngine):
    deep, plain = builtin.synthesize([task(voice="heart-deep"), task(voice="heart")])
    assert 0.85 < deep.duration / plain.duration < 1.15


def test_the_revision_of_builtin_names_package_version_and_voice():
    from importlib.metadata import version

    assert BuiltinEngine.revision(BuiltinOptions()) == f"hibari-tts-{version('hibari-tts')}/heart"


@pytest.mark.parametrize("engine", [NoiseEngine, BuiltinEngine])
def test_the_default_voices_of_an_engine_exist_and_differ(engine: type):
    options = NoiseOptions() if engine is NoiseEngine else BuiltinOptions()
    found = {engine.find_voice(options, voice, Path()).fingerprint for voice in engine.default_voices.values()}
    assert engine.default_voices.keys() == {"user", "assistant"} and len(found) == 2


@pytest.mark.parametrize(("name", "known"), [("noise", "low, high"), ("builtin", "heart, heart-deep")])
def test_an_unknown_voice_is_named_with_the_known_ones(name: str, known: str):
    options = make_recipe({"name": "talks", "source": "x", "engine": name}).engine_options
    with pytest.raises(VoiceError, match=f"unknown voice 'nobody' of engine '{name}': choose one of {known}"):
        engine_class(name).find_voice(options, "nobody", Path())
