"""Figures of turn-taking, and advice on the training window."""

import pytest

from moshi_assets.stereo.recording import PlacedTurn, Recording
from moshi_assets.stereo.training_window import training_windows, window_advice, window_fill
from moshi_assets.stereo.turn_taking import TurnTaking, floor_transfer_offsets

RATE = 1000


def recording(*turns: tuple[str, str, int, int, bool], frames: int = 10_000) -> Recording:
    """Turns as dialogue, role, start, frames and whether it is a backchannel."""
    placed = tuple(
        PlacedTurn(dialogue, n, role, start, length, 0, b"k" * 16, backchannel)  # type: ignore[arg-type]
        for n, (dialogue, role, start, length, backchannel) in enumerate(turns)
    )
    return Recording(("a",), (1,), "train", "a.wav", b"k" * 16, RATE, frames, placed)


TALK = recording(
    ("a", "user", 0, 1000, False),
    ("a", "assistant", 1200, 3000, False),
    ("a", "user", 2000, 100, True),
    ("a", "user", 3800, 1000, False),
    ("a", "user", 5000, 500, False),
    ("b", "assistant", 7000, 500, False),
    ("b", "user", 8000, 500, False),
)


def test_offsets_are_between_speakers_within_a_dialogue_and_without_backchannels():
    assert list(floor_transfer_offsets(TALK)) == pytest.approx([0.2, -0.4, 0.5])


def test_a_shard_s_figures():
    figures = TurnTaking()
    figures.add(TALK)
    assert figures.summary() == {
        "recordings": 1,
        "assistant_seconds": 3.5,
        "user_seconds": 3.1,
        "training_windows": 1,
        "window_fill": 0.1,
        "changes_of_speaker": 3,
        "gap_mean_seconds": 0.1,
        "gap_median_seconds": 0.2,
        "overlap_share": 0.3333,
    }


def test_without_a_change_of_speaker_there_is_no_gap_to_tell():
    figures = TurnTaking()
    figures.add(recording(("a", "assistant", 0, 1000, False)))
    assert "gap_mean_seconds" not in figures.summary()


@pytest.mark.parametrize(("seconds", "windows"), [(0.1, 1), (99, 1), (100, 1), (100.1, 2), (250, 3)])
def test_windows_are_cut_as_the_trainer_cuts_them(seconds: float, windows: int):
    assert training_windows(seconds) == windows


def test_the_fill_is_what_is_no_padding():
    assert window_fill(150, 2) == 0.75 and window_fill(0, 0) == 0


def test_recordings_much_shorter_than_the_window_are_told_with_the_remedy():
    advice = window_advice(10, 60, 10, packed=False)
    assert advice is not None
    for part in ("6.0 s on average", "6 % of windows of 100 s", "--pack-seconds 100", "duration_sec of about 6"):
        assert part in advice


def test_packed_recordings_that_are_short_have_another_remedy():
    advice = window_advice(1, 20, 1, packed=True)
    assert advice is not None and "samples_per_shard" in advice and "--pack-seconds" not in advice


def test_recordings_that_fill_their_windows_need_no_advice():
    assert window_advice(2, 190, 2, packed=True) is None
