"""Which dialogues share a recording."""

from itertools import chain, pairwise

from hypothesis import given
from hypothesis import strategies as st

from moshi_assets.stereo.keys import ShardDialogue
from moshi_assets.stereo.packing import MeasuredDialogue, pack

RATE = 1000
LENGTHS = st.lists(
    st.tuples(st.integers(0, 90_000), st.sampled_from(["train", "train", "eval"])), min_size=1, max_size=30
)


def measured(lengths: list[tuple[int, str]]) -> list[MeasuredDialogue]:
    return [
        MeasuredDialogue(
            ShardDialogue(str(n), n + 1, str(n), split, range(n, n + 1), ["user"], [], [], []), RATE, frames
        )
        for n, (frames, split) in enumerate(lengths)
    ]


def ids(groups: list[list[ShardDialogue]]) -> list[str]:
    return ["".join(dialogue.id for dialogue in group) for group in groups]


def test_dialogues_go_into_one_recording_while_they_fit():
    assert ids(pack(measured([(40_000, "train")] * 5), 100, 1)) == ["01", "23", "4"]


def test_the_pause_counts():
    assert ids(pack(measured([(50_000, "train")] * 2), 100, 0)) == ["01"]
    assert ids(pack(measured([(50_000, "train")] * 2), 100, 0.001)) == ["0", "1"]


def test_a_dialogue_longer_than_the_window_stays_alone():
    lengths = [(10_000, "train"), (300_000, "train"), (10_000, "train"), (10_000, "train")]
    assert ids(pack(measured(lengths), 100, 1)) == ["0", "1", "23"]


def test_train_and_eval_never_share_a_recording():
    lengths = [(10_000, "train"), (10_000, "eval"), (10_000, "train"), (10_000, "eval")]
    assert ids(pack(measured(lengths), 100, 1)) == ["02", "13"]


def test_one_that_could_not_be_spoken_stands_alone_and_closes_nothing():
    lengths = [(10_000, "train"), (0, "train"), (10_000, "train")]
    assert ids(pack(measured(lengths), 100, 1)) == ["02", "1"]


def test_without_a_limit_each_is_a_recording():
    assert ids(pack(measured([(1, "train")] * 3), None, 1)) == ["0", "1", "2"]


@given(lengths=LENGTHS, limit=st.floats(1, 200), pause=st.floats(0, 5))
def test_packing_keeps_order_content_limit_and_splits(lengths, limit, pause):
    dialogues = measured(lengths)
    groups = pack(dialogues, limit, pause)

    assert sorted(d.line for d in chain.from_iterable(groups)) == [n + 1 for n in range(len(lengths))]
    assert [group[0].line for group in groups] == sorted(group[0].line for group in groups)
    for split in ("train", "eval"):
        spoken = [d.line for g in groups for d in g if d.split == split and lengths[d.line - 1][0]]
        assert spoken == sorted(spoken)
    for group in groups:
        frames = [lengths[dialogue.line - 1][0] for dialogue in group]
        assert len({dialogue.split for dialogue in group}) == 1
        assert len(group) == 1 or 0 not in frames
        assert len(group) == 1 or sum(frames) + (len(group) - 1) * round(pause * RATE) <= limit * RATE


@given(lengths=LENGTHS, limit=st.floats(1, 200))
def test_no_dialogue_begins_a_recording_though_it_fits_into_the_one_before(lengths, limit):
    groups = pack(measured(lengths), limit, 0)
    for split in ("train", "eval"):
        of_split = [[lengths[d.line - 1][0] for d in g] for g in groups if g[0].split == split]
        filled = [frames for frames in of_split if frames != [0]]
        assert all(sum(one) + two[0] > limit * RATE for one, two in pairwise(filled))
