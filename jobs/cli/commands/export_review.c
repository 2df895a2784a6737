#include "jobs/cli/commands/export_review.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/file/base64.h"
#include "io/file/checksum.h"
#include "io/file/json_write.h"
#include "io/file/path.h"
#include "jobs/caption/reviews.h"
#include "jobs/report/page.h"
#include "ac_report_assets.h"

enum { IMAGES_PER_BLOCK = 128, MOST_CANDIDATES = 9 };

ac_status
ac_review_check_run(const ac_run_view *run)
{
    return run->manifest.stage_count >= 3 && strcmp(run->manifest.job, "caption") == 0
               ? AC_OK
               : ac_error_set(AC_E_ARG,
                              "%s: a run of %s has no captions; a review needs a caption run",
                              run->folder, run->manifest.job);
}

void
ac_review_run_id(const ac_manifest *m, char id[33])
{
    char text[256];
    const int n = snprintf(text, sizeof text, "%s %s %s %s %s %s", m->job,
                           m->config_fingerprint, m->clip, m->cache, m->bart, m->deny);

    ac_checksum_bytes(text, (size_t) n, id);
}

bool
ac_review_ends(const char *json, size_t n)
{
    int depth = 0;
    bool text = false;

    for (size_t i = 0; i < n; i++) {
        if (text && json[i] == '\\')
            i++;
        else if (json[i] == '"')
            text = !text;
        else if (!text && json[i] == '{')
            depth++;
        else if (!text && json[i] == '}' && --depth == 0)
            return i + 2 == n && json[i + 1] == '}';
    }
    return false;
}

/* The blocks of the page: images, and their thumbnails. */
typedef struct review_page {
    ac_page page;
    ac_reviews reviews;
    ac_buffer records, thumbnails, scratch;
    int64_t images, blocks;
} review_page;

static void
review_page_free(review_page *self)
{
    ac_page_abandon(&self->page);
    ac_reviews_free(&self->reviews);
    ac_buffer_free(&self->records);
    ac_buffer_free(&self->thumbnails);
    ac_buffer_free(&self->scratch);
}

static ac_status
end_block(review_page *self)
{
    char id[48];

    if (self->images == self->blocks * IMAGES_PER_BLOCK)
        return AC_OK;
    ac_buffer_push_char(&self->records, ']');
    ac_buffer_push_char(&self->thumbnails, ']');
    if (self->records.status != AC_OK || self->thumbnails.status != AC_OK)
        return AC_E_NOMEM;
    snprintf(id, sizeof id, "review-%lld", (long long) self->blocks);
    ac_page_json(&self->page, id, self->records.data, self->records.size);
    snprintf(id, sizeof id, "thumbnails-%lld", (long long) self->blocks);
    ac_page_json(&self->page, id, self->thumbnails.data, self->thumbnails.size);
    ac_buffer_reset(&self->records);
    ac_buffer_reset(&self->thumbnails);
    self->blocks++;
    return AC_OK;
}

/* The best candidates, each text once, without the caption itself. */
static void
push_candidates(review_page *self, const ac_shard_view *v, int64_t i)
{
    ac_buffer *b = &self->records;
    int pushed = 0;

    ac_buffer_push_char(b, '[');
    for (int64_t c = v->offsets[i]; c < v->offsets[i + 1] && pushed < MOST_CANDIDATES; c++) {
        bool again = ac_texts_same(&v->candidates, c, &v->captions, i);
        for (int64_t d = v->offsets[i]; d < c && !again; d++)
            again = ac_texts_same(&v->candidates, c, &v->candidates, d);
        if (again)
            continue;
        ac_buffer_push_text(b, pushed++ ? "," : "");
        ac_json_string(b, ac_texts_at(&v->candidates, c), ac_texts_size(&v->candidates, c));
    }
    ac_buffer_push_char(b, ']');
}

