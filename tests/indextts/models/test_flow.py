"""Velocity estimator and flow solver against the goldens, and padded batches against single runs."""

import re

import pytest
import torch

from indextts.checkpoint.pseudo_weights import noise
from indextts.models.solver import FlowSolver
from indextts.models.wavenet import reflect_ends
from tests.indextts.support.goldens import cases, peak_error
from tests.indextts.support.tiny_modules import TOLERANCE, padded, tensor, tiny_cfm

SOLVER_TOLERANCE = 1e-3


@pytest.fixture(scope="module")
def cfm(tiny_config_dir):
    model = tiny_cfm(tiny_config_dir)
    model.fuse()
    return model


def estimator_inputs(cfm, arrays, golden_set, k):
    """x, prompt, t, style, mu of the goldens: a conditional row and a row whose prompt, style and mu are zero."""
    prompt_frames, frames = arrays[f"dims_{k}"].tolist()
    config = cfm.estimator.config
    x = tensor(noise(f"{golden_set}:dit_x{k}", (2, 80, frames)))
    prompt, style, mu = torch.zeros(2, 80, frames), torch.zeros(2, 192), torch.zeros(2, frames, config.content_dim)
    prompt[0, :, :prompt_frames] = tensor(noise(f"{golden_set}:dit_p{k}", (80, prompt_frames)))
    style[0] = tensor(arrays[f"style_{k}"])
    mu[0] = tensor(noise(f"{golden_set}:dit_mu{k}", (frames, config.content_dim)))
    return x, prompt, tensor(arrays[f"t_{k}"]), style, mu


def solver_inputs(cfm, arrays, golden_set, k):
    """mu (T, C), prompt (Tp, 80), style (192,) and noise (T, 80) of one row."""
    prompt_frames, frames = arrays[f"dims_{k}"].tolist()
    _, prompt, _, style, mu = estimator_inputs(cfm, arrays, golden_set, k)
    start = tensor(noise(f"{golden_set}:cfm_z{k}:0", (1, 80, frames)))
    return mu[0], prompt[0, :, :prompt_frames].T, style[0], start[0].T


def solve_row(cfm, row, **options):
    """The mel (T, 80) of one row on its own."""
    mu, prompt, style, start = row
    lengths, prompt_lengths = torch.tensor([len(mu)]), torch.tensor([len(prompt)])
    mel = cfm.solve(mu[None], lengths, prompt.T[None], prompt_lengths, style[None], start.T[None], **options)
    return mel[0].T


def test_velocity_matches_the_golden_before_and_after_fusing(tiny_config_dir, cfm, golden, golden_set):
    expected, unfused = golden("h_cfm"), tiny_cfm(tiny_config_dir)
    for k in cases(expected, "dit_out"):
        x, prompt, t, style, mu = estimator_inputs(cfm, expected, golden_set, k)
        lengths = torch.full((2,), x.shape[2])
        for model in (unfused, cfm):
            velocity = model.estimator(x, prompt, lengths, t, style, mu)
            assert peak_error(velocity, expected[f"dit_out_{k}"]) < TOLERANCE


def test_velocity_of_a_short_row_matches_the_golden_where_that_is_exact(cfm, golden, golden_set):
    """The published WaveNet mirrors at the batch's end: its last frames, 2 a layer, are not those of the row alone."""
    expected = golden("h_cfm")
    for k in cases(expected, "dit_out_short"):
        x, prompt, t, style, mu = estimator_inputs(cfm, expected, golden_set, k)
        length = int(expected[f"dit_xlens_short_{k}"])
        short = cfm.estimator(x, prompt, torch.tensor([length, length]), t, style, mu)
        exact = length - 2 * cfm.estimator.config.wavenet.num_layers
        assert peak_error(short[..., :exact], expected[f"dit_out_short_{k}"][..., :exact]) < TOLERANCE
        cut = (x[..., :length], prompt[..., :length], torch.tensor([length, length]), t, style, mu[:, :length])
        assert peak_error(short[..., :length], cfm.estimator(*cut)) < TOLERANCE


def test_solved_mel_matches_the_golden(cfm, golden, golden_set):
    expected = golden("h_cfm")
    names = [re.fullmatch(r"cfm_(\d+)_(\d+)", name) for name in expected]
    solved = [(match[0], int(match[1]), int(match[2])) for match in names if match]
    assert solved
    for name, steps, k in solved:
        mel = solve_row(cfm, solver_inputs(cfm, expected, golden_set, k), solver=FlowSolver(steps))
        assert peak_error(mel.T, expected[name]) < SOLVER_TOLERANCE


