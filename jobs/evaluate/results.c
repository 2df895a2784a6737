#include "jobs/evaluate/results.h"

#include <jansson.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "io/file/json_write.h"
#include "io/file/publish.h"
#include "io/file/text_file.h"

enum { CHANGED_MOST = 24 };

static void
push_field(ac_buffer *b, const char *name, double x)
{
    ac_buffer_push_text(b, "  ");
    ac_json_text(b, name);
    ac_buffer_push_text(b, ": ");
    ac_json_double(b, x);
    ac_buffer_push_text(b, ",\n");
}

static void
push_count(ac_buffer *b, const char *name, int64_t n)
{
    ac_buffer_printf(b, "  \"%s\": %lld,\n", name, (long long) n);
}

static void
push_pair(ac_buffer *b, double low, double high)
{
    ac_buffer_push_text(b, "[");
    ac_json_double(b, low);
    ac_buffer_push_text(b, ", ");
    ac_json_double(b, high);
    ac_buffer_push_text(b, "]");
}

static void
push_text_of(ac_buffer *b, const ac_texts *texts, int64_t i)
{
    ac_json_string(b, ac_texts_at(texts, i), ac_texts_size(texts, i));
}

/* ---- metrics.json ---- */

static void
push_diversity(ac_buffer *b, const ac_scores *s)
{
    for (int n = 0; n < AC_NGRAM_MOST; n++) {
        char name[32];
        snprintf(name, sizeof name, "distinct_%d", n + 1);
        push_field(b, name, s->diversity.distinct[n]);
    }
    push_field(b, "unique_captions", s->diversity.unique);
    push_field(b, "mean_length", s->diversity.mean_length);
    push_count(b, "vocabulary", s->diversity.vocabulary);
}

/* Why a score is null. */
static void
push_reasons(ac_buffer *b, const ac_scores *s)
{
    bool first = true;

    ac_buffer_push_text(b, "  \"not_computed\": {");
    for (int i = 0; i < s->column_count; i++) {
        const ac_score_column *c = &s->columns[i];
        const char *why = c->why ? c->why : isnan(c->corpus) ? "no item has a value" : NULL;
        if (!why)
            continue;
        ac_buffer_push_text(b, first ? "" : ", ");
        ac_json_text(b, c->name);
        ac_buffer_push_text(b, ": ");
        ac_json_text(b, why);
        first = false;
    }
    for (int n = 0; s->has_diversity && n < AC_NGRAM_MOST; n++)
        if (isnan(s->diversity.distinct[n])) {
            ac_buffer_printf(b, "%s\"distinct_%d\": \"no caption has %d word%s\"",
                             first ? "" : ", ", n + 1, n + 1, n ? "s" : "");
            first = false;
        }
    ac_buffer_push_text(b, "},\n");
}

static void
push_intervals(ac_buffer *b, const ac_scores *s)
{
    bool first = true;

    ac_buffer_push_text(b, "  \"intervals\": {");
    for (int i = 0; i < s->column_count; i++) {
        const ac_score_column *c = &s->columns[i];
        if (!c->values)
            continue;
        ac_buffer_push_text(b, first ? "" : ", ");
        ac_json_text(b, c->name);
        ac_buffer_push_text(b, ": ");
        push_pair(b, c->low, c->high);
        first = false;
    }
    ac_buffer_push_text(b, "},\n");
}

/* ---- against other predictions ---- */

typedef struct change {
    int64_t item;
    double size;
} change;

static int
by_change(const void *a, const void *b)
{
    const change *x = a, *y = b;

    if (x->size != y->size)
        return x->size < y->size ? 1 : -1;
    return (x->item > y->item) - (x->item < y->item);
}

