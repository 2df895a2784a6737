#include "jobs/report/evaluate_report.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ac_report_assets.h"
#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/base64.h"
#include "io/file/file_look.h"
#include "io/file/json_scan.h"
#include "io/file/json_write.h"
#include "io/file/path.h"
#include "io/file/text_file.h"
#include "jobs/report/evaluate_comparison.h"
#include "jobs/report/page.h"

enum { MOST_METRICS = 32, SHOWN = 24, ITEMS_PER_BLOCK = 256 };

typedef struct scores_report {
    const ac_run_view *run;
    ac_page page;
    json_t *metrics; /* metrics.json */
    const char *names[MOST_METRICS];
    int count;           /* of names: the scores that items have */
    double *values;      /* [items, count]; NaN: none */
    ac_texts keys;       /* [items]: of the image, else of the item: what has the thumbnail */
    bool *best_or_worst; /* [items]: of any score */
    ac_buffer text;      /* items.jsonl */
    struct line {
        const char *data;
        size_t size;
    } * lines;     /* [line_count]; once they are read, [items]: those that are items */
    bool *is_item; /* [line_count] */
    int64_t line_count, line_capacity;
    int64_t items, limit, block;
} scores_report;

static void
report_free(scores_report *self)
{
    ac_page_abandon(&self->page);
    json_decref(self->metrics);
    free(self->values);
    ac_texts_free(&self->keys);
    free(self->best_or_worst);
    ac_buffer_free(&self->text);
    free(self->lines);
    free(self->is_item);
}

/* ---- reading ---- */

static ac_status
read_metrics(scores_report *self)
{
    char *path = NULL;
    ac_buffer text = { 0 };
    const char *name;
    json_t *value;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&path, "%s/metrics.json", self->run->folder));
    if (!ac_file_is_there(path))
        AC_FAIL(AC_E_FORMAT, "%s is not there yet: the run is not finished", path);
    AC_TRY(ac_text_file_read(path, &text));
    self->metrics = json_loadb(text.data, text.size, 0, NULL);
    if (!self->metrics)
        AC_FAIL(AC_E_FORMAT, "%s: not JSON", path);
    json_object_foreach(json_object_get(self->metrics, "intervals"), name, value)
    {
        if (self->count < MOST_METRICS)
            self->names[self->count++] = name;
    }
out:
    free(path);
    ac_buffer_free(&text);
    return st;
}

/* The lines of items.jsonl, and where each begins. */
static ac_status
read_items(scores_report *self)
{
    char *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&path, "%s/items.jsonl", self->run->folder));
    AC_TRY(ac_text_file_read(path, &self->text));
    for (size_t at = 0; at < self->text.size;) {
        const char *end = memchr(self->text.data + at, '\n', self->text.size - at);
        AC_TRY(ac_grow(&self->lines, &self->line_capacity, self->line_count + 1,
                       sizeof *self->lines));
        self->lines[self->line_count].data = self->text.data + at;
        at = end ? (size_t) (end - self->text.data) + 1 : self->text.size;
        self->lines[self->line_count].size =
            (size_t) (self->text.data + at - self->lines[self->line_count].data);
        self->line_count++;
    }
out:
    free(path);
    return st;
}

/* The scores and the key of a line; image: the key that the thumbnail has. False: it is not a
 * line of items, which may be half written. */
