#include "jobs/caption/captioner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "io/hdf5/shard_file.h"

enum { CHUNK_IMAGES = 64, CHUNK_CANDIDATES = 2048 };

void
ac_captioner_free(ac_captioner *self)
{
    free(self->queries);
    free(self->table_ids);
    free(self->items);
    free(self->ids);
    free(self->ids_offsets);
    free(self->streams);
    free(self->owner);
    free(self->offsets);
    free(self->clip_scores);
    free(self->candidate_clip_scores);
    free(self->candidate_scores);
    ac_generated_free(&self->generated);
    ac_clip_scorer_free(&self->scorer);
    ac_prompt_free(&self->prompt);
    ac_buffer_free(&self->text);
    ac_texts_free(&self->keys);
    ac_texts_free(&self->table_keys);
    ac_texts_free(&self->entries);
    ac_texts_free(&self->captions);
    ac_texts_free(&self->candidates);
}

ac_status
ac_captioner_init(ac_captioner *self, ac_clip_model *clip, ac_bart_model *bart,
                  const ac_config *config, int64_t shard_items, const ac_inflight *inflight)
{
    ac_status st = AC_OK;
    const int64_t rows = shard_items, each = bart->generation.num_return_sequences;

    *self =
        (ac_captioner){ .clip = clip, .bart = bart, .config = config, .inflight = inflight };
    self->width = clip->net.config.projection_dim;
    self->K = config->retrieval.topk;
    self->chunk =
        CHUNK_CANDIDATES / each < CHUNK_IMAGES ? CHUNK_CANDIDATES / each : CHUNK_IMAGES;
    self->chunk = self->chunk < 1 ? 1 : self->chunk;
    AC_TRY(ac_alloc_aligned(&self->queries, rows * self->width, sizeof(float)));
    AC_TRY(ac_alloc(&self->table_ids, rows * self->K, sizeof *self->table_ids));
    AC_TRY(ac_alloc(&self->items, rows, sizeof *self->items));
    AC_TRY(ac_alloc(&self->ids_offsets, self->chunk + 1, sizeof *self->ids_offsets));
    AC_TRY(ac_alloc(&self->streams, self->chunk, sizeof *self->streams));
    AC_TRY(ac_alloc(&self->offsets, rows + 1, sizeof *self->offsets));
    AC_TRY(ac_alloc(&self->clip_scores, rows, sizeof *self->clip_scores));
out:
    return st;
}

/* The good images of a shard are a subsequence of its items. */
ac_status
ac_captioner_find_items(ac_captioner *self, const ac_image_source *images, int64_t first,
                        int64_t count)
{
    const int64_t end = first + count < images->count ? first + count : images->count;
    int64_t item = first;
    ac_buffer key = { 0 };
    ac_status st = AC_OK;

    for (int64_t row = 0; row < self->keys.count; row++) {
        const int64_t from = item;
        bool same = false;
        for (; item < end && !same; item++)
            AC_TRY(ac_image_source_key_is(images, item, &self->keys, row, &key, &same));
        self->items[row] = same ? item - 1 : -1;
        if (!same) /* it left the input since; the rows behind it did not */
            item = from;
    }
out:
    ac_buffer_free(&key);
    return st;
}

static void
forget(ac_captioner *self)
{
    ac_texts_reset(&self->keys);
    ac_texts_reset(&self->table_keys);
    ac_texts_reset(&self->entries);
    ac_texts_reset(&self->captions);
    ac_texts_reset(&self->candidates);
}

ac_status
ac_captioner_read(ac_captioner *self, const char *embeddings, const char *tables)
{
    ac_status st = AC_OK;
    ac_h5_reader e = { 0 }, t = { 0 };

    forget(self);
    AC_TRY(ac_h5_open(&e, embeddings));
    AC_TRY(ac_shard_read_texts(&e, AC_EMBED_KEYS, &self->keys));
    AC_TRY(
        ac_shard_read(&e, AC_EMBED_EMBEDDINGS, self->keys.count, self->width, self->queries));
    AC_TRY(ac_h5_open(&t, tables));
    AC_TRY(ac_shard_read_texts(&t, AC_TABLES_KEYS, &self->table_keys));
    AC_TRY(ac_shard_read_texts(&t, AC_TABLES_ENTRIES, &self->entries));
    if (self->table_keys.count != self->keys.count ||
        self->entries.count != self->keys.count * self->K)
        AC_FAIL(AC_E_FORMAT,
                "%s: %lld tables of %lld entries, but %s has %lld images; remove the file and "
                "run again",
                tables, (long long) self->table_keys.count, (long long) self->K, embeddings,
                (long long) self->keys.count);
    AC_TRY(ac_shard_read(&t, AC_TABLES_IDS, self->keys.count, self->K, self->table_ids));
    for (int64_t row = 0; row < self->keys.count; row++)
        self->items[row] = -1;
out:
    ac_h5_close(&e);
    ac_h5_close(&t);
    return st;
}