/* The items whose CIDEr (ROUGE-L where there is none) changed most. */
static ac_status
push_changed_most(const ac_results *self, ac_buffer *b)
{
    const ac_scores *s = self->scores;
    const ac_score_column *by = ac_scores_find((ac_scores *) (uintptr_t) s, "CIDEr");
    change *changes = NULL;
    ac_status st = AC_OK;

    if (!by || !by->others)
        by = ac_scores_find((ac_scores *) (uintptr_t) s, "ROUGE_L");
    ac_buffer_push_text(b, "\"changed_most\": [");
    if (!by || !by->others)
        goto out;
    if ((changes = calloc((size_t) s->items, sizeof *changes)) == NULL)
        AC_FAIL(AC_E_NOMEM, "out of memory");
    for (int64_t i = 0; i < s->items; i++)
        changes[i] = (change){ i, fabs(by->values[i] - by->others[i]) };
    qsort(changes, (size_t) s->items, sizeof *changes, by_change);
    for (int64_t k = 0; k < s->items && k < CHANGED_MOST && changes[k].size > 0; k++) {
        const int64_t i = changes[k].item;
        ac_buffer_printf(b, "%s\n    {\"key\": ", k ? "," : "");
        push_text_of(b, &self->evaluated->predictions.ids, self->evaluated->prediction[i]);
        ac_buffer_push_text(b, ", \"caption\": ");
        push_text_of(b, &self->evaluated->predictions.captions, self->evaluated->prediction[i]);
        ac_buffer_push_text(b, ", \"other_caption\": ");
        push_text_of(b, &self->evaluated->against.captions, self->evaluated->other[i]);
        ac_buffer_printf(b, ", \"%s\": [", by->name);
        ac_json_double(b, by->values[i]);
        ac_buffer_push_text(b, ", ");
        ac_json_double(b, by->others[i]);
        ac_buffer_push_text(b, "]}");
    }
out:
    ac_buffer_push_text(b, "]");
    free(changes);
    return st;
}

static ac_status
push_comparison(const ac_results *self, ac_buffer *b)
{
    const ac_scores *s = self->scores;
    ac_status st = AC_OK;

    ac_buffer_push_text(b, "  \"comparison\": {\"against\": ");
    ac_json_text(b, self->config->evaluate.against);
    ac_buffer_push_text(b, ", ");
    for (int i = 0; i < s->column_count; i++) {
        const ac_score_column *c = &s->columns[i];
        if (!c->others)
            continue;
        ac_buffer_printf(b, "\n    \"%s\": {\"score\": ", c->name);
        ac_json_double(b, c->corpus);
        ac_buffer_push_text(b, ", \"other\": ");
        ac_json_double(b, c->other_corpus);
        ac_buffer_push_text(b, ", \"difference\": ");
        ac_json_double(b, c->difference);
        ac_buffer_push_text(b, ", \"interval\": ");
        push_pair(b, c->difference_low, c->difference_high);
        ac_buffer_push_text(b, ", \"higher_in_resamples\": ");
        ac_json_double(b, c->higher);
        ac_buffer_push_text(b, "},");
    }
    ac_buffer_push_text(b, "\n    ");
    AC_TRY(push_changed_most(self, b));
    ac_buffer_push_text(b, "},\n");
out:
    return st;
}

ac_status
ac_results_write_metrics(const ac_results *self, const char *path)
{
    const ac_scores *s = self->scores;
    const ac_evaluated *e = self->evaluated;
    ac_buffer b = { 0 };
    ac_status st = AC_OK;

    ac_buffer_push_text(&b, "{\n");
    for (int i = 0; i < s->column_count; i++)
        push_field(&b, s->columns[i].name, s->columns[i].corpus);
    if (s->has_diversity)
        push_diversity(&b, s);
    push_count(&b, "items", s->items);
    push_count(&b, "references", s->words.count - s->items * (1 + (e->has_against ? 1 : 0)));
    push_count(&b, "empty_captions", e->empty_captions);
    push_count(&b, "predictions_without_references", e->without_reference);
    push_count(&b, "references_without_prediction", e->without_prediction);
    if (e->has_against)
        push_count(&b, "predictions_without_other", e->without_other);
    if (e->image) {
        push_count(&b, "predictions_without_image", e->without_image);
        push_count(&b, "images_without_prediction", e->surplus_images);
        push_count(&b, "rejected_images", self->rejected_images);
    }
    push_intervals(&b, s);
    push_count(&b, "resamples", s->resamples);
    push_count(&b, "seed", self->config->seed);
    push_reasons(&b, s);
    if (e->has_against)
        AC_TRY(push_comparison(self, &b));
    ac_buffer_push_text(&b, "  \"note\": ");
    if (s->note)
        ac_json_text(&b, s->note);
    else
        ac_buffer_push_text(&b, "null");
    AC_TRY(ac_buffer_push_text(&b, "\n}\n"));
    st = ac_publish_file(path, b.data, b.size);
out:
    ac_buffer_free(&b);
    return st;
}