/* [key, caption, score, computed, [candidates], status, edited caption] */
static ac_status
push_image(review_page *self, const ac_shard_view *v, int64_t i)
{
    ac_buffer *b = &self->records;
    char computed[33];
    int64_t r;

    if (self->images == (self->blocks + 1) * IMAGES_PER_BLOCK && end_block(self) != AC_OK)
        return AC_E_NOMEM;
    ac_buffer_push_text(b, b->size ? ",\n[" : "[[");
    ac_json_string(b, ac_texts_at(&v->keys, i), ac_texts_size(&v->keys, i));
    ac_buffer_push_char(b, ',');
    ac_json_string(b, ac_texts_at(&v->captions, i), ac_texts_size(&v->captions, i));
    ac_buffer_push_char(b, ',');
    if (isfinite(v->clip_scores[i]))
        ac_buffer_printf(b, "%.4f", (double) v->clip_scores[i]);
    else
        ac_buffer_push_text(b, "null");
    ac_review_computed(v, i, &self->scratch, computed);
    ac_buffer_printf(b, ",\"%s\",", computed);
    push_candidates(self, v, i);
    r = ac_reviews_of(&self->reviews, v, i, &self->scratch);
    ac_buffer_printf(b, ",\"%s\",",
                     ac_review_words[r < 0 ? AC_REVIEW_OPEN : self->reviews.status[r]]);
    if (r < 0)
        ac_buffer_push_text(b, "\"\"");
    else
        ac_json_string(b, ac_texts_at(&self->reviews.captions, r),
                       ac_texts_size(&self->reviews.captions, r));
    ac_buffer_push_char(b, ']');
    ac_buffer_push_text(&self->thumbnails, self->thumbnails.size ? ",\n\"" : "[\"");
    ac_base64_push(&self->thumbnails, ac_texts_at(&v->thumbnails, i),
                   ac_texts_size(&v->thumbnails, i));
    ac_buffer_push_char(&self->thumbnails, '"');
    self->images++;
    return b->status;
}

static ac_status
push_facts(review_page *self, const ac_run_view *run)
{
    ac_buffer b = { 0 };
    char id[33], *folder = realpath(run->folder, NULL);
    ac_status st = AC_OK;

    ac_review_run_id(&run->manifest, id);
    ac_buffer_printf(&b,
                     "{\"run\":\"%s\",\"input\":\"%s\",\"blocks\":%lld,\"per_block\":%d,"
                     "\"total\":%lld,\"folder\":",
                     id, run->manifest.input_fingerprint, (long long) self->blocks,
                     IMAGES_PER_BLOCK, (long long) self->images);
    ac_json_text(&b, folder ? folder : run->folder);
    AC_TRY(ac_buffer_push_char(&b, '}'));
    ac_page_json(&self->page, "review-facts", b.data, b.size);
out:
    ac_buffer_free(&b);
    free(folder);
    return st;
}

ac_status
ac_export_review(const ac_run_view *run, const char *out, int64_t *written)
{
    review_page self = { 0 };
    ac_item_walk walk = { 0 };
    char *title = NULL;
    ac_status st = AC_OK;
    bool found;

    AC_TRY(ac_review_check_run(run));
    AC_TRY(ac_reviews_open(&self.reviews, run->folder));
    AC_TRY(ac_path_format(&title, "Review of %s", run->folder));
    AC_TRY(ac_page_open(&self.page, out, title,
                        "Accept, edit or reject each caption. Decisions stay in this browser "
                        "until they are saved as review.jsonl, which antarctic import-review "
                        "takes."));
    ac_page_section(&self.page, "review", "");
    ac_page_html(&self.page, ac_report_review_html);
    AC_TRY(ac_run_view_walk(run, &walk, ac_run_view_parts(run) | AC_VIEW_THUMBNAILS,
                            run->manifest.stage_count, true, false));
    for (;;) {
        AC_TRY(ac_item_walk_next(&walk, &found));
        if (!found)
            break;
        AC_TRY(push_image(&self, walk.view, walk.row));
    }
    AC_TRY(end_block(&self));
    AC_TRY(push_facts(&self, run));
    ac_page_script(&self.page, ac_report_review_js);
    *written = self.images;
    st = ac_page_commit(&self.page);
out:
    ac_item_walk_close(&walk);
    review_page_free(&self);
    free(title);
    return st;
}
