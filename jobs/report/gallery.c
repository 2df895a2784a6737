#include "jobs/report/gallery.h"

#include <math.h>
#include <stdio.h>

#include "io/file/base64.h"
#include "io/file/json_write.h"
#include "io/file/base64.h"
#include "ac_report_assets.h"

enum { IMAGES_PER_BLOCK = 128 };

static void
push_score(ac_buffer *out, float x)
{
    if (isfinite(x))
        ac_buffer_printf(out, "%.4f", (double) x);
    else
        ac_buffer_push_text(out, "null");
}

static void
end_image(ac_gallery *self)
{
    if (!self->open)
        return;
    self->open = false;
    ac_buffer_push(&self->records, self->head.data, self->head.size);
    ac_buffer_push_text(&self->records, ",[");
    if (self->candidates.size)
        ac_buffer_push(&self->records, self->candidates.data, self->candidates.size);
    ac_buffer_push_text(&self->records, "],[");
    if (self->entries.size)
        ac_buffer_push(&self->records, self->entries.data, self->entries.size);
    ac_buffer_push_text(&self->records, "]");
    if (self->evidence.size) {
        ac_buffer_push_char(&self->records, ',');
        ac_buffer_push(&self->records, self->evidence.data, self->evidence.size);
    }
    ac_buffer_push_text(&self->records, "]");
}

static void
end_block(ac_gallery *self)
{
    const int64_t first = self->blocks * IMAGES_PER_BLOCK;
    char id[48];

    end_image(self);
    if (self->images == first)
        return;
    ac_buffer_push_char(&self->records, ']');
    ac_buffer_push_char(&self->thumbnails, ']');
    if (self->records.status != AC_OK || self->thumbnails.status != AC_OK ||
        self->head.status != AC_OK || self->candidates.status != AC_OK ||
        self->entries.status != AC_OK) {
        self->page->status = AC_E_NOMEM;
        return;
    }
    snprintf(id, sizeof id, "pictures-%lld", (long long) self->blocks);
    ac_page_json(self->page, id, self->records.data, self->records.size);
    snprintf(id, sizeof id, "thumbnails-%lld", (long long) self->blocks);
    ac_page_json(self->page, id, self->thumbnails.data, self->thumbnails.size);
    ac_buffer_reset(&self->records);
    ac_buffer_reset(&self->thumbnails);
    self->blocks++;
}

void
ac_gallery_begin(ac_gallery *self, ac_page *page, const ac_gallery_options *options)
{
    *self =
        (ac_gallery){ .page = page, .options = *options, .low = INFINITY, .high = -INFINITY };
    ac_page_html(page, ac_report_gallery_html);
}

void
ac_gallery_image(ac_gallery *self, const char *key, size_t key_bytes, const char *caption,
                 size_t caption_bytes, float score, const char *jpeg, size_t jpeg_bytes)
{
    const char *before;

    if (self->images == (self->blocks + 1) * IMAGES_PER_BLOCK)
        end_block(self);
    end_image(self);
    before = self->images == self->blocks * IMAGES_PER_BLOCK ? "[" : ",\n";
    ac_buffer_push_text(&self->records, before);
    ac_buffer_push_text(&self->thumbnails, before);
    ac_buffer_push_char(&self->thumbnails, '"');
    ac_base64_push(&self->thumbnails, jpeg, jpeg_bytes);
    ac_buffer_push_char(&self->thumbnails, '"');
    ac_buffer_reset(&self->head);
    ac_buffer_reset(&self->candidates);
    ac_buffer_reset(&self->entries);
    ac_buffer_reset(&self->evidence);
    ac_buffer_push_char(&self->head, '[');
    ac_json_string(&self->head, key, key_bytes);
    ac_buffer_push_char(&self->head, ',');
    if (caption)
        ac_json_string(&self->head, caption, caption_bytes);
    else
        ac_buffer_push_text(&self->head, "null");
    ac_buffer_push_char(&self->head, ',');
    push_score(&self->head, score);
    self->candidate_count = self->entry_count = 0;
    self->images++;
    self->open = true;
}

void
ac_gallery_candidate(ac_gallery *self, const char *text, size_t n, float score,
                     const char *label)
{
    ac_buffer_push_text(&self->candidates, self->candidate_count++ ? ",[" : "[");
    ac_json_string(&self->candidates, text, n);
    ac_buffer_push_char(&self->candidates, ',');
    push_score(&self->candidates, score);
    ac_buffer_push_char(&self->candidates, ',');
    ac_json_text(&self->candidates, label);
    ac_buffer_push_char(&self->candidates, ']');
    self->low = fminf(self->low, score); /* a NaN is passed over */
    self->high = fmaxf(self->high, score);
}

void
ac_gallery_story(ac_gallery *self, const char *prompt, size_t prompt_bytes, const char *text,
                 size_t n, const char *note)
{
    ac_buffer_push_text(&self->candidates, self->candidate_count++ ? ",[" : "[");
    ac_json_string(&self->candidates, text, n);
    ac_buffer_push_text(&self->candidates, ",null,");
    ac_json_text(&self->candidates, note);
    ac_buffer_push_char(&self->candidates, ',');
    ac_json_string(&self->candidates, prompt, prompt_bytes);
    ac_buffer_push_char(&self->candidates, ']');
}

void
ac_gallery_entry(ac_gallery *self, const char *text, size_t n, float score)
{
    ac_buffer_push_text(&self->entries, self->entry_count++ ? ",[" : "[");
    ac_json_string(&self->entries, text, n);
    ac_buffer_push_char(&self->entries, ',');
    push_score(&self->entries, score);
    ac_buffer_push_char(&self->entries, ']');
}

void
ac_gallery_evidence(ac_gallery *self, const ac_buffer *json)
{
    if (json->status == AC_OK && json->size)
        ac_buffer_push(&self->evidence, json->data, json->size);
}

void
ac_gallery_end(ac_gallery *self)
{
    ac_buffer facts = { 0 };

    end_block(self);
    /* bars begin a little below the lowest score, at a round number */
    ac_buffer_printf(&facts,
                     "{\"blocks\":%lld,\"per_block\":%d,\"total\":%lld,\"low\":%.2f,\"high\":%."
                     "2f,\"titles\":{\"candidates\":",
                     (long long) self->blocks, IMAGES_PER_BLOCK,
                     (long long) self->options.total,
                     isfinite(self->low) ? floor((double) self->low * 20 - 0.5) / 20 : 0,
                     isfinite(self->high) ? ceil((double) self->high * 20) / 20 : 0);
    ac_json_text(&facts, self->options.candidates_title);
    ac_buffer_push_text(&facts, ",\"entries\":");
    ac_json_text(&facts, self->options.entries_title);
    ac_buffer_push_text(&facts, "},\"unit\":");
    ac_json_text(&facts, self->options.unit ? self->options.unit : "image");
    ac_buffer_push_char(&facts, '}');
    if (facts.status == AC_OK)
        ac_page_json(self->page, "gallery-facts", facts.data, facts.size);
    else
        self->page->status = facts.status;
    ac_page_script(self->page, ac_report_evidence_js);
    ac_page_script(self->page, ac_report_gallery_js);
    ac_buffer_free(&facts);
    ac_buffer_free(&self->records);
    ac_buffer_free(&self->thumbnails);
    ac_buffer_free(&self->head);
    ac_buffer_free(&self->candidates);
    ac_buffer_free(&self->entries);
    ac_buffer_free(&self->evidence);
}
