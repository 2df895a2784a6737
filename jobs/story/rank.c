#include "jobs/story/rank.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/memory.h"
#include "io/file/file_look.h"
#include "jobs/runtime/models.h"
#include "jobs/story/sentence.h"

static ac_status
open_images(ac_story_ranker *self, const char *path)
{
    const char *const paths[] = { path };
    struct stat info;
    ac_status st = AC_OK;

    if (ac_file_stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
        return ac_error_set(AC_E_ARG,
                            "story.rank: clip needs the images' embeddings: input.path must be "
                            "a run of caption, and %s is a file",
                            path);
    AC_TRY(ac_archive_open(&self->images, paths, 1));
    if (self->images.sources[0].is_cache)
        st = ac_error_set(AC_E_ARG, "story.rank: clip: %s is a cache, and no run of caption",
                          path);
out:
    return st;
}

ac_status
ac_story_ranker_open_all(ac_story_ranker *self, const ac_comm *comm, const ac_config *config)
{
    ac_config own = *config; /* borrows; the model alone is another */
    const ac_archive_source *run;
    ac_status st = AC_OK;

    st = open_images(self, config->input.path);
    AC_TRY(comm ? ac_agree_all(comm, st) : st);
    run = &self->images.sources[0];
    if (!own.clip.model) {
        own.clip.model = run->config.clip.model;
        own.clip.model_config = run->config.clip.model_config;
    }
    AC_TRY(comm ? ac_models_open_all(comm, &own, AC_CLIP_TEXT, &self->clip, NULL)
                : ac_models_open(&own, AC_CLIP_TEXT, &self->clip, NULL));
    if (strcmp(self->clip.fingerprint, ac_archive_model(&self->images)) != 0)
        st = ac_error_set(AC_E_ARG,
                          "story.rank: clip: %s is another model than that which embedded the "
                          "images of %s",
                          own.clip.model, config->input.path);
out:
    return st;
}

void
ac_story_ranker_free(ac_story_ranker *self)
{
    ac_archive_close(&self->images);
    ac_clip_model_free(&self->clip);
    ac_clip_scorer_free(&self->scorer);
    ac_buffer_free(&self->sentence);
    ac_texts_free(&self->sentences);
    free(self->rows);
    free(self->owners);
    free(self->embeddings);
    free(self->scores);
    *self = (ac_story_ranker){ 0 };
}

void
ac_story_ranker_begin(ac_story_ranker *self)
{
    ac_texts_reset(&self->sentences);
}

ac_status
ac_story_ranker_caption(ac_story_ranker *self, int64_t caption, const char *key, size_t n)
{
    int64_t others;
    ac_status st = ac_grow(&self->rows, &self->row_capacity, caption + 1, sizeof *self->rows);

    if (st == AC_OK)
        st = ac_archive_find(&self->images, key, n, NULL, &self->rows[caption], &others);
    if (st == AC_OK && self->rows[caption] < 0)
        st = ac_error_set(AC_E_FORMAT,
                          "%s: captions.jsonl has \"%.*s\", but no embedding is of this image",
                          self->images.sources[0].path, (int) n, key);
    return st;
}

ac_status
ac_story_ranker_story(ac_story_ranker *self, int64_t caption, const char *prompt,
                      size_t prompt_bytes, const char *text, size_t n)
{
    const int64_t m = self->sentences.count;
    ac_status st = AC_OK;

    AC_TRY(ac_story_first_sentence(&self->sentence, prompt, prompt_bytes, text, n));
    AC_TRY(ac_grow(&self->owners, &self->owner_capacity, m + 1, sizeof *self->owners));
    self->owners[m] = caption;
    st = ac_texts_push(&self->sentences, self->sentence.data, self->sentence.size);
out:
    return st;
}

ac_status
ac_story_ranker_score(ac_story_ranker *self, int64_t captions)
{
    const int64_t m = self->sentences.count;
    int64_t low = INT64_MAX, high = -1;
    ac_status st = AC_OK;

    for (int64_t i = 0; i < captions; i++) {
        low = self->rows[i] < low ? self->rows[i] : low;
        high = self->rows[i] > high ? self->rows[i] : high;
    }
    AC_TRY(ac_grow(&self->embeddings, &self->embedding_capacity,
                   (high - low + 1) * self->images.D, sizeof *self->embeddings));
    AC_TRY(ac_grow(&self->scores, &self->score_capacity, m, sizeof *self->scores));
    AC_TRY(ac_archive_read(&self->images, low, high - low + 1, self->embeddings));
    for (int64_t i = 0; i < m; i++) /* now of the embeddings that are read */
        self->owners[i] = self->rows[self->owners[i]] - low;
    st = ac_clip_score(&self->scorer, &self->clip, self->scores, &self->sentences, 0, m,
                       self->owners, self->embeddings, "", &self->truncated);
out:
    return st;
}
