"""Work captured as CUDA graphs, in the pretend GPU (see pretend_gpu)."""

import logging

import pytest
import torch

from indextts.device.captured_steps import CapturedSteps, capture_stream
from tests.indextts.support.pretend_gpu import pretend_gpu

GPU = torch.device("cuda", 0)


@pytest.fixture(autouse=True)
def _streams():
    """None from elsewhere, and none that is left."""
    capture_stream.cache_clear()
    yield
    capture_stream.cache_clear()


def steps(enabled=True):
    return CapturedSteps("the stage", GPU, enabled)


def test_a_captured_step_does_what_it_did_and_nothing_before_it_is_replayed():
    with pretend_gpu() as graphs:
        captured, total = steps(), torch.zeros(3, device=GPU)
        for count in range(1, 6):
            captured.run("step", lambda: total.add_(1))
            assert total.tolist() == [count] * 3
        assert (graphs.captures, graphs.replays) == (1, 4)


def test_each_key_has_a_graph_of_its_own_until_it_is_forgotten():
    with pretend_gpu() as graphs:
        captured, total = steps(), torch.zeros(1, device=GPU)
        for amount in (1, 10) * 3:
            captured.run(amount, lambda amount=amount: total.add_(amount))
        assert (total.tolist(), captured.captures) == ([33], 2)
        captured.forget(1)
        captured.run(1, lambda: total.add_(1))  # as it is: the first time again
        assert (total.tolist(), graphs.replays) == ([34], 4)


def test_a_value_that_is_read_back_cannot_be_captured_and_the_step_runs_as_it_is(caplog):
    with pretend_gpu(), caplog.at_level(logging.WARNING, logger="indextts"):
        captured, total = steps(), torch.zeros(3, device=GPU)

        def step():
            total.add_(1)
            assert float(total.sum()) > 0

        for _ in range(4):
            captured.run("step", step)
        assert total.tolist() == [4, 4, 4]
    assert not captured.enabled
    assert [record.message.partition(": ")[0] for record in caplog.records] == ["the stage goes on without CUDA graphs"]


def test_memory_that_runs_out_while_capturing_gives_nothing_up():
    """Ending the broken capture fails as well; that must not hide what it failed of."""
    with pretend_gpu():
        captured = steps()

        def step():
            if torch.cuda.is_current_stream_capturing():
                try:
                    raise torch.OutOfMemoryError("full")
                finally:
                    raise RuntimeError("capture was invalidated")

        captured.run("step", step)
        with pytest.raises(torch.OutOfMemoryError, match="full"):
            captured.run("step", step)
        assert captured.enabled


def test_nothing_is_captured_where_that_is_off():
    with pretend_gpu() as graphs:
        captured, total = steps(enabled=False), torch.zeros(1, device=GPU)
        for _ in range(3):
            captured.run("step", lambda: total.add_(1))
        assert (total.tolist(), graphs.captures) == ([3], 0)


def test_stages_are_captured_on_streams_of_their_own():
    """Else two that are replayed at the same time would write into one working memory of cuBLAS."""
    with pretend_gpu():
        assert capture_stream(GPU, "the flow") is capture_stream(GPU, "the flow")
        assert capture_stream(GPU, "the flow") is not capture_stream(GPU, "decoding")
