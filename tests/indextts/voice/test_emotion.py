"""Emotion weights against the goldens, prototype mixing, and scores read out of texts."""

import json
import logging

import pytest
import torch
import yaml
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from indextts.checkpoint.pseudo_weights import emotion_matrices
from indextts.voice.emotion import (
    EMOTIONS,
    EmotionMatrix,
    QwenEmotion,
    check_emo_vector,
    mixed_emovec,
    normalize_emo_vec,
    parse_scores,
    scale_emo_vector,
)
from tests.indextts.support.goldens import peak_error


@pytest.fixture(scope="module")
def emo_num(tiny_config_dir):
    return yaml.safe_load((tiny_config_dir / "config.yaml").read_text())["emo_num"]


@pytest.fixture(scope="module")
def prototypes(golden, emo_num):
    width = golden("d_conditioning")["mix_matrix_part"].shape[-1]
    vectors, styles = emotion_matrices(sum(emo_num), width)
    return torch.from_numpy(styles), torch.from_numpy(vectors)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Threads that wait for each other on a busy machine make tiny models a hundred times slower."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def matrix(prototypes, emo_num):
    return EmotionMatrix(*prototypes, emo_num)


class TestWeights:
    def test_normalized_weights_match_the_goldens(self, golden_json):
        cases = golden_json("l_text")["normalize_emo_vec"]
        assert cases
        for case in cases:
            assert normalize_emo_vec(case["in"], case["apply_bias"]) == pytest.approx(case["out"], rel=1e-12), case

    def test_scaled_weights_match_the_goldens(self, golden_json):
        cases = golden_json("l_text")["emo_vector_alpha_scaling"]
        assert cases
        for case in cases:
            assert scale_emo_vector(case["in"], case["alpha"]) == case["out"], case

    @pytest.mark.parametrize("vector", [[0.1] * 7, [0.1] * 9, [float("nan")] + [0.0] * 7, [float("inf")] + [0.0] * 7])
    def test_a_vector_is_eight_finite_numbers(self, vector):
        with pytest.raises(ValueError, match="8 finite numbers"):
            check_emo_vector(vector)


class TestEmotionMatrix:
    def test_mix_matches_the_goldens(self, golden, matrix):
        conditioning = golden("d_conditioning")
        vector = conditioning["mix_vector"].tolist()
        style = torch.from_numpy(golden("i_campplus")["style_0"])
        index, part = matrix.mix(vector, style)
        # alpha 1.0 and the same prompt for voice and emotion: merged is that prompt's emotion vector.
        emovec = mixed_emovec(part, vector, torch.from_numpy(conditioning["emovec_0"]))
        assert index.tolist() == conditioning["mix_index"].tolist()
        assert peak_error(part, conditioning["mix_matrix_part"]) < 2e-4
        assert peak_error(emovec, conditioning["mix_emovec"]) < 2e-4

    def test_rows_of_a_batch_equal_single_rows(self, golden, matrix):
        campplus = golden("i_campplus")
        styles = torch.from_numpy(campplus["style_0"]), torch.from_numpy(campplus["style_1"])
        vectors = torch.tensor([[0.1] * 8, [0.0, 0.5, 0, 0, 0.2, 0, 0.9, 0]])
        merged = torch.ones(2, matrix.emo_matrix.shape[1])
        index, part = matrix.mix(vectors, torch.stack(styles))
        emovec = mixed_emovec(part, vectors, merged)
        for row in range(2):
            single_index, single_part = matrix.mix(vectors[row], styles[row])
            assert single_index.tolist() == index[row].tolist()
            torch.testing.assert_close(part[row], single_part)
            torch.testing.assert_close(emovec[row], mixed_emovec(single_part, vectors[row], merged[row]))

    def test_weights_above_one_subtract_the_merged_vector(self, matrix):
        _, part = matrix.mix([0.5] * 8, torch.ones(192))
        assert torch.allclose(mixed_emovec(part, [0.5] * 8, torch.ones_like(part)), part - 3)

    def test_random_rows_stay_in_their_groups_and_follow_their_generator(self, matrix, emo_num):
        styles = torch.zeros(200, 192)
        index, _ = matrix.mix([0.1] * 8, styles, use_random=True, generator=torch.Generator().manual_seed(3))
        again, _ = matrix.mix([0.1] * 8, styles, use_random=True, generator=torch.Generator().manual_seed(3))
        assert torch.equal(index, again)
        assert [len(set(group.tolist())) for group in index.T] == emo_num

    def test_a_random_row_does_not_depend_on_its_neighbours(self, matrix):
        def generators(*seeds):
            return [torch.Generator().manual_seed(seed) for seed in seeds]

        pair, _ = matrix.mix([0.1] * 8, torch.zeros(2, 192), use_random=True, generator=generators(1, 2))
        single, _ = matrix.mix([0.1] * 8, torch.zeros(1, 192), use_random=True, generator=generators(2))
        assert pair[1].tolist() == single[0].tolist()

    def test_global_random_state_is_untouched(self, matrix):
        before = torch.get_rng_state()
        matrix.mix([0.1] * 8, torch.zeros(192), use_random=True)
        assert torch.equal(before, torch.get_rng_state())

    def test_sizes_must_agree(self, prototypes, emo_num):
        with pytest.raises(ValueError, match="do not fit"):
            EmotionMatrix(*prototypes, [*emo_num[:-1], emo_num[-1] + 1])