/* ---- items.jsonl ---- */

static void
push_references(const ac_results *self, ac_buffer *b, int64_t item)
{
    const ac_evaluated *e = self->evaluated;
    const int64_t r = e->reference[item];

    ac_buffer_push_text(b, "[");
    for (int64_t k = r >= 0 ? e->references.starts[r] : 0;
         r >= 0 && k < e->references.starts[r + 1]; k++) {
        ac_buffer_push_text(b, k > e->references.starts[r] ? ", " : "");
        push_text_of(b, &e->references.captions, k);
    }
    ac_buffer_push_text(b, "]");
}

/* The image's key, by which the report finds its thumbnail. */
static ac_status
push_image(const ac_results *self, ac_buffer *b, int64_t item)
{
    ac_buffer key = { 0 };
    ac_status st = AC_OK;

    if (!self->images || self->evaluated->image[item] < 0)
        return AC_OK;
    AC_TRY(ac_image_source_key(self->images, self->evaluated->image[item], &key));
    ac_buffer_push_text(b, ", \"image\": ");
    st = ac_json_string(b, key.data, key.size);
out:
    ac_buffer_free(&key);
    return st;
}

static ac_status
push_item(const ac_results *self, ac_buffer *b, int64_t i)
{
    const ac_evaluated *e = self->evaluated;
    const ac_scores *s = self->scores;
    ac_status st;

    ac_buffer_push_text(b, "{\"key\": ");
    push_text_of(b, &e->predictions.ids, e->prediction[i]);
    st = push_image(self, b, i);
    ac_buffer_push_text(b, ", \"caption\": ");
    push_text_of(b, &e->predictions.captions, e->prediction[i]);
    ac_buffer_push_text(b, ", \"references\": ");
    push_references(self, b, i);
    for (int c = 0; c < s->column_count; c++)
        if (s->columns[c].values) {
            ac_buffer_printf(b, ", \"%s\": ", s->columns[c].name);
            ac_json_double(b, s->columns[c].values[i]);
        }
    if (self->traces->json) {
        ac_buffer_push_text(b, ", \"evidence\": ");
        ac_buffer_push(b, ac_texts_at(self->traces->json, i),
                       ac_texts_size(self->traces->json, i));
    }
    if (e->has_against) {
        ac_buffer_push_text(b, ", \"against\": {\"caption\": ");
        push_text_of(b, &e->against.captions, e->other[i]);
        for (int c = 0; c < s->column_count; c++)
            if (s->columns[c].others) {
                ac_buffer_printf(b, ", \"%s\": ", s->columns[c].name);
                ac_json_double(b, s->columns[c].others[i]);
            }
        ac_buffer_push_text(b, "}");
    }
    ac_buffer_push_text(b, "}\n");
    return st == AC_OK ? b->status : st;
}

/* Blocks are made by all threads, and written in their order. With images by one thread: their
 * keys come from the source. */
