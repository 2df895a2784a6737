/* Caption one image: its embedding finds entries of a cache, BART writes candidates from them,
 * and CLIP chooses the candidate that fits the image best.
 *
 *     caption_image CLIP BART LAYER_NORMS CACHE IMAGE
 *
 * CLIP and BART are Hugging Face folders, LAYER_NORMS the trained layer norms, CACHE a folder
 * that `antarctic build-cache` made with CLIP. Prints the caption. Build: cc caption_image.c
 * $(pkg-config --cflags --libs antarctic) */
#include <antarctic.h>

enum { MOST_PIXELS = 100000000, K = 12, BEAMS = 3, MOST_SOURCE_TOKENS = 128, LENGTH = 32 };

typedef struct captioner {
    ac_clip_model clip;
    ac_bart_model bart;
    ac_cache cache;
    ac_prompt prompt;
    ac_generated generated;
    ac_clip_scorer scorer;
} captioner;

static void
captioner_free(captioner *self)
{
    ac_clip_model_free(&self->clip);
    ac_bart_model_free(&self->bart);
    ac_cache_close(&self->cache);
    ac_prompt_free(&self->prompt);
    ac_generated_free(&self->generated);
    ac_clip_scorer_free(&self->scorer);
}

/* The models and how to generate: what BART's folder says, with our beams and length. */
static ac_status
captioner_open(captioner *self, char **argv)
{
    const ac_clip_options clip = { .model = argv[1],
                                   .towers = AC_CLIP_VISION | AC_CLIP_TEXT,
                                   .need_tokenizer = true };
    const ac_bart_options bart = { .model = argv[2],
                                   .layer_norms = argv[3],
                                   .need_tokenizer = true };
    ac_generation_config generation = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_clip_model_open(&self->clip, &clip));
    AC_TRY(ac_bart_model_open(&self->bart, &bart));
    AC_TRY(ac_generation_config_load(&generation, argv[2]));
    generation.num_beams = generation.num_return_sequences = BEAMS;
    generation.max_length = LENGTH;
    AC_TRY(ac_bart_model_set_generation(&self->bart, &generation));
    AC_TRY(ac_cache_open(&self->cache, argv[4]));
    st = ac_cache_check_model(&self->cache, self->clip.text_fingerprint, self->clip.path,
                              self->clip.net.config.projection_dim);
out:
    ac_generation_config_free(&generation);
    return st;
}

/* The K entries nearest to q, joined to BART's prompt. */
static ac_status
make_prompt(captioner *self, const float *q)
{
    const int64_t n = self->cache.entries, D = self->cache.dimension;
    ac_topk_index index = { 0 };
    ac_texts all = { 0 }, found = { 0 };
    float *embeddings = NULL, scores[K];
    int64_t ids[K];
    ac_status st = AC_OK;

    AC_TRY(ac_alloc_aligned(&embeddings, n * D, sizeof *embeddings));
    AC_TRY(ac_cache_read_slice(&self->cache, 0, n, embeddings, &all));
    AC_TRY(ac_topk_index_init(&index, embeddings, n, D, 0, AC_SCAN_AUTO, 1));
    AC_TRY(ac_topk_search(&index, q, 1, K, ids, scores, NULL));
    for (int k = 0; k < K; k++) {
        const bool there = ids[k] >= 0; /* the cache may hold fewer than K */
        AC_TRY(ac_texts_push(&found, there ? ac_texts_at(&all, ids[k]) : "",
                             there ? ac_texts_size(&all, ids[k]) : 0));
    }
    AC_TRY(ac_prompt_join(&self->prompt, &found, 0, ids, K));
    st = ac_prompt_encode(&self->prompt, &self->bart.tokenizer, MOST_SOURCE_TOKENS);
out:
    ac_topk_index_free(&index);
    ac_texts_free(&all);
    ac_texts_free(&found);
    free(embeddings);
    return st;
}

/* Candidates from the prompt, and the one that CLIP finds nearest to the image. */
static ac_status
generate_and_choose(captioner *self, const float *q)
{
    const int64_t offsets[2] = { 0, self->prompt.encoding.count }, owner[BEAMS] = { 0 };
    const uint64_t stream = 0; /* of random numbers: beams draw none */
    ac_texts candidates = { 0 };
    ac_buffer text = { 0 };
    float scores[BEAMS];
    int64_t truncated = 0, best;
    ac_status st = AC_OK;

    AC_TRY(ac_bart_model_generate(&self->bart, self->prompt.encoding.ids, offsets, &stream, 1,
                                  &self->generated));
    for (int64_t c = 0; c < BEAMS; c++) {
        const ac_candidate candidate = ac_generated_at(&self->generated, 0, c);
        AC_TRY(ac_prompt_decode(&text, &self->bart.tokenizer, candidate.ids, candidate.count,
                                false));
        AC_TRY(ac_texts_push(&candidates, text.data, text.size));
    }
    AC_TRY(ac_clip_score(&self->scorer, &self->clip, scores, &candidates, 0, BEAMS, owner, q,
                         "", &truncated));
    best = ac_clip_score_best(scores, BEAMS);
    printf("%.*s\n", (int) ac_texts_size(&candidates, best), ac_texts_at(&candidates, best));
out:
    ac_texts_free(&candidates);
    ac_buffer_free(&text);
    return st;
}

int
main(int argc, char **argv)
{
    captioner self = { 0 };
    float *q = NULL;
    ac_status st = AC_OK;

    if (argc != 6) {
        fprintf(stderr, "usage: caption_image CLIP BART LAYER_NORMS CACHE IMAGE\n");
        return 1;
    }
    ac_compute_init(2); /* threads; once per process, before any model */
    AC_TRY(captioner_open(&self, argv));
    AC_TRY(ac_alloc(&q, self.cache.dimension, sizeof *q));
    AC_TRY(ac_clip_model_embed_file(&self.clip, q, argv[5], MOST_PIXELS));
    AC_TRY(make_prompt(&self, q));
    st = generate_and_choose(&self, q);
out:
    if (st != AC_OK)
        fprintf(stderr, "caption_image: %s\n", ac_error_message());
    captioner_free(&self);
    free(q);
    return st == AC_OK ? 0 : 1;
}
