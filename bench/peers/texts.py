"""The same work as bench.c: encoder inputs, and generation settings."""

from transformers import BartForConditionalGeneration, GenerationConfig


def make_text(t):
    n = 40 + t * 7 % 25
    return [0] + [4 + (t * 7919 + i * 104729) % 50000 for i in range(1, n - 1)] + [2]


def settings(**more):
    return GenerationConfig(
        max_length=20, min_length=20, forced_eos_token_id=2, no_repeat_ngram_size=3, early_stopping=True, decoder_start_token_id=2,
        bos_token_id=0, pad_token_id=1, eos_token_id=2, **more)


def load(folder):
    model = BartForConditionalGeneration.from_pretrained(folder).eval()
    model.generation_config = GenerationConfig(bos_token_id=0, pad_token_id=1, eos_token_id=2, decoder_start_token_id=2)
    return model