ac_status
ac_captioner_read_blank(ac_captioner *self)
{
    forget(self);
    memset(self->queries, 0, (size_t) self->width * sizeof *self->queries);
    for (int64_t k = 0; k < self->K; k++)
        self->table_ids[k] = -1;
    self->items[0] = -1;
    return ac_texts_push(&self->keys, "", 0);
}

/* Rows [first, first + n) are begun. */
static void
begin(const ac_captioner *self, int64_t first, int64_t n)
{
    const int64_t from = self->items[first], to = self->items[first + n - 1];

    if (self->inflight && from >= 0 && to >= from)
        ac_inflight_begin(self->inflight, 0, from, to - from + 1);
}

/* Encoder inputs of images [first, first + n) of the shard: their tables, tokenized and cut. */
static ac_status
tokenize_tables(ac_captioner *self, int64_t first, int64_t n)
{
    ac_status st = AC_OK;
    const int64_t limit = self->bart->net.config.max_position_embeddings;
    int64_t most = ac_config_max_tokens(self->config, limit), used = 0;

    self->ids_offsets[0] = 0;
    for (int64_t i = 0; i < n; i++) {
        const ac_encoding *e = &self->prompt.encoding;
        const int64_t at = (first + i) * self->K;
        begin(self, first + i, 1);
        AC_TRY(
            ac_prompt_join(&self->prompt, &self->entries, at, self->table_ids + at, self->K));
        AC_TRY(ac_prompt_encode(&self->prompt, &self->bart->tokenizer, most));
        self->truncated_prompts += e->length > e->count;
        AC_TRY(ac_grow(&self->ids, &self->ids_capacity, used + e->count, sizeof *self->ids));
        memcpy(self->ids + used, e->ids, (size_t) e->count * sizeof *e->ids);
        used += e->count;
        self->ids_offsets[i + 1] = used;
        self->streams[i] = ac_random_stream(ac_texts_at(&self->keys, first + i),
                                            ac_texts_size(&self->keys, first + i));
    }
out:
    return st;
}

/* Candidates' texts, stripped, and their scores by BART. */
static ac_status
take_candidates(ac_captioner *self, int64_t first, int64_t n)
{
    ac_status st = AC_OK;

    for (int64_t i = 0; i < n; i++) {
        begin(self, first + i, 1);
        for (int64_t c = 0; c < self->generated.each; c++) {
            ac_candidate candidate = ac_generated_at(&self->generated, i, c);
            int64_t at = self->candidates.count;

            AC_TRY(ac_prompt_decode(&self->text, &self->bart->tokenizer, candidate.ids,
                                    candidate.count,
                                    self->config->generation.clean_up_tokenization_spaces));
            AC_TRY(ac_texts_push(&self->candidates, self->text.data, self->text.size));
            AC_TRY(
                ac_grow(&self->candidate_scores, &self->score_capacity, at + 1, sizeof(float)));
            self->candidate_scores[at] = (float) candidate.score;
        }
        self->offsets[first + i + 1] = self->candidates.count;
    }
out:
    return st;
}

static ac_status
choose_captions(ac_captioner *self, int64_t first, int64_t n)
{
    ac_status st = AC_OK;
    const int64_t from = self->offsets[first], count = self->offsets[first + n] - from;

    AC_TRY(ac_grow(&self->candidate_clip_scores, &self->clip_capacity, from + count,
                   sizeof(float)));
    AC_TRY(ac_grow(&self->owner, &self->owner_capacity, count, sizeof *self->owner));
    for (int64_t i = first; i < first + n; i++)
        for (int64_t c = self->offsets[i]; c < self->offsets[i + 1]; c++)
            self->owner[c - from] = i;
    if (self->config->rescore.enabled) {
        AC_TRY(ac_clip_score(&self->scorer, self->clip, self->candidate_clip_scores + from,
                             &self->candidates, from, count, self->owner, self->queries,
                             self->config->rescore.prefix, &self->truncated_texts));
    } else {
        for (int64_t c = 0; c < count; c++)
            self->candidate_clip_scores[from + c] = NAN;
    }
    for (int64_t i = first; i < first + n; i++) {
        int64_t best = self->offsets[i] +
                       ac_clip_score_best(self->candidate_clip_scores + self->offsets[i],
                                          self->offsets[i + 1] - self->offsets[i]);
        self->clip_scores[i] = self->candidate_clip_scores[best];
        AC_TRY(ac_texts_push(&self->captions, ac_texts_at(&self->candidates, best),
                             ac_texts_size(&self->candidates, best)));
    }
out:
    return st;
}

ac_status
ac_captioner_generate(ac_captioner *self, int64_t first, int64_t n)
{
    ac_status st = AC_OK;

    self->offsets[first] = self->candidates.count;
    AC_TRY(tokenize_tables(self, first, n));
    begin(self, first, n);
    st = ac_bart_model_generate(self->bart, self->ids, self->ids_offsets, self->streams, n,
                                &self->generated);
out:
    return st;
}

ac_status
ac_captioner_choose(ac_captioner *self, int64_t first, int64_t n)
{
    ac_status st = AC_OK;

    AC_TRY(take_candidates(self, first, n));
    begin(self, first, n);
    st = choose_captions(self, first, n);
out:
    return st;
}
