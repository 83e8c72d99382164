"""Rows side by side on a CPU: each on its share of the threads, stopped together."""

import os
import signal
import threading
import time

import pytest
import torch

from indextts.device.row_threads import check_given_up, each_row


@pytest.fixture(autouse=True)
def four_threads():
    usual = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(usual)


def threads_of(row):
    return torch.get_num_threads()


@pytest.mark.parametrize(
    ("rows", "shares"), [(1, [4]), (2, [2, 2]), (3, [1, 1, 1]), (4, [1] * 4), (6, [1, 1, 1, 1, 4, 4])]
)
def test_rows_share_the_threads_and_those_left_over_have_all(rows, shares):
    assert each_row(threads_of, rows) == shares


def test_the_caller_and_threads_begun_later_keep_their_number():
    each_row(threads_of, 4)
    seen = [torch.get_num_threads()]
    later = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    later.start()
    later.join()
    assert seen == [4, 4]


def test_results_come_in_the_order_of_the_rows():
    assert each_row(lambda row: (time.sleep(0.02 * (3 - row)), row)[1], 4) == [0, 1, 2, 3]


@pytest.mark.parametrize("mode", [torch.no_grad, torch.enable_grad, torch.inference_mode])
def test_gradients_are_as_in_the_caller(mode):
    def modes(row):
        return torch.is_grad_enabled(), torch.is_inference_mode_enabled()

    with mode():
        assert each_row(modes, 2) == [modes(0)] * 2


def until_given_up(row):
    while True:
        check_given_up()
        time.sleep(0.001)


def test_a_failure_stops_the_other_rows_and_is_raised():
    def work(row):
        if row == 2:
            raise ValueError("row 2")
        until_given_up(row)

    with pytest.raises(ValueError, match="row 2"):
        each_row(work, 8)


def test_an_interrupt_stops_all_rows():
    # A shell that starts the tests in the background has them ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            each_row(until_given_up, 8)
    finally:
        signal.signal(signal.SIGINT, before)


def test_outside_of_rows_nothing_is_given_up():
    check_given_up()