@pytest.mark.parametrize("cfg_rate", [0.7, 0.0])
def test_mixed_lengths_prompts_and_styles_in_a_batch_equal_single_runs(cfm, golden, golden_set, cfg_rate):
    arrays = golden("h_cfm")
    rows = [solver_inputs(cfm, arrays, golden_set, k) for k in cases(arrays, "dims")]
    mu, prompt, style, start = rows[0]
    rows.append((mu[:9], prompt[:3], -style, start[:9]))  # a short row with a short prompt
    rows.append((mu[:-1], prompt[:0], style * 2, start[:-1]))  # no prompt at all
    mus, lengths = padded([row[0] for row in rows])
    prompts, prompt_lengths = padded([row[1] for row in rows])
    starts, _ = padded([row[3] for row in rows])
    styles = torch.stack([row[2] for row in rows])
    mel = cfm.solve(
        mus,
        lengths,
        prompts.transpose(1, 2),
        prompt_lengths,
        styles,
        starts.transpose(1, 2),
        solver=FlowSolver(6),
        cfg_rate=cfg_rate,
    )
    for i, row in enumerate(rows):
        alone = solve_row(cfm, row, solver=FlowSolver(6), cfg_rate=cfg_rate)
        assert peak_error(mel[i, :, : lengths[i]].T, alone) < TOLERANCE
        assert not mel[i, :, lengths[i] :].any()
        assert not mel[i, :, : prompt_lengths[i]].any()


def test_guidance_is_the_weighted_difference_of_two_velocities(cfm, golden, golden_set):
    mu, prompt, style, start = solver_inputs(cfm, golden("h_cfm"), golden_set, 0)
    frames, prompt_frames = len(mu), len(prompt)
    x = start.T.clone()
    x[:, :prompt_frames] = 0
    prompt_x = torch.zeros(80, frames)
    prompt_x[:, :prompt_frames] = prompt.T
    nothing = torch.zeros_like
    batch = (torch.stack([x, x]), torch.stack([prompt_x, nothing(prompt_x)]), torch.tensor([frames, frames]))
    conditional, null = cfm.estimator(
        *batch, torch.tensor(0.0), torch.stack([style, nothing(style)]), torch.stack([mu, nothing(mu)])
    )
    expected = x + 1.7 * conditional - 0.7 * null
    mel = solve_row(cfm, (mu, prompt, style, start), solver=FlowSolver(1), cfg_rate=0.7)
    assert peak_error(mel[prompt_frames:].T, expected[:, prompt_frames:]) < TOLERANCE


def test_noise_in_the_prompt_does_not_matter(cfm, golden, golden_set):
    mu, prompt, style, start = solver_inputs(cfm, golden("h_cfm"), golden_set, 0)
    other = start.clone()
    other[: len(prompt)] = 100.0
    one, two = (solve_row(cfm, (mu, prompt, style, z), solver=FlowSolver(2)) for z in (start, other))
    assert torch.equal(one, two)


def test_bfloat16_stays_close_to_float32(tiny_config_dir, cfm, golden, golden_set):
    row = solver_inputs(cfm, golden("h_cfm"), golden_set, 0)
    half = tiny_cfm(tiny_config_dir)
    half.fuse()
    half.to(torch.bfloat16)
    mel = solve_row(half, row, solver=FlowSolver(5))
    assert mel.dtype == torch.float32
    assert 1e-5 < peak_error(mel, solve_row(cfm, row, solver=FlowSolver(5))) < 0.015


def test_the_time_grid_goes_from_zero_to_one():
    times, sizes = FlowSolver(25).steps()
    assert times[0] == 0.0
    assert times.tolist() == pytest.approx([step / 25 for step in range(25)], abs=1e-6)
    assert sum(sizes) == pytest.approx(1.0, abs=1e-6)


def test_rows_are_mirrored_at_their_own_ends():
    x = torch.tensor([[[1.0, 2, 3, 4, 5]], [[1.0, 2, 3, 9, 9]]])
    mirrored = reflect_ends(x, torch.tensor([5, 3]), reach=2)
    assert mirrored[0, 0].tolist() == [3, 2, 1, 2, 3, 4, 5, 4, 3]
    assert mirrored[1, 0, :7].tolist() == [3, 2, 1, 2, 3, 2, 1]


def test_rows_that_cannot_be_solved_are_refused(cfm, golden, golden_set):
    row = solver_inputs(cfm, golden("h_cfm"), golden_set, 0)
    with pytest.raises(ValueError, match="row lengths 2 to 2"):
        solve_row(cfm, (row[0][:2], row[1][:1], row[2], row[3][:2]))


@pytest.mark.parametrize("prompt_frames", [(9, 9, 9), (30, 0, 12), (40, 25, 7)])
def test_leaving_prompt_frames_out_at_the_end_does_not_change_the_speech(cfm, prompt_frames):
    """A window on the speech gives the velocities that all frames give; prompts of several lengths."""
    estimator, sizes = cfm.estimator, (12, 30, 3)
    lengths = torch.tensor([p + s for p, s in zip(prompt_frames, sizes, strict=True)])
    prompts, frames = torch.tensor(prompt_frames), int(lengths.max())
    x = tensor(noise("window_x", (3, frames, 80)))
    terms = tensor(noise("window_terms", (3, frames, estimator.config.hidden_dim)))
    tables = estimator.time_tables(torch.tensor([0.4])).at(0)
    everything = estimator.row_layout(lengths, frames)
    window = estimator.speech_window(everything, lengths, prompts)
    assert window.window.shape[1] < frames
    whole = estimator.velocity(x, terms, tables, everything)
    part = estimator.velocity(x, terms, tables, window)
    for row, (prompt, size) in enumerate(zip(prompt_frames, sizes, strict=True)):
        first = window.window[row].tolist().index(prompt)
        expected = whole[row, prompt : prompt + size]
        assert peak_error(part[row, first : first + size], expected) < TOLERANCE
