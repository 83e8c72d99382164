"""Solvers of the flow on an equation whose solution is known, and what they are refused with."""

import math

import pytest
import torch

from indextts.models.solver import METHODS, FlowSolver


def error(solver):
    """Distance from e at time 1 for x' = x cos(t) / sin(1)..., solved from 1: the exact solution is exp(sin(t) /
    sin(1)).
    """
    times = solver.times()
    seen = []

    def velocity(x, evaluation):
        seen.append(evaluation)
        return x * math.cos(float(times[evaluation])) / math.sin(1)

    end = solver.solve(torch.ones(3, dtype=torch.float64), velocity)
    assert seen == list(range(solver.evaluations))
    return float((end - math.e).abs().max())


@pytest.mark.parametrize("sway", [0.0, -1.0])
@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("midpoint", 2), ("heun", 2)])
def test_twice_the_evaluations_bring_what_the_order_promises(method, order, sway):
    coarse, fine = (error(FlowSolver(count, method, sway)) for count in (40, 80))
    assert coarse / fine == pytest.approx(2**order, rel=0.15)


def test_a_method_of_second_order_is_nearer_than_euler_at_the_same_cost():
    assert max(error(FlowSolver(16, method)) for method in ("midpoint", "heun")) < error(FlowSolver(16)) / 2


def test_sway_puts_times_near_the_noise_and_keeps_the_ends():
    even, swayed = (FlowSolver(10, sway=sway).steps() for sway in (0.0, -1.0))
    assert (swayed[0][1:] < even[0][1:]).all()
    assert swayed[1] == sorted(swayed[1])
    for times, sizes in (even, swayed):
        assert times[0] == 0
        assert float(times[-1]) + sizes[-1] == pytest.approx(1)


def test_evaluations_of_methods_with_two_a_step():
    starts, sizes = FlowSolver(6, "midpoint").steps()
    assert FlowSolver(6, "midpoint").times().tolist() == pytest.approx([0, 1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6])
    assert FlowSolver(6, "heun").times().tolist() == pytest.approx([0, 1 / 3, 1 / 3, 2 / 3, 2 / 3, 1])
    assert len(starts) == len(sizes) == 3


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"evaluations": 0}, "flow_steps is 0, expected 1 or more"),
        ({"evaluations": 7, "method": "heun"}, "flow_steps is 7, expected an even number"),
        ({"method": "rk4"}, "flow_method is 'rk4', expected one of euler, midpoint, heun"),
        ({"sway": -1.5}, "flow_sway is -1.5"),
        ({"sway": math.nan}, "flow_sway is nan"),
    ],
)
def test_what_cannot_be_solved_is_refused(wrong, reason):
    with pytest.raises(ValueError, match=reason):
        FlowSolver(**wrong)


def test_the_flow_takes_every_method(tts, prompt_file):
    voice = prompt_file(22050, 1.0, 1)
    options = {"seed": 1, "num_beams": 1, "max_mel_tokens": 8, "return_audio": True}
    spoken = [tts.infer(voice, "Hello.", None, flow_steps=4, flow_method=method, **options) for method in METHODS]
    first, *others = (result.wav_tensor for result in spoken)
    assert all(other.shape == first.shape and not torch.equal(other, first) for other in others)