static bool
scan_line(const scores_report *self, int64_t line, double *values, ac_buffer *key)
{
    ac_json_scan json = ac_json_scan_begin(self->lines[line].data, self->lines[line].size);
    bool has_image = false;

    for (int c = 0; c < self->count; c++)
        values[c] = (double) NAN;
    ac_buffer_reset(key);
    if (!ac_json_scan_sign(&json, '{'))
        return false;
    do {
        const char *name;
        size_t n;
        bool is_image, is_key;

        if (!ac_json_scan_name(&json, &name, &n) || !ac_json_scan_sign(&json, ':'))
            return false;
        is_image = n == 5 && memcmp(name, "image", n) == 0;
        is_key = n == 3 && memcmp(name, "key", n) == 0 && !has_image;
        if (is_image || is_key) {
            has_image = is_image;
            ac_buffer_reset(key);
            if (!ac_json_scan_string(&json, key))
                return false;
            continue;
        }
        for (int c = 0; c < self->count; c++)
            if (strlen(self->names[c]) == n && memcmp(self->names[c], name, n) == 0 &&
                json.at < json.end && strchr("-0123456789", *json.at))
                values[c] = strtod(json.at, NULL);
        if (!ac_json_scan_skip(&json))
            return false;
    } while (ac_json_scan_sign(&json, ','));
    return ac_json_scan_sign(&json, '}') && json.at == json.end;
}

/* A block of lines: their values in their places, and their keys. */
typedef struct scanned {
    ac_texts keys;
    ac_status status;
} scanned;

static void
scan_block(scores_report *self, int64_t block, scanned *out)
{
    ac_buffer key = { 0 };

    for (int64_t i = block * ITEMS_PER_BLOCK;
         i < (block + 1) * ITEMS_PER_BLOCK && i < self->line_count; i++) {
        self->is_item[i] = scan_line(self, i, self->values + i * self->count, &key);
        if (out->status == AC_OK && self->is_item[i])
            out->status = ac_texts_push(&out->keys, key.data, key.size);
    }
    ac_buffer_free(&key);
}

static ac_status
read_values(scores_report *self)
{
    const int64_t blocks = (self->line_count + ITEMS_PER_BLOCK - 1) / ITEMS_PER_BLOCK;
    scanned *parts = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&parts, blocks, sizeof *parts));
    AC_TRY(ac_alloc(&self->values, self->line_count * self->count, sizeof *self->values));
    AC_TRY(ac_alloc(&self->is_item, self->line_count, sizeof *self->is_item));
#pragma omp parallel for schedule(dynamic, 1) if (blocks > 1)
    for (int64_t b = 0; b < blocks; b++)
        scan_block(self, b, &parts[b]);
    for (int64_t b = 0; b < blocks; b++) {
        AC_TRY(parts[b].status);
        for (int64_t i = 0; i < parts[b].keys.count; i++)
            AC_TRY(ac_texts_push(&self->keys, ac_texts_at(&parts[b].keys, i),
                                 ac_texts_size(&parts[b].keys, i)));
    }
    for (int64_t i = 0; i < self->line_count; i++)
        if (self->is_item[i]) {
            memmove(self->values + self->items * self->count, self->values + i * self->count,
                    (size_t) self->count * sizeof *self->values);
            self->lines[self->items++] = self->lines[i];
        }
out:
    for (int64_t b = 0; parts && b < blocks; b++)
        ac_texts_free(&parts[b].keys);
    free(parts);
    return st;
}

/* ---- which items are shown with their images ---- */

typedef struct ranked {
    double value;
    int64_t item;
} ranked;

/* One more item, the last so far, among the first SHOWN. */
static void
rank(ranked *order, int64_t *n, double value, int64_t item)
{
    int64_t k = SHOWN - 1;

    if (*n < SHOWN)
        k = (*n)++;
    else if (value >= order[k].value)
        return;
    for (; k > 0 && order[k - 1].value > value; k--)
        order[k] = order[k - 1];
    order[k] = (ranked){ value, item };
}

/* As the page's script orders them: by value, equal ones in the order of items. */
static ac_status
mark_best_and_worst(scores_report *self)
{
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&self->best_or_worst, self->items, sizeof *self->best_or_worst));
    for (int c = 0; c < self->count; c++)
        for (int sign = -1; sign <= 1; sign += 2) {
            ranked order[SHOWN];
            int64_t n = 0;
            for (int64_t i = 0; i < self->items; i++)
                if (!isnan(self->values[i * self->count + c]))
                    rank(order, &n, sign * self->values[i * self->count + c], i);
            for (int64_t k = 0; k < n; k++)
                self->best_or_worst[order[k].item] = true;
        }
out:
    return st;
}

