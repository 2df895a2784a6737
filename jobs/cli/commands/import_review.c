/* antarctic import-review: what a person said of a run's captions goes into the run, beside
 * what was computed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "io/file/file_look.h"
#include "io/file/json_write.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "io/file/text_file.h"
#include "jobs/caption/reviews.h"
#include "jobs/cli/commands/commands.h"
#include "jobs/cli/commands/export_review.h"
#include "jobs/cli/options.h"
#include "jobs/job_table.h"
#include "jobs/runtime/done.h"
#include "jobs/runtime/lock.h"
#include "jobs/runtime/run_view.h"

enum { NAMED = 5 };

static const ac_option options[] = { { NULL, 0, NULL, NULL } };

typedef struct importer {
    const char *folder, *file;
    ac_locks locks;
    ac_lock lock;
    ac_run_view run;
    ac_reviews given, before; /* of the file; of the run */
    bool *used;               /* [given.count] */
    ac_buffer old;            /* captions.jsonl as it is */
    size_t at;                /* read so far */
    ac_text_file captions, reviews;
    ac_buffer line, review, scratch;
    int64_t counts[AC_REVIEW_STATUSES], stale;
    ac_buffer stale_keys;
    bool finished; /* DONE is there, or was when a start before this one began */
} importer;

static void
importer_free(importer *self)
{
    ac_text_file_abandon(&self->captions);
    ac_text_file_abandon(&self->reviews);
    ac_run_view_close(&self->run);
    ac_reviews_free(&self->given);
    ac_reviews_free(&self->before);
    ac_buffer_free(&self->old);
    ac_buffer_free(&self->line);
    ac_buffer_free(&self->review);
    ac_buffer_free(&self->scratch);
    ac_buffer_free(&self->stale_keys);
    free(self->used);
    ac_lock_release(&self->lock);
    ac_locks_free(&self->locks);
}

/* ---- is it this run's? ---- */

static ac_status
check_head(const importer *self)
{
    const ac_manifest *m = &self->run.manifest;
    char id[33];

    ac_review_run_id(m, id);
    if (!self->given.folder)
        return AC_OK;
    if (strcmp(self->given.run, id) != 0 ||
        (!m->generation_count && strcmp(self->given.input, m->input_fingerprint) != 0))
        return ac_error_set(
            AC_E_ARG, "%s: a review of another run (%s) than %s: their %s differ", self->file,
            self->given.folder, self->folder,
            strcmp(self->given.run, id) != 0 ? "settings, models or caches" : "images");
    return AC_OK;
}

/* Keys that the run does not have; those of an updated one may have left. */
static ac_status
check_keys(const importer *self)
{
    const bool updated = self->run.manifest.generation_count > 0 && self->given.folder;
    int64_t unknown = 0, first = -1, fits = 0;

    for (int64_t o = 0; o < self->given.count; o++) {
        const int64_t r = self->given.order[o];
        if (o &&
            ac_texts_same(&self->given.keys, r, &self->given.keys, self->given.order[o - 1]))
            continue; /* a key that comes twice: its last line counts, and stands first */
        unknown += !self->used[r];
        first = first < 0 && !self->used[r] ? r : first;
    }
    for (int s = 0; s < AC_REVIEW_STATUSES; s++)
        fits += self->counts[s];
    if (unknown && !updated)
        return ac_error_set(AC_E_ARG,
                            "%s: a review of another run than %s: %lld of its keys are none of "
                            "this run's; the first: %.*s",
                            self->file, self->folder, (long long) unknown,
                            (int) ac_texts_size(&self->given.keys, first),
                            ac_texts_at(&self->given.keys, first));
    if (self->given.count && !fits)
        return ac_error_set(AC_E_ARG,
                            "%s: a review of another run than %s: not one of its %lld reviews "
                            "is of what this run computed",
                            self->file, self->folder, (long long) self->given.count);
    if (unknown)
        ac_log(AC_LOG_WARNING, "%s: %lld images of it are no longer in the run", self->file,
               (long long) unknown);
    return AC_OK;
}

/* ---- the new files ---- */

