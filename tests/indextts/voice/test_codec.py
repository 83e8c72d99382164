"""Semantic codec: quantising prompts, and code embeddings."""

import pytest
import torch

from indextts.checkpoint.config import load_config
from indextts.checkpoint.pseudo_weights import fill_module, ints, noise
from indextts.models.semantic_codec import SemanticCodec
from indextts.models.weight_norm import fuse_weight_norm
from tests.indextts.support.goldens import cases, peak_error


@pytest.fixture(scope="module")
def codec(tiny_config_dir):
    model = SemanticCodec(load_config(tiny_config_dir / "config.yaml").codec).eval()
    fill_module(model)
    return model


def test_codes_and_embeddings_match_the_golden(codec, golden):
    embeddings, expected = golden("b_w2v"), golden("c_codec")
    for k in cases(expected, "codes"):
        embedding = torch.from_numpy(embeddings[f"emb_{k}"])[None]
        lengths = torch.tensor([embedding.shape[1]])
        quantised, codes = codec.quantize(embedding, lengths)
        assert peak_error(codec.encode(embedding, lengths)[0], expected[f"z_{k}"]) < 2e-4
        assert codes[0].tolist() == expected[f"codes_{k}"].tolist()
        assert peak_error(quantised[0], expected[f"s_ref_{k}"]) < 2e-4


def test_looked_up_embeddings_match_the_golden(codec, golden):
    expected = golden("c_codec")
    embedded = codec.embed(torch.from_numpy(expected["rand_codes"])[None])
    assert peak_error(embedded[0].T, expected["vq2emb"]) < 2e-4


def test_padding_does_not_reach_the_valid_frames(codec):
    """With whatever the padding holds: the convolutions must not see it."""
    lengths = torch.tensor([5, 40, 23])
    batch = torch.from_numpy(noise("embedding", (3, 40, codec.config.hidden_size)))
    _, codes = codec.quantize(batch, lengths)
    for row, length in enumerate(lengths.tolist()):
        single = codec.encode(batch[row : row + 1, :length], lengths[row : row + 1])
        _, single_codes = codec.quantize(batch[row : row + 1, :length], lengths[row : row + 1])
        assert codes[row, :length].tolist() == single_codes[0].tolist()
        assert peak_error(codec.encode(batch, lengths)[row, :length], single[0]) < 2e-4


def test_every_row_gets_the_embeddings_of_its_own_codes(codec):
    codes = torch.from_numpy(ints("codes", (2, 6), 0, codec.config.codebook_size))
    assert torch.allclose(codec.embed(codes)[1], codec.embed(codes[1:])[0], atol=1e-6)
    assert not torch.allclose(codec.embed(codes)[1], codec.embed(codes)[0])


def test_fusing_weight_norm_changes_nothing_but_the_entries(tiny_config_dir, codec):
    fused = SemanticCodec(codec.config).eval()
    fill_module(fused)
    fuse_weight_norm(fused)
    codes = torch.from_numpy(ints("codes", (1, 50), 0, codec.config.codebook_size))
    assert peak_error(fused.embed(codes), codec.embed(codes)) < 1e-6
    assert not [name for name in fused.state_dict() if name.endswith("weight_g")]