/* ---- scores ---- */

static void
write_facts(scores_report *self)
{
    static const char *const counts[][2] = { { "items", "captions" },
                                             { "references", "references" },
                                             { "empty_captions", "empty captions" },
                                             { "vocabulary", "different words" } };
    ac_page *page = &self->page;
    const json_t *note = json_object_get(self->metrics, "note"), *x;

    ac_page_section(page, "summary", "");
    if (json_is_string(note)) {
        ac_page_html(page, "<p class=\"note warn\">");
        ac_page_printf(page, "%s.", json_string_value(note));
        ac_page_html(page, "</p>\n");
    }
    ac_page_facts_begin(page);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (json_is_integer(x = json_object_get(self->metrics, counts[i][0])))
            ac_page_fact(page, counts[i][1], "%lld", (long long) json_integer_value(x));
    if (json_is_number(x = json_object_get(self->metrics, "mean_length")))
        ac_page_fact(page, "words per caption", "%.2f", json_number_value(x));
    if (json_is_number(x = json_object_get(self->metrics, "unique_captions")))
        ac_page_fact(page, "unique captions", "%.1f %%", 100 * json_number_value(x));
    if (json_is_number(x = json_object_get(self->metrics, "distinct_2")))
        ac_page_fact(page, "distinct-2", "%.3f", json_number_value(x));
    ac_page_facts_end(page);
}

static void
write_scores(scores_report *self)
{
    const json_t *intervals = json_object_get(self->metrics, "intervals"),
                 *reasons = json_object_get(self->metrics, "not_computed");
    ac_page *page = &self->page;
    const char *name;
    json_t *value;

    ac_page_section(page, "scores", "Scores");
    ac_page_panel_begin(page, "Of all captions");
    ac_page_html(page, "<table class=\"list\"><thead><tr><th>Score</th><th>Value</th><th>95 % "
                       "interval</th></tr></thead><tbody>\n");
    for (int c = 0; c < self->count; c++) {
        const json_t *interval = json_object_get(intervals, self->names[c]);
        ac_page_html(page, "<tr><td>");
        ac_page_printf(page, "%s", self->names[c]);
        ac_page_html(page, "</td><td><strong>");
        ac_page_printf(page, "%.4f",
                       json_number_value(json_object_get(self->metrics, self->names[c])));
        ac_page_html(page, "</strong></td><td>");
        ac_page_printf(page, "%.4f to %.4f", json_number_value(json_array_get(interval, 0)),
                       json_number_value(json_array_get(interval, 1)));
        ac_page_html(page, "</td></tr>\n");
    }
    ac_page_html(page, "</tbody></table>\n");
    json_object_foreach((json_t *) (uintptr_t) reasons, name, value)
    {
        if (strcmp(json_string_value(value), "not asked for") == 0)
            continue;
        ac_page_html(page, "<p class=\"note\">");
        ac_page_printf(page, "%s: %s.", name, json_string_value(value));
        ac_page_html(page, "</p>\n");
    }
    ac_page_panel_end(page);
}

/* ---- items ---- */

static bool
is_shown(const scores_report *self, int64_t number)
{
    return self->best_or_worst[number] || self->items <= self->limit ||
           number * self->limit / self->items != (number - 1) * self->limit / self->items;
}

/* [number, key, caption, [references], [values], evidence or null, the other caption or null]
 */