/* The next line of captions.jsonl, without its end and without a review of before. */
static ac_status
take_line(importer *self)
{
    static const char name[] = ", \"reviewed\": {";
    const char *line = self->old.data + self->at, *end, *mark = NULL;
    size_t n;

    end = self->at < self->old.size ? memchr(line, '\n', self->old.size - self->at) : NULL;
    if (!end)
        return ac_error_set(AC_E_FORMAT,
                            "%s/captions.jsonl: fewer lines than the run has images: the same "
                            "job command again completes the run",
                            self->folder);
    n = (size_t) (end - line);
    self->at += n + 1;
    for (const char *p = line; (p = memmem(p, (size_t) (end - p), name, sizeof name - 1)); p++)
        mark = p;
    ac_buffer_reset(&self->line);
    if (mark && ac_review_ends(mark + sizeof name - 2, (size_t) (end - mark) - sizeof name + 2))
        n = (size_t) (mark - line) + 1; /* its brace is put back below */
    return ac_buffer_push(&self->line, line, n ? n - 1 : 0);
}

/* Is the line that of this image? */
static bool
is_line_of(importer *self, const ac_shard_view *v, int64_t i)
{
    ac_buffer_reset(&self->scratch);
    ac_buffer_push_char(&self->scratch, '{');
    ac_json_texts_field(&self->scratch, "key", &v->keys, i);
    return self->scratch.status == AC_OK && self->line.size >= self->scratch.size &&
           memcmp(self->line.data, self->scratch.data, self->scratch.size) == 0;
}

static void
push_review(importer *self, const ac_reviews *reviews, int64_t r, const ac_shard_view *v,
            int64_t i)
{
    ac_buffer *b = &self->review;
    char computed[33];

    if (r < 0 || reviews->status[r] == AC_REVIEW_OPEN)
        return;
    ac_reviews_push(reviews, r, &self->line, v, i);
    ac_review_computed(v, i, &self->scratch, computed);
    ac_buffer_push_char(b, '{');
    ac_json_texts_field(b, "key", &v->keys, i);
    ac_buffer_printf(b, ", \"status\": \"%s\"", ac_review_words[reviews->status[r]]);
    if (reviews->status[r] == AC_REVIEW_EDITED) {
        ac_buffer_push_text(b, ", ");
        ac_json_texts_field(b, "caption", &reviews->captions, r);
    }
    ac_buffer_printf(b, ", \"computed\": \"%s\"}\n", computed);
}

static ac_status
write_image(importer *self, const ac_shard_view *v, int64_t i)
{
    const ac_reviews *reviews = &self->given;
    int64_t r = ac_reviews_find(reviews, v, i, &self->scratch);
    ac_status st = AC_OK;

    AC_TRY(take_line(self));
    if (!is_line_of(self, v, i))
        AC_FAIL(AC_E_FORMAT,
                "%s/captions.jsonl: not what the run's shards hold (key %.*s): the same job "
                "command again completes the run",
                self->folder, (int) ac_texts_size(&v->keys, i), ac_texts_at(&v->keys, i));
    if (r >= 0)
        self->used[r] = true;
    if (r >= 0 && !ac_reviews_fits(reviews, r, v, i, &self->scratch)) {
        if (self->stale++ < NAMED)
            ac_buffer_printf(&self->stale_keys, "%s%.*s", self->stale > 1 ? ", " : "",
                             (int) ac_texts_size(&v->keys, i), ac_texts_at(&v->keys, i));
        r = -1;
    } else if (r >= 0) {
        self->counts[reviews->status[r]]++;
    }
    if (r < 0) {
        reviews = &self->before;
        r = ac_reviews_of(reviews, v, i, &self->scratch);
    }
    push_review(self, reviews, r, v, i);
    ac_buffer_push_text(&self->line, "}\n");
    AC_TRY(self->line.status);
    ac_text_file_write(&self->captions, self->line.data, self->line.size);
    AC_TRY(self->review.status);
    if (self->review.size)
        ac_text_file_write(&self->reviews, self->review.data, self->review.size);
    ac_buffer_reset(&self->review);
out:
    return st;
}

