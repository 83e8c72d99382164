"""Placements: whatever the turns, no channel talks over itself; what a record says is kept to the sample."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moshi_assets.recipe.timing import TimingModel
from moshi_assets.stereo.timeline import TimedTurn, place

RATE = 24000
SECONDS = st.floats(-30, 30) | st.sampled_from([0.0, 0.3, -0.3, 5.0])
TURNS = st.lists(
    st.builds(
        TimedTurn,
        role=st.sampled_from(["user", "assistant"]),
        frames=st.integers(1, 200_000) | st.just(1),
        gap=st.none() | SECONDS,
        backchannel=st.booleans(),
    ),
    min_size=1,
    max_size=12,
)
PLAIN = st.lists(
    st.tuples(st.sampled_from(["user", "assistant"]), st.integers(1, 200_000)).map(lambda turn: TimedTurn(*turn)),
    min_size=1,
    max_size=12,
)
MODELS = st.builds(
    TimingModel,
    layout=st.sampled_from(["sequential", "overlapped"]),
    timing=st.sampled_from(["fixed", "natural"]),
    gap=st.floats(0, 5),
    leading_silence=st.floats(0, 5),
    overlap_probability=st.floats(0, 1),
    max_silence=st.floats(0.001, 10),
)
SEEDS = st.integers(0, 2**64 - 1)
FIXED = TimingModel(gap=0.3)
NATURAL = TimingModel(timing="natural")


def user(seconds: float, gap: float | None = None, backchannel: bool = False) -> TimedTurn:
    return TimedTurn("user", round(seconds * RATE), gap, backchannel)


def assistant(seconds: float, gap: float | None = None, backchannel: bool = False) -> TimedTurn:
    return TimedTurn("assistant", round(seconds * RATE), gap, backchannel)


def seconds(turns: list[TimedTurn], model: TimingModel = FIXED, seed: int = 0) -> list[float]:
    return [start / RATE for start in place(turns, RATE, model, seed)]


# -- whatever the input


@given(turns=TURNS, model=MODELS, seed=SEEDS, rate=st.sampled_from([8000, 22050, 24000, 48000]))
def test_no_channel_talks_over_itself_and_nothing_starts_before_the_recording(turns, model, seed, rate):
    starts = place(turns, rate, model, seed)

    assert len(starts) == len(turns) and min(starts) >= 0
    for role in ("user", "assistant"):
        spans = sorted(
            (start, start + turn.frames) for start, turn in zip(starts, turns, strict=True) if turn.role == role
        )
        assert all(earlier[1] <= later[0] for earlier, later in pairwise(spans))


@given(turns=TURNS, model=MODELS, seed=SEEDS)
def test_each_role_keeps_the_order_of_its_turns(turns, model, seed):
    starts = place(turns, RATE, model, seed)
    for role in ("user", "assistant"):
        own = [start for start, turn in zip(starts, turns, strict=True) if turn.role == role]
        assert own == sorted(own)


@given(turns=TURNS, model=MODELS.filter(lambda model: model.layout == "sequential"), seed=SEEDS)
def test_turns_that_take_the_floor_start_in_their_order(turns, model, seed):
    starts = [s for s, turn in zip(place(turns, RATE, model, seed), turns, strict=True) if not turn.backchannel]
    assert starts == sorted(starts)


@given(turns=TURNS, model=MODELS, seed=SEEDS)
def test_the_same_seed_gives_the_same_starts(turns, model, seed):
    assert place(turns, RATE, model, seed) == place(list(turns), RATE, model, seed)


@given(turns=TURNS, seeds=st.tuples(SEEDS, SEEDS))
def test_fixed_timing_knows_no_chance(turns, seeds):
    assert place(turns, RATE, FIXED, seeds[0]) == place(turns, RATE, FIXED, seeds[1])


@given(turns=PLAIN, gap=st.floats(0, 5), leading=st.floats(0, 5))
def test_fixed_turns_follow_one_another_to_the_sample(turns, gap, leading):
    starts = place(turns, RATE, TimingModel(gap=gap, leading_silence=leading))
    assert starts[0] == round(leading * RATE)
    for (start, turn), later in zip(zip(starts, turns, strict=False), starts[1:], strict=False):
        assert later == start + turn.frames + round(gap * RATE)


# -- what a record says


@given(gap=st.floats(-2, 30), model=MODELS.filter(lambda model: model.layout == "sequential"), seed=SEEDS)
def test_a_gap_of_the_record_is_kept_to_the_sample(gap, model, seed):
    turns = [user(3), assistant(2, gap)]
    starts = place(turns, RATE, model, seed)
    assert starts[1] == starts[0] + turns[0].frames + round(gap * RATE)


def test_a_gap_of_the_first_turn_is_the_leading_silence():
    assert seconds([user(1, 0.75), assistant(1)], TimingModel(leading_silence=0.2)) == [0.75, 2.05]
    assert seconds([user(1, -0.75), assistant(1)]) == [0, 1.3]


def test_a_gap_counts_from_the_end_of_the_turn_before_though_another_still_speaks():
    """The user breaks into a long answer and goes on while it still lasts."""
    assert seconds([assistant(10), user(1, -7), user(1, 0.5)]) == [0, 3, 4.5]


def test_the_model_s_gap_waits_until_nobody_speaks():
    assert seconds([assistant(10), user(1, -7), user(1)]) == [0, 3, 10.3]


def test_a_turn_waits_for_its_own_channel_whatever_its_gap():
    assert seconds([assistant(10), user(1, -7), assistant(1, 0.5)]) == [0, 3, 10]
    assert seconds([user(2), user(1, -5)]) == [0, 2]


def test_a_turn_never_starts_before_the_one_it_follows():
    assert seconds([user(1, 2), assistant(1, -30)]) == [2, 2]


# -- backchannels


def test_a_backchannel_lies_in_the_middle_of_the_other_s_turn_and_moves_nothing():
    turns = [user(1), assistant(8), user(0.4, backchannel=True), user(1)]
    assert seconds(turns) == [0, 1.3, pytest.approx(1.3 + 4 - 0.2), 9.6]


def test_two_backchannels_share_a_turn():
    turns = [assistant(9), user(0.6, backchannel=True), user(0.6, backchannel=True)]
    assert seconds(turns) == [0, pytest.approx(2.7), pytest.approx(5.7)]


@given(gap=st.floats(-4, -0.1), model=MODELS.filter(lambda model: model.layout == "sequential"), seed=SEEDS)
def test_a_backchannel_leaves_room_for_one_s_own_turn_that_breaks_in(gap, model, seed):
    turns = [assistant(8), user(0.4, backchannel=True), user(2, gap)]
    begin, nod, breaks_in = place(turns, RATE, model, seed)
    assert breaks_in == begin + 8 * RATE + round(gap * RATE)
    assert begin <= nod and nod + turns[1].frames <= breaks_in


def test_a_backchannel_with_a_gap_lies_where_the_record_says():
    assert seconds([assistant(8), user(0.4, -3, True)]) == [0, 5]


@given(
    host=st.integers(100, 10**6),
    lengths=st.lists(st.integers(1, 10**5), min_size=1, max_size=4),
    gap=st.none() | SECONDS,
    model=MODELS.filter(lambda model: model.layout == "sequential"),
    seed=SEEDS,
)
def test_backchannels_that_fit_lie_inside_the_turn(host, lengths, gap, model, seed):
    laid = [TimedTurn("user", length, gap, True) for length in lengths]
    starts = place([TimedTurn("assistant", host), *laid], RATE, model, seed)
    begin, end = starts[0], starts[0] + host
    free = begin
    for start, length in zip(starts[1:], lengths, strict=False):
        if free >= end:
            break  # no room is left: it is a turn like any other
        assert begin <= start < end
        assert start + length <= max(end, free + length)
        free = start + length


def test_a_backchannel_without_a_turn_of_the_other_is_a_turn():
    assert seconds([user(1, backchannel=True), assistant(1)]) == [0, 1.3]


def test_a_backchannel_after_one_s_own_turn_is_a_turn():
    assert seconds([assistant(2), user(1), user(0.5, backchannel=True), assistant(1)]) == [
        0,
        2.3,
        pytest.approx(3.6),
        pytest.approx(4.4),
    ]


# -- the overlapped layout


@given(first=st.integers(1, 10**6), second=st.integers(1, 10**6), gap=SECONDS | st.none(), seed=SEEDS)
def test_two_overlapped_turns_start_at_zero_as_in_the_classic_builder(first, second, gap, seed):
    turns = [TimedTurn("user", first), TimedTurn("assistant", second, gap)]
    assert place(turns, RATE, TimingModel("overlapped", leading_silence=3), seed) == [0, 0]


def test_more_overlapped_turns_follow_one_another_on_their_own_channel():
    turns = [user(1), assistant(3), user(1), assistant(3)]
    assert seconds(turns, TimingModel("overlapped", gap=0.5)) == [0, 0, 1.5, 3.5]


# -- by chance


@given(turns=PLAIN, cap=st.floats(0.01, 3), seed=SEEDS)
def test_no_silence_by_chance_is_longer_than_the_cap(turns, cap, seed):
    starts = place(turns, RATE, TimingModel(timing="natural", max_silence=cap), seed)
    ends = [start + turn.frames for start, turn in zip(starts, turns, strict=True)]
    for number, start in enumerate(starts[1:], 1):
        assert start - max(ends[:number]) <= round(cap * RATE)


@given(turns=PLAIN, seed=SEEDS)
def test_at_probability_zero_nothing_overlaps_at_one_every_change_of_speaker_does(turns, seed):
    apart = place(turns, RATE, TimingModel(timing="natural", overlap_probability=0), seed)
    assert all(later >= start + turn.frames for start, turn, later in zip(apart, turns, apart[1:], strict=False))
    long = [turn._replace(frames=turn.frames + RATE) for turn in turns]
    over = place(long, RATE, TimingModel(timing="natural", overlap_probability=1), seed)
    for (start, turn), (later, other) in pairwise(zip(over, long, strict=False)):
        assert (later <= start + turn.frames) == (turn.role != other.role)


@given(turns=PLAIN, seed=SEEDS)
def test_an_overlap_by_chance_leaves_half_of_both_turns(turns, seed):
    starts = place(turns, RATE, TimingModel(timing="natural", overlap_probability=1), seed)
    for (start, turn), (later, other) in pairwise(zip(starts, turns, strict=False)):
        assert start + turn.frames - later <= min(turn.frames, other.frames) / 2


@given(turns=PLAIN, number=st.integers(0, 11), seed=SEEDS)
def test_a_longer_turn_moves_the_later_ones_and_changes_no_gap(turns, number, seed):
    turns = [turn._replace(frames=turn.frames + 10 * RATE) for turn in turns]  # no overlap is cut short
    number %= len(turns)
    longer = [turn._replace(frames=turn.frames + 1000 * (i == number)) for i, turn in enumerate(turns)]
    before, after = (place(t, RATE, NATURAL, seed) for t in (turns, longer))
    assert after == [start + 1000 * (i > number) for i, start in enumerate(before)]


@given(turns=PLAIN, edges=st.lists(st.integers(0, 20_000), min_size=24, max_size=24), seed=SEEDS)
def test_natural_gaps_are_between_what_is_heard(turns, edges, seed):
    """Silence around what is said moves the sound, and what one hears of it stays where it is."""
    model = TimingModel(timing="natural", overlap_probability=0)
    quiet = [
        turn._replace(frames=turn.frames + lead + trail, lead=lead, trail=trail)
        for turn, lead, trail in zip(turns, edges, edges[12:], strict=False)
    ]
    bare, padded = place(turns, RATE, model, seed), place(quiet, RATE, model, seed)
    heard = [start + turn.lead for start, turn in zip(padded, quiet, strict=True)]
    ends = [start + turn.frames for start, turn in zip(heard, turns, strict=True)]
    for number in range(1, len(turns)):
        if turns[number].role != turns[number - 1].role and padded[number] > padded[number - 1]:
            before = max(start + turn.frames for start, turn in zip(bare[:number], turns, strict=False))
            own = [
                s + q.frames
                for s, q, t in zip(padded[:number], quiet, turns, strict=False)
                if t.role == turns[number].role
            ]
            if padded[number] > max(own, default=0):
                assert heard[number] - max(ends[:number]) == bare[number] - before


@given(turns=PLAIN, edges=st.lists(st.integers(0, 20_000), min_size=24, max_size=24), seed=SEEDS)
def test_silence_at_the_edges_never_makes_a_dialogue_longer(turns, edges, seed):
    quiet = [
        turn._replace(lead=min(lead, turn.frames // 2), trail=min(trail, turn.frames // 2))
        for turn, lead, trail in zip(turns, edges, edges[12:], strict=False)
    ]
    loud, soft = place(turns, RATE, NATURAL, seed), place(quiet, RATE, NATURAL, seed)
    assert max(s + t.frames for s, t in zip(soft, quiet, strict=True)) <= max(
        s + t.frames for s, t in zip(loud, turns, strict=True)
    )


def test_dialogues_differ():
    turns = [user(3), assistant(3), user(3)]
    assert len({tuple(place(turns, RATE, NATURAL, seed)) for seed in range(50)}) == 50