static ac_status
push_record(const scores_report *self, int64_t number, ac_buffer *out)
{
    json_t *item = json_loadb(self->lines[number].data, self->lines[number].size, 0, NULL),
           *record = NULL, *values;
    char *text = NULL;
    ac_status st = AC_OK;

    if (!item)
        return AC_OK;
    values = json_array();
    for (int c = 0; c < self->count; c++) {
        const double x = self->values[number * self->count + c];
        json_array_append_new(values, isnan(x) ? json_null() : json_real(round(x * 1e4) / 1e4));
    }
    record = json_pack("[I, O?, O?, O?, o, O?, O?]", (json_int_t) number,
                       json_object_get(item, "key"), json_object_get(item, "caption"),
                       json_object_get(item, "references"), values,
                       json_object_get(item, "evidence"),
                       json_object_get(json_object_get(item, "against"), "caption"));
    text = record ? json_dumps(record, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    if (!text)
        AC_FAIL(AC_E_NOMEM, "out of memory");
    ac_buffer_push_text(out, out->size ? "," : "[");
    AC_TRY(ac_buffer_push_text(out, text));
out:
    free(text);
    json_decref(record);
    json_decref(item);
    return st;
}

static void
write_block(scores_report *self, ac_buffer *records, ac_status st)
{
    char id[48];

    if (st == AC_OK && !records->size)
        return;
    ac_buffer_push_text(records, "]");
    snprintf(id, sizeof id, "items-%lld", (long long) self->block++);
    if (st == AC_OK)
        st = records->status;
    if (st != AC_OK)
        self->page.status = st;
    else
        ac_page_json(&self->page, id, records->data, records->size);
}

/* Blocks of records are made by all threads, and written in their order. */
static ac_status
write_records(scores_report *self)
{
    int64_t *shown = NULL, count = 0, blocks;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&shown, self->items, sizeof *shown));
    for (int64_t i = 0; i < self->items; i++)
        if (is_shown(self, i))
            shown[count++] = i;
    blocks = (count + ITEMS_PER_BLOCK - 1) / ITEMS_PER_BLOCK;
    json_object_seed(0); /* jansson's, before threads need it */
#pragma omp parallel if (blocks > 1)
    {
        ac_buffer records = { 0 };
#pragma omp for ordered schedule(dynamic, 1)
        for (int64_t b = 0; b < blocks; b++) {
            ac_status mine = AC_OK;
            ac_buffer_reset(&records);
            for (int64_t k = b * ITEMS_PER_BLOCK;
                 k < (b + 1) * ITEMS_PER_BLOCK && k < count && mine == AC_OK; k++)
                mine = push_record(self, shown[k], &records);
#pragma omp ordered
            write_block(self, &records, mine);
        }
        ac_buffer_free(&records);
    }
    if (self->page.status != AC_OK)
        st = ac_error_set(self->page.status, "the captions of the report cannot be written");
out:
    free(shown);
    return st;
}

/* ---- thumbnails ---- */

static int64_t
find_key(const ac_texts *keys, const int64_t *order, int64_t n, const ac_texts *in, int64_t row)
{
    int64_t low = 0, high = n - 1;

    while (low <= high) {
        const int64_t middle = (low + high) / 2, at = order[middle];
        const int c = ac_bytes_compare(ac_texts_at(keys, at), ac_texts_size(keys, at),
                                       ac_texts_at(in, row), ac_texts_size(in, row));
        if (c == 0)
            return at;
        if (c < 0)
            low = middle + 1;
        else
            high = middle - 1;
    }
    return -1;
}

static int
by_key(const void *a, const void *b, void *context)
{
    const ac_texts *t = context;
    const int64_t i = *(const int64_t *) a, j = *(const int64_t *) b;

    return ac_bytes_compare(ac_texts_at(t, i), ac_texts_size(t, i), ac_texts_at(t, j),
                            ac_texts_size(t, j));
}

/* Those of the marked items, from the shards of a run with images: {"12": "base64…"}. */
static ac_status
push_thumbnails(scores_report *self, const ac_run_view *images, ac_buffer *out)
{
    ac_item_walk walk = { 0 };
    int64_t *order = NULL;
    ac_status st = AC_OK;
    bool found;

    AC_TRY(ac_alloc(&order, self->items, sizeof *order));
    for (int64_t i = 0; i < self->items; i++)
        order[i] = i;
    qsort_r(order, (size_t) self->items, sizeof *order, by_key, &self->keys);
    AC_TRY(ac_run_view_walk(images, &walk, AC_VIEW_KEYS | AC_VIEW_THUMBNAILS, 1, true, false));
    for (;;) {
        const ac_texts *thumbnails;
        int64_t item;
        AC_TRY(ac_item_walk_next(&walk, &found));
        if (!found)
            break;
        thumbnails = &walk.view->thumbnails;
        item = find_key(&self->keys, order, self->items, &walk.view->keys, walk.row);
        if (item < 0 || !self->best_or_worst[item] || !ac_texts_size(thumbnails, walk.row))
            continue;
        ac_buffer_printf(out, "%s\"%lld\":\"", out->size > 1 ? "," : "", (long long) item);
        ac_base64_push(out, ac_texts_at(thumbnails, walk.row),
                       ac_texts_size(thumbnails, walk.row));
        ac_buffer_push_text(out, "\"");
    }
out:
    ac_item_walk_close(&walk);
    free(order);
    return st;
}

