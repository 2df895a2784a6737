"""Greedy and beam search in plain numpy: independent of transformers, and able to say how close the decisions were.

`next_scores(prefixes)` gives the log-softmax of the next token after each prefix (tuples of ids). Both searches also return a margin:
the smallest gap of all comparisons that decided the result. An implementation whose accumulated log-probabilities are right to within
half of it must find the same sequences.

mode "hf5": transformers 5. mode "hf4.9": transformers 4.9 of 2021; what it does otherwise is marked [4.9].
"""

import math

import numpy as np

EOS, FORBIDDEN = 2, -math.inf


def process(prefix, scores, s):
    """The processors that `generate` applies, in its order, to the scores of one prefix. Returns new scores."""
    scores, n, k = scores.copy(), len(prefix), s["no_repeat_ngram_size"]
    if k and n >= k:
        last = prefix[n + 1 - k :]
        for i in range(n + 1 - k):
            if prefix[i : i + k - 1] == last:
                scores[prefix[i + k - 1]] = FORBIDDEN
    if n < s["min_length"]:
        scores[EOS] = FORBIDDEN
    forced = None
    if s["forced_bos_token_id"] is not None and n == 1:
        forced = s["forced_bos_token_id"]
    if s["forced_eos_token_id"] is not None and n == s["max_length"] - 1:
        forced = s["forced_eos_token_id"]
    if forced is not None:
        scores[:] = FORBIDDEN
        scores[forced] = 0.0  # no log-probability: a forced token costs nothing
    return scores


class Margin:
    def __init__(self):
        self.value = math.inf

    def compared(self, a, b):
        if np.isfinite(a) and np.isfinite(b):
            self.value = min(self.value, abs(float(a) - float(b)))


def best_continuations(open_beams, rows, most):
    """(score, beam, token) of the best finite ones, best first; ties: lower beam, then lower id."""
    scores = np.concatenate([np.float32(beam[0]) + row for beam, row in zip(open_beams, rows)]).astype(np.float32)
    vocab = len(rows[0])
    top = np.argpartition(-scores, most)[:most] if most < len(scores) else np.arange(len(scores))
    top = sorted(top.tolist(), key=lambda i: (-scores[i], i))
    return [(scores[i], i // vocab, i % vocab) for i in top if np.isfinite(scores[i])]


class Finished:
    """The best hypotheses that have ended: at most `beams`, best first."""

    def __init__(self, beams, margin):
        self.beams, self.margin, self.all = beams, margin, []

    def add(self, score, sequence):
        self.all = sorted(self.all + [(float(score), sequence)], key=lambda h: -h[0])
        if len(self.all) > self.beams:
            self.margin.compared(self.all[self.beams - 1][0], self.all[self.beams][0])
            self.all = self.all[: self.beams]


def search(next_scores, s, mode):
    """Returns ([(sequence, score)] best first, margin). s: the settings of one case."""
    beams, penalty, limit, early = s["num_beams"], s["length_penalty"], s["max_length"], s["early_stopping"]
    margin = Margin()
    done = Finished(beams, margin)
    open_beams = [(np.float32(0.0), (EOS,))]  # one: transformers' copies with a score of -1e9 never win
    while True:
        n = len(open_beams[0][1])  # tokens so far, the start token among them
        rows = [process(beam[1], row, s) for beam, row in zip(open_beams, next_scores([beam[1] for beam in open_beams]))]
        found = best_continuations(open_beams, rows, 2 * beams + 1)
        beyond, found = found[2 * beams :], found[: 2 * beams]
        at_limit = n + 1 >= limit
        ends = lambda c: c[2] == EOS or (mode == "hf5" and at_limit)

        # a continuation that ends counts only among the first `beams`
        if len(found) > beams and (ends(found[beams - 1]) or ends(found[beams])):
            margin.compared(found[beams - 1][0], found[beams][0])
        going = [c for c in found if not ends(c)]
        after = (going + beyond)[beams : beams + 1]
        if len(going) >= beams and after:
            margin.compared(going[beams - 1][0], after[0][0])
        going = going[:beams]
        for score, beam, token in found[:beams]:
            if ends((score, beam, token)):
                # n: the tokens generated with the end token, or those before it with the start token
                done.add(np.float32(score) / np.float32(n**penalty), open_beams[beam][1] + (int(token),))

        if len(done.all) >= beams:
            if early is True or not can_improve(found, going, done.all[-1][0], n, s, mode, margin):
                break
        open_beams = [(c[0], open_beams[c[1]][1] + (int(c[2]),)) for c in going]
        if at_limit:
            if mode == "hf4.9":
                # [4.9] every open beam joins the hypotheses, those ranked past `beams` too, and its length counts the start token;
                # 5 takes only the first `beams` continuations
                for score, sequence in open_beams:
                    done.add(score / np.float32(len(sequence) ** penalty), sequence)
            break
    for a, b in zip(done.all, done.all[1:]):
        margin.compared(a[0], b[0])
    return [(list(sequence), score) for score, sequence in done.all], margin.value


def can_improve(found, going, worst, n, s, mode, margin):
    """Whether an open beam may still beat the worst finished hypothesis."""
    penalty = s["length_penalty"]
    never = s["early_stopping"] == "never" and penalty > 0 and mode == "hf5"
    length = s["max_length"] - 1 if never else n
    # [4.9] asks this of the best continuation even where it has just ended; 5 of the best that goes on
    best = found[0][0] if mode == "hf4.9" else (going[0][0] if going else FORBIDDEN)
    best = np.float32(best) / np.float32(length**penalty)
    if np.isfinite(best):
        margin.compared(best, worst)
    return best > worst


def greedy(next_scores, s):
    prefix, margin = (EOS,), Margin()
    while len(prefix) < s["max_length"]:
        row = process(prefix, next_scores([prefix])[0], s)
        best, second = np.sort(row[np.argpartition(-row, 1)[:2]])[::-1]
        margin.compared(best, second)
        prefix += (int(row.argmax()),)
        if prefix[-1] == EOS:
            break
    return list(prefix), margin.value


class FullPass:
    """next_scores of a BART model by whole passes without a cache; each prefix is computed once."""

    def __init__(self, model, ids=None, encoded=None):
        import torch

        self.model, self.known = model, {}
        with torch.no_grad():
            self.encoded = encoded if ids is None else model.model.encoder(torch.tensor([ids])).last_hidden_state

    def __call__(self, prefixes):
        import torch

        fresh = [p for p in dict.fromkeys(prefixes) if p not in self.known]
        if fresh:
            with torch.no_grad():
                out = self.model.model.decoder(input_ids=torch.tensor(fresh), encoder_hidden_states=self.encoded.expand(len(fresh), -1, -1),
                                               use_cache=False)
                logits = self.model.lm_head(out.last_hidden_state[:, -1]) + self.model.final_logits_bias
            for p, row in zip(fresh, torch.log_softmax(logits, -1).numpy()):
                self.known[p] = row
        return [self.known[p] for p in prefixes]
