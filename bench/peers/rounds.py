"""How bench/rows.py lets several programs take turns: a peer prints a line of facts when its model is loaded, and then does one round of its
work for each line on stdin, and prints what that took. bench/round.h is the same for this program."""

import json
import sys
import time


def serve(facts, work, cpu=time.process_time):
    """work() does one round and returns how many things it did, or these and more facts of the round."""
    print(json.dumps(facts), flush=True)
    for _ in sys.stdin:
        start, used = time.monotonic(), cpu()
        count = work()
        count, more = count if isinstance(count, tuple) else (count, {})
        print(json.dumps({"count": count, "seconds": time.monotonic() - start, "cpu_seconds": cpu() - used, **more}), flush=True)


def best_batch(batches, work):
    """The batch size of the highest rate per CPU second, which is the steadier measure on a busy machine; work(batch) does one batch."""
    best, rate = batches[0], 0
    for batch in batches:
        used = time.process_time()
        work(batch)
        used = time.process_time() - used
        if batch / used > rate:
            best, rate = batch, batch / used
    return best
