"""Golden data of how stories are drawn: what transformers' own processors, in its own order, leave of causal models' next tokens, and whole
stories drawn from that with this project's random numbers.

    python causal_filters.py --out MADE/causal_filters --golden FOLDER [--seed 1]

FOLDER has the models of gpt.py and llama.py, plain, in gpt/ and llama/. Writes filters.json. A row of `filters` is a prompt, settings, the ids kept after the
prompt and their log-probabilities; each of its settings changes the result (of top_p and min_p together the stricter one alone can), and
where ORDERED says so, so does another order. A row of
`stories` holds the new tokens of each story and its score, the sum of the log-probabilities of what was drawn from. The random number of a
story's token is Philox's at (seed, stream, story, tokens before it); the token is the first whose sum of probabilities, in the order of ids,
is above it. With min_new_tokens stories have end tokens: some that they say without them. Prompts where a decision is nearer than NOISE are drawn again.
"""

import os

import torch
from transformers import AutoModelForCausalLM, GenerationConfig, LogitsProcessorList

from common import arguments, generator, one_thread, save_rows, versions
from sampling import philox4x32

MODELS = ("gpt/gpt2", "gpt/gpt_neo", "gpt/gptj", "llama/llama", "llama/llama_untied", "llama/llama3", "llama/qwen2", "llama/qwen3")
NOISE, NOISES, TRIES = 1e-4, 6, 400
ALL = {"repetition_penalty": 1.4, "no_repeat_ngram_size": 2, "temperature": 1.2, "top_k": 30, "top_p": 0.8, "min_p": 0.12}
ALONE = [{"temperature": 0.7}, {"top_k": 7}, {"top_p": 0.6}, {"min_p": 0.2}, {"repetition_penalty": 1.5}, {"no_repeat_ngram_size": 2},
         {"no_repeat_ngram_size": 3}, {"repetition_penalty": 0.8}, {"typical_p": 0.7}, {"epsilon_cutoff": 0.01}]
ORDERED = [{"temperature": 0.6, "top_p": 0.8}, {"temperature": 1.6, "min_p": 0.1}, {"top_k": 6, "top_p": 0.7}, {"top_p": 0.7, "min_p": 0.3},
           {"no_repeat_ngram_size": 2, "top_k": 8}, {"no_repeat_ngram_size": 2, "top_p": 0.7}, {"repetition_penalty": 1.6, "top_k": 9},
           {"repetition_penalty": 1.6, "min_p": 0.2}, ALL]
TOLD = [{"temperature": 0.8, "top_p": 0.9, "top_k": 50}, {"temperature": 1.3, "min_p": 0.1, "repetition_penalty": 1.2, "top_k": 0}, ALL,
        {"temperature": 1.1, "top_k": 20, "no_repeat_ngram_size": 2, "min_new_tokens": 5}]
STORIES, NEW = 2, 12


class TooClose(Exception):
    """A decision that another order of sums could turn."""


def processors(model, settings, length):
    """The list that transformers' generate makes."""
    config = GenerationConfig(do_sample=True, pad_token_id=0, **{"top_k": 0, "max_new_tokens": NEW, **settings})
    model._prepare_special_tokens(config, False, device="cpu")
    return model._get_logits_processor(config, length, logits_processor=LogitsProcessorList(), device="cpu", model_kwargs={})


def left(chain, text, logits):
    """The logarithms that remain of the last token's logits [vocabulary]."""
    x = logits[None].clone()
    for step in chain:
        x = step(torch.tensor([text]), x)
    return torch.log_softmax(x[0].double(), -1)


def kept(logs):
    return torch.nonzero(torch.isfinite(logs))[:, 0].tolist()


def sure(chain, text, logits, rng):
    """What is left, if a little noise keeps the same tokens."""
    logs = left(chain, text, logits)
    for _ in range(NOISES):
        noise = torch.from_numpy(rng.uniform(-NOISE, NOISE, len(logits)).astype("float32"))
        if kept(left(chain, text, logits + noise)) != kept(logs):
            raise TooClose
    return logs


def same(a, b):
    return kept(a) == kept(b) and float((a - b)[kept(a)].abs().max()) < 1e-3