class TestParseScores:
    @pytest.mark.parametrize(
        "answer",
        [
            '{"happy": 0.9, "calm": 0.25}',
            'Sure!\n```json\n{\n  "happy" : "0.9",\n  "calm": .25}\n```',
            "{'happy': 0.9, 'calm': 0.25, 'ang",
            "happy: 0.9\ncalm = 2.5e-1",
            '{"高兴"：0.9, "自然": 0.25}',
            '<think>maybe {"sad": 1.0}?</think>{"scores": {"Happiness": 0.9, "neutral": 0.25}}',
            '{"happy": 0.9, "calm": 0.25} {"happy": 0.1}',
        ],
    )
    def test_many_ways_to_say_the_same(self, answer):
        assert parse_scores(answer) == {**dict.fromkeys(EMOTIONS, 0.0), "happy": 0.9, "calm": 0.25}

    def test_scores_are_clamped(self):
        scores = parse_scores('{"angry": 7, "sad": -1, "afraid": 1.2}')
        assert (scores["angry"], scores["sad"], scores["afraid"]) == (1.2, 0.0, 1.2)

    @pytest.mark.parametrize("answer", ["", "I cannot rate that.", '{"unhappy": 0.5}', "<think>happy: 0.5"])
    def test_no_scores(self, answer):
        assert parse_scores(answer) is None


ANSWERS = {
    "I won!": '{"happy": 0.9, "surprised": 1.5}',
    "我很低落": '{"悲伤": 0.7, "低落": 0.1}',
    "It is noon.": '{"happy": 0.0}',
}


def _byte_tokenizer(chat_template=None):
    """A tokenizer whose vocabulary is the 256 bytes and ChatML's marks."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(letters)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>"],
        chat_template=chat_template,
    )


def _tiny_qwen(tokenizer):
    torch.manual_seed(0)
    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(tokenizer),
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=32,
            max_position_embeddings=2048,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            tie_word_embeddings=True,
        )
    )


@pytest.fixture(scope="module")
def trained_folder(tmp_path_factory):
    """A tiny Qwen that has learned `ANSWERS` by heart, with the prompt that QwenEmotion writes."""
    folder = tmp_path_factory.mktemp("qwen")
    tokenizer = _byte_tokenizer()
    model = _tiny_qwen(tokenizer)
    tokenizer.save_pretrained(folder)
    dialogues = [
        f"<|im_start|>system\nRate.<|im_end|>\n<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n{answer}<|im_end|>"
        for text, answer in ANSWERS.items()
    ]
    batch = tokenizer(dialogues, return_tensors="pt", padding=True, add_special_tokens=False)
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    with torch.enable_grad():
        for _ in range(300):
            loss = model(**batch, labels=labels).loss
            if loss < 0.01:
                break
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.save_pretrained(folder)
    return folder


class TestQwenEmotion:
    def test_scores_of_a_text(self, trained_folder):
        emotion = QwenEmotion(trained_folder, system_prompt="Rate.")
        scores = emotion.scores("I won!")
        assert emotion.inference("I won!") == scores
        assert list(scores) == list(EMOTIONS)
        assert scores == {**dict.fromkeys(EMOTIONS, 0.0), "happy": 0.9, "surprised": 1.2}

    def test_low_spirits_are_not_sadness(self, trained_folder):
        scores = QwenEmotion(trained_folder, system_prompt="Rate.").scores("我很低落")
        assert (scores["sad"], scores["melancholic"]) == (0.1, 0.7)

    def test_all_zero_is_calm(self, trained_folder):
        assert QwenEmotion(trained_folder, system_prompt="Rate.").vector("It is noon.") == [0.0] * 7 + [1.0]

    def test_an_unreadable_answer_is_calm_with_a_warning(self, tmp_path, caplog):
        template = "{% for message in messages %}{{ message.content }}\n{% endfor %}"
        tokenizer = _byte_tokenizer(template)
        tokenizer.save_pretrained(tmp_path)
        _tiny_qwen(tokenizer).save_pretrained(tmp_path)
        with caplog.at_level(logging.WARNING, "indextts.voice.emotion"):
            assert QwenEmotion(tmp_path).vector("A plain text.") == [0.0] * 7 + [1.0]
        assert "A plain text." in caplog.text

    def test_a_missing_folder_is_named_when_first_used(self, tmp_path):
        emotion = QwenEmotion(tmp_path / "qwen0.6bemo4-merge")
        with pytest.raises(FileNotFoundError, match=r"qwen0\.6bemo4-merge.*as audio or as a vector"):
            emotion.scores("Hello there.")

    def test_a_folder_without_weights_is_incomplete(self, tmp_path):
        (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen3"}))
        with pytest.raises(FileNotFoundError, match="incomplete"):
            QwenEmotion(tmp_path).scores("Hello there.")

    def test_a_blank_text_has_no_emotion(self, tmp_path):
        with pytest.raises(ValueError, match="blank"):
            QwenEmotion(tmp_path).scores(" \n")