ac_status
ac_results_write_items(const ac_results *self, const char *path)
{
    enum { ITEMS_PER_BLOCK = 256 };
    const int64_t items = self->scores->items,
                  blocks = (items + ITEMS_PER_BLOCK - 1) / ITEMS_PER_BLOCK;
    ac_text_file f = { 0 };
    ac_status worst = AC_OK, st = AC_OK;

    AC_TRY(ac_text_file_create(&f, path));
#pragma omp parallel if (blocks > 1 && !self->images)
    {
        ac_buffer b = { 0 };
#pragma omp for ordered schedule(dynamic, 1)
        for (int64_t k = 0; k < blocks; k++) {
            ac_status mine = AC_OK;
            ac_buffer_reset(&b);
            for (int64_t i = k * ITEMS_PER_BLOCK;
                 i < (k + 1) * ITEMS_PER_BLOCK && i < items && mine == AC_OK; i++)
                mine = push_item(self, &b, i);
#pragma omp ordered
            {
                if (mine != AC_OK)
                    worst = mine;
                ac_text_file_write(&f, b.data, b.size);
            }
        }
        ac_buffer_free(&b);
    }
    if (worst != AC_OK && omp_get_max_threads() > 1 && !self->images)
        AC_FAIL(worst, "out of memory while writing %s", path);
    AC_TRY(worst);
    AC_TRY(ac_text_file_commit(&f));
out:
    ac_text_file_abandon(&f);
    return st;
}

ac_status
ac_results_export_spice(const ac_results *self, const char *path)
{
    const ac_evaluated *e = self->evaluated;
    ac_buffer b = { 0 };
    ac_status st = AC_OK;

    ac_buffer_push_text(&b, "[");
    for (int64_t i = 0; i < e->count; i++) {
        ac_buffer_push_text(&b, i ? ",\n{\"image_id\": " : "\n{\"image_id\": ");
        push_text_of(&b, &e->predictions.ids, e->prediction[i]);
        ac_buffer_push_text(&b, ", \"test\": ");
        push_text_of(&b, &e->predictions.captions, e->prediction[i]);
        ac_buffer_push_text(&b, ", \"refs\": ");
        push_references(self, &b, i);
        ac_buffer_push_text(&b, "}");
    }
    AC_TRY(ac_buffer_push_text(&b, "\n]\n"));
    st = ac_publish_file(path, b.data, b.size);
out:
    ac_buffer_free(&b);
    return st;
}

/* ---- what a run found ---- */

static void
show_score(const json_t *metrics, const char *name, const json_t *interval)
{
    const json_t *value = json_object_get(metrics, name);

    if (json_is_number(value))
        ac_log(AC_LOG_INFO, "  %-20s %8.4f   [%.4f, %.4f]", name, json_number_value(value),
               json_number_value(json_array_get(interval, 0)),
               json_number_value(json_array_get(interval, 1)));
}

ac_status
ac_results_show(const char *path)
{
    ac_buffer text = { 0 };
    json_t *metrics = NULL, *value;
    const char *name;
    ac_status st = AC_OK;

    AC_TRY(ac_text_file_read(path, &text));
    metrics = json_loadb(text.data, text.size, 0, NULL);
    if (!metrics)
        AC_FAIL(AC_E_FORMAT, "%s: not JSON", path);
    ac_log(AC_LOG_INFO, "%lld items (intervals: 95 %%, %lld resamples)",
           (long long) json_integer_value(json_object_get(metrics, "items")),
           (long long) json_integer_value(json_object_get(metrics, "resamples")));
    json_object_foreach(json_object_get(metrics, "intervals"), name, value)
    {
        show_score(metrics, name, value);
    }
    json_object_foreach(json_object_get(metrics, "comparison"), name, value)
    {
        if (json_is_object(value))
            ac_log(AC_LOG_INFO, "  %-20s %+8.4f   [%+.4f, %+.4f] against the other", name,
                   json_number_value(json_object_get(value, "difference")),
                   json_number_value(json_array_get(json_object_get(value, "interval"), 0)),
                   json_number_value(json_array_get(json_object_get(value, "interval"), 1)));
    }
    json_object_foreach(json_object_get(metrics, "not_computed"), name, value)
    {
        if (strcmp(json_string_value(value), "not asked for") != 0)
            ac_log(AC_LOG_INFO, "  %s: not computed: %s", name, json_string_value(value));
    }
out:
    json_decref(metrics);
    ac_buffer_free(&text);
    return st;
}