def filter_row(model, draw, settings, ordered, rng):
    for _ in range(TRIES):
        prompt = draw()
        logits = model(torch.tensor([prompt]), use_cache=False).logits[0, -1]
        chain = processors(model, settings, len(prompt))
        try:
            logs = sure(chain, prompt, logits, rng)
        except TooClose:
            continue
        hidden = ("top_k", "top_p", "min_p") if {"top_p", "min_p"} <= settings.keys() else ()
        fewer = [{key: value for key, value in settings.items() if key != one} for one in settings if one not in hidden]
        if any(same(logs, left(processors(model, s, len(prompt)), prompt, logits)) for s in fewer):
            continue
        if ordered and same(logs, left(list(chain)[::-1], prompt, logits)):
            continue
        return {"prompt": prompt, "settings": settings, "kept": kept(logs), "log_probability": [round(x, 6) for x in logs[kept(logs)].tolist()]}
    raise SystemExit(f"{settings}: no prompt in {TRIES}")


def uniform(seed, stream, a, b):
    y = philox4x32([stream & 0xFFFFFFFF, stream >> 32, a, b], [seed & 0xFFFFFFFF, seed >> 32])
    return ((y[0] << 32 | y[1]) >> 11) * 2.0**-53


def story(model, prompt, settings, numbers, rng):
    """-> new tokens, score"""
    text, score, ends = list(prompt), 0.0, settings.get("eos_token_id", [])
    chain = processors(model, settings, len(prompt))
    while len(text) < len(prompt) + NEW and text[len(prompt) :][-1:] not in [[end] for end in ends]:
        logits = model(torch.tensor([text]), use_cache=False).logits[0, -1]
        logs = sure(chain, text, logits, rng)
        sums = torch.cumsum(torch.exp(logs), 0)
        at = numbers(len(text)) * float(sums[-1])
        token = int(torch.nonzero(sums > at)[0])
        if float((sums - at).abs().min()) < NOISE:
            raise TooClose
        text.append(token)
        score += float(logs[token])
    return text[len(prompt) :], score


def story_row(model, draw, settings, rng):
    for _ in range(TRIES):
        prompt, seed, stream = draw(), int(rng.integers(2**63)), int(rng.integers(2**63))

        def tell(how):
            return [story(model, prompt, how, lambda step: uniform(seed, stream, k, step), rng) for k in range(STORIES)]

        try:
            told = tell(settings)
            if "min_new_tokens" in settings:
                settings = {**settings, "eos_token_id": sorted({told[0][0][3], told[0][0][6], told[1][0][8]})}
                told = tell(settings)
                if all(len(new) == NEW for new, _ in told):
                    continue
        except TooClose:
            continue
        return {"prompt": prompt, "settings": {**settings, "max_new_tokens": NEW}, "seed": str(seed), "stream": str(stream),
                "sequences": [new for new, _ in told], "scores": [score for _, score in told]}
    raise SystemExit(f"{settings}: no story in {TRIES}")


def drawn(model, rng):
    """A prompt that says some of its tokens again: at random, or as the model itself continues one (it says its likeliest again)."""
    some = rng.integers(0, model.config.vocab_size, 6).tolist()
    if rng.random() < 0.3:
        return some + some[1 : int(rng.integers(3, 6))] + some[:3] + some[:2]
    for _ in range(int(rng.integers(8, 16))):
        likely = torch.softmax(model(torch.tensor([some]), use_cache=False).logits[0, -1].double() / 0.6, -1).numpy()
        some.append(int(rng.choice(len(likely), p=likely / likely.sum())))
    return some


def rows_of(name, golden, seed):
    model = AutoModelForCausalLM.from_pretrained(os.path.join(golden, name), attn_implementation="eager", dtype=torch.float32).eval()
    model.generation_config = GenerationConfig(pad_token_id=0)
    rng = generator(seed, f"causal_filters.{name}")

    def draw():
        return drawn(model, rng)

    filters = [filter_row(model, draw, settings, settings in ORDERED, rng) for settings in ALONE + ORDERED]
    stories = [story_row(model, draw, settings, rng) for settings in TOLD]
    print(name, len(filters), "filters,", [len(s) for row in stories for s in row["sequences"]], "tokens")
    return {"model": name, "filters": filters, "stories": stories}


@torch.no_grad()
def main():
    parser = arguments(__doc__)
    parser.add_argument("--golden", required=True, help="where gpt/ and llama/ are")
    args = parser.parse_args()
    one_thread()
    rows = [rows_of(name, args.golden, args.seed) for name in MODELS]
    save_rows(os.path.join(args.out, "filters.json"), {"versions": versions(), "seed": args.seed}, rows)


if __name__ == "__main__":
    main()
