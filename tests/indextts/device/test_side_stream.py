"""Work beside the current stream: in order where it must be, and waiting where it need not is for nobody."""

import pytest
import torch

from indextts.device.side_stream import SideStream
from tests.indextts.support.pretend_gpu import pretend_gpu
from tests.indextts.support.pretend_streams import Race, Stream

GPU = torch.device("cuda", 0)


def test_without_a_gpu_work_is_done_when_it_is_started():
    done = []
    started = SideStream(torch.device("cpu")).start(lambda: done.append(1))
    assert (done, started.done()) == ([1], True)
    assert started.seconds >= 0


def test_on_a_gpu_it_sees_what_was_written_before_and_is_seen_once_it_is_done():
    with pretend_gpu():
        x, results = torch.ones(3, device=GPU), []
        started = SideStream(GPU).start(lambda: results.append(x + 1))
        assert not started.done()
        started.wait()
        assert (results[0] + 1).tolist() == [3, 3, 3]
        assert started.seconds > 0


def test_results_that_are_read_too_early_are_a_race():
    with pretend_gpu():
        results = []
        SideStream(GPU).start(lambda: results.append(torch.ones(3, device=GPU)))
        with pytest.raises(Race):
            results[0] + 1


def test_a_stream_that_does_not_wait_is_a_race():
    with pretend_gpu():
        x = torch.ones(3, device=GPU)
        with Stream(GPU).use(), pytest.raises(Race):
            x + 1


def test_a_copy_to_the_host_that_nobody_waits_for_is_a_race():
    with pretend_gpu():
        x, host = torch.ones(3, device=GPU), torch.empty(3, pin_memory=True)
        host.copy_(x, non_blocking=True)
        with pytest.raises(Race):
            host + 1
        torch.cuda.synchronize()
        assert (host + 1).tolist() == [2, 2, 2]