/* Of this run's own images, or of the run whose captions these are. A run that is gone leaves
 * the page without images. */
static ac_status
write_thumbnails(scores_report *self, const ac_job *const *jobs)
{
    const char *captions =
        json_string_value(json_object_get(self->run->summary, "predictions"));
    ac_run_view other = { 0 };
    ac_buffer json = { 0 };
    char *manifest = NULL;
    ac_status st = AC_OK;

    ac_buffer_push_text(&json, "{");
    if (self->run->manifest.stage_count > 0) {
        AC_TRY(push_thumbnails(self, self->run, &json));
    } else if (captions) {
        AC_TRY(ac_path_format(&manifest, "%s/manifest.json", captions));
        if (ac_file_is_there(manifest) && ac_run_view_open(&other, captions, jobs) == AC_OK &&
            other.manifest.stage_count > 0 && other.stages[0] &&
            strcmp(other.stages[0]->name, "embed") == 0 &&
            push_thumbnails(self, &other, &json) != AC_OK)
            ac_buffer_reset(&json), ac_buffer_push_text(&json, "{");
    }
    AC_TRY(ac_buffer_push_text(&json, "}"));
    ac_page_json(&self->page, "evaluation-thumbnails", json.data, json.size);
out:
    ac_run_view_close(&other);
    ac_buffer_free(&json);
    free(manifest);
    return st;
}

/* What the script must know: the names of the scores, the blocks, how many items there are. */
static ac_status
write_names(scores_report *self)
{
    ac_buffer json = { 0 };
    ac_status st = AC_OK;

    ac_buffer_printf(&json, "{\"blocks\":%lld,\"items\":%lld,\"names\":[",
                     (long long) self->block, (long long) self->items);
    for (int c = 0; c < self->count; c++) {
        ac_buffer_push_text(&json, c ? "," : "");
        ac_json_text(&json, self->names[c]);
    }
    AC_TRY(ac_buffer_push_text(&json, "]}"));
    ac_page_json(&self->page, "evaluation-facts", json.data, json.size);
out:
    ac_buffer_free(&json);
    return st;
}

ac_status
ac_evaluate_report_write(const ac_run_view *run, const ac_job *const *jobs, const char *path,
                         int64_t limit)
{
    scores_report r = { .run = run, .limit = limit };
    ac_status st = AC_OK;

    AC_TRY(read_metrics(&r));
    AC_TRY(read_items(&r));
    AC_TRY(read_values(&r));
    AC_TRY(mark_best_and_worst(&r));
    AC_TRY(ac_page_open(&r.page, path, "antarctic evaluate", run->folder));
    write_facts(&r);
    write_scores(&r);
    ac_evaluate_comparison_write(&r.page, json_object_get(r.metrics, "comparison"));
    if (r.count) {
        ac_page_section(&r.page, "items", "Captions");
        AC_TRY(write_records(&r));
        AC_TRY(write_names(&r));
        AC_TRY(write_thumbnails(&r, jobs));
        ac_page_html(&r.page, ac_report_evaluation_html);
        ac_page_script(&r.page, ac_report_evidence_js);
        ac_page_script(&r.page, ac_report_evaluation_js);
    }
    AC_TRY(ac_page_commit(&r.page));
out:
    report_free(&r);
    return st;
}