static ac_status
write_files(importer *self)
{
    ac_item_walk walk = { 0 };
    char *captions = NULL, *reviews = NULL;
    ac_status st = AC_OK;
    bool found;

    AC_TRY(ac_path_format(&captions, "%s/captions.jsonl", self->folder));
    AC_TRY(ac_path_format(&reviews, "%s/%s", self->folder, ac_review_file));
    AC_TRY(ac_text_file_read(captions, &self->old));
    AC_TRY(ac_text_file_create(&self->captions, captions));
    AC_TRY(ac_text_file_create(&self->reviews, reviews));
    AC_TRY(ac_run_view_walk(&self->run, &walk, ac_run_view_parts(&self->run),
                            self->run.manifest.stage_count, true, false));
    for (;;) {
        AC_TRY(ac_item_walk_next(&walk, &found));
        if (!found)
            break;
        AC_TRY(write_image(self, walk.view, walk.row));
    }
    if (self->at != self->old.size)
        AC_FAIL(AC_E_FORMAT,
                "%s: more lines than the run has images: the same job command again completes "
                "the run",
                captions);
out:
    ac_item_walk_close(&walk);
    free(captions);
    free(reviews);
    return st;
}

/* ---- publishing ---- */

/* DONE holds the checksum of captions.jsonl, so it leaves first and is written last. A start
 * that is killed in between leaves a run that is not finished, which the same command, or the
 * job's, completes; `pending` says that it was finished. */
static ac_status
publish(importer *self)
{
    char *done = NULL, *pending = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&done, "%s/DONE", self->folder));
    AC_TRY(ac_path_format(&pending, "%s/.review-pending", self->folder));
    self->finished = ac_file_is_there(done) || ac_file_is_there(pending);
    if (self->finished) {
        AC_TRY(ac_publish_file(pending, "", 0));
        AC_TRY(ac_publish_remove(done));
    }
    AC_TRY(ac_text_file_commit(&self->reviews));
    AC_TRY(ac_text_file_commit(&self->captions));
    if (!self->finished)
        goto out;
    AC_TRY(ac_done_write(self->folder));
    st = ac_publish_remove(pending);
out:
    free(done);
    free(pending);
    return st;
}

static ac_status
run(const char *folder, const char *file)
{
    importer self = { .folder = folder, .file = file };
    char *lock = NULL;
    ac_status st = AC_OK;

    ac_locks_init(&self.locks);
    AC_TRY(ac_run_view_open(&self.run, folder, ac_job_table));
    AC_TRY(ac_review_check_run(&self.run));
    AC_TRY(ac_reviews_read(&self.given, file));
    AC_TRY(check_head(&self));
    AC_TRY(ac_path_format(&lock, "%s/lock", folder));
    AC_TRY(ac_lock_take(&self.lock, &self.locks, lock));
    AC_TRY(ac_reviews_open(&self.before, folder));
    AC_TRY(ac_alloc(&self.used, self.given.count, sizeof *self.used));
    AC_TRY(write_files(&self));
    AC_TRY(check_keys(&self));
    AC_TRY(publish(&self));
    if (self.stale)
        ac_log(AC_LOG_WARNING,
               "%s: %lld reviews are of other images than the run has now under these keys, "
               "and do not count: %s%s",
               file, (long long) self.stale, self.stale_keys.data,
               self.stale > NAMED ? ", …" : "");
    ac_log(AC_LOG_INFO,
           "%s: %lld accepted, %lld edited, %lld rejected, %lld opened again; export and "
           "evaluate use them with --reviewed",
           folder, (long long) self.counts[AC_REVIEW_ACCEPTED],
           (long long) self.counts[AC_REVIEW_EDITED],
           (long long) self.counts[AC_REVIEW_REJECTED],
           (long long) self.counts[AC_REVIEW_OPEN]);
out:
    importer_free(&self);
    free(lock);
    return st;
}

ac_status
ac_command_import_review(int argc, char **argv)
{
    ac_arguments a = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_arguments_parse(&a, options, argc, argv));
    if (a.help) {
        ac_options_help(stdout, "import-review RUN review.jsonl",
                        "Takes the reviews that the page of export --format review saved into "
                        "the run: captions.jsonl shows them as \"reviewed\", what was computed "
                        "stays. Later reviews of an image replace earlier ones.",
                        options);
        goto out;
    }
    if (a.word_count != 2)
        AC_FAIL(AC_E_ARG, "import-review needs a run folder and the file that the review page "
                          "saved: antarctic import-review RUN review.jsonl");
    st = run(a.words[0], a.words[1]);
out:
    ac_arguments_free(&a);
    return st;
}
