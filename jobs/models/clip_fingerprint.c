#include "jobs/models/clip_fingerprint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "io/file/checksum.h"

enum { BLOCK = 1 << 16 };

static bool
is_text_weight(const ac_tensor *t)
{
    return t->dtype <= AC_BF16 && (strncmp(t->name, "text_model.", 11) == 0 ||
                                   strcmp(t->name, "text_projection.weight") == 0);
}

static void
hash_tensor(ac_checksum *sum, const ac_tensor *t, float *block)
{
    const int64_t n = ac_tensor_count(t);

    ac_checksum_update(sum, t->name, strlen(t->name) + 1);
    ac_checksum_update(sum, t->shape, (size_t) t->rank * sizeof *t->shape);
    for (int64_t i = 0; i < n; i += BLOCK) {
        const int64_t m = n - i < BLOCK ? n - i : BLOCK;
        ac_tensor_read(t, block, i, m);
        ac_checksum_update(sum, block, (size_t) m * sizeof *block);
    }
}

static int
by_rank(const void *a, const void *b)
{
    const ac_bpe_merge *x = a, *y = b;

    return (x->rank > y->rank) - (x->rank < y->rank);
}

/* The tokens by id, and the pairs of ids that merge, best first: how the tables lie in memory
 * does not matter. */
static ac_status
hash_vocabulary(ac_checksum *sum, const ac_bpe *bpe)
{
    ac_bpe_merge *merges = NULL;
    int64_t count = 0;
    ac_status st = ac_alloc(&merges, bpe->merges_mask + 1, sizeof *merges);

    if (st != AC_OK)
        return st;
    for (int64_t i = 0; i <= bpe->merges_mask; i++)
        if (bpe->merges[i].pair != ~(uint64_t) 0)
            merges[count++] = bpe->merges[i];
    qsort(merges, (size_t) count, sizeof *merges, by_rank);
    ac_checksum_update(sum, bpe->tokens.bytes.data, bpe->tokens.bytes.size);
    ac_checksum_update(sum, bpe->tokens.offsets,
                       (size_t) (bpe->tokens.count + 1) * sizeof *bpe->tokens.offsets);
    for (int64_t i = 0; i < count; i++)
        ac_checksum_update(sum, &merges[i].pair, sizeof merges[i].pair);
    free(merges);
    return AC_OK;
}

static void
hash_unigram(ac_checksum *sum, const ac_unigram *u)
{
    const int64_t n = u->pieces.count;

    ac_checksum_update(sum, u->pieces.bytes.data, u->pieces.bytes.size);
    ac_checksum_update(sum, u->pieces.offsets, (size_t) (n + 1) * sizeof *u->pieces.offsets);
    ac_checksum_update(sum, u->scores, (size_t) n * sizeof *u->scores);
    ac_checksum_update(sum, u->kinds, (size_t) n);
    if (u->trie) {
        ac_checksum_update(sum, u->trie, (size_t) u->trie_units * sizeof *u->trie);
        ac_checksum_update(sum, u->replacements, (size_t) u->replacement_bytes);
    }
}

ac_status
ac_clip_fingerprint_text(char hex[33], const ac_clip_config *c, const ac_tensors *tensors,
                         const ac_tokenizer *tokenizer)
{
    ac_checksum sum = { 0 };
    float *block = NULL;
    char text[256];
    int n;
    ac_status st = AC_OK;

    AC_TRY(ac_checksum_init(&sum));
    AC_TRY(ac_alloc_aligned(&block, BLOCK, sizeof *block));
    n = snprintf(
        text, sizeof text,
        "layers %lld width %lld heads %lld hidden %lld act %d eps %.9g context %lld end %d",
        (long long) c->text.num_hidden_layers, (long long) c->text.hidden_size,
        (long long) c->text.num_attention_heads, (long long) c->text.intermediate_size,
        (int) c->text.hidden_act, (double) c->text.layer_norm_eps,
        (long long) c->max_position_embeddings, c->eos_token_id);
    ac_checksum_update(&sum, text, (size_t) n);
    for (int64_t i = 0; i < tensors->count; i++)
        if (is_text_weight(&tensors->items[i]))
            hash_tensor(&sum, &tensors->items[i], block);
    if (tokenizer && tokenizer->kind == AC_TOKENIZER_SIGLIP)
        hash_unigram(&sum, &tokenizer->unigram);
    else if (tokenizer)
        AC_TRY(hash_vocabulary(&sum, &tokenizer->bpe));
    ac_checksum_digest(&sum, hex);
out:
    free(block);
    ac_checksum_free(&sum);
    return st;
}
