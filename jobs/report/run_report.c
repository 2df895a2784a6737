#include "jobs/report/run_report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "io/file/path.h"
#include "io/image/decode.h"
#include "jobs/report/evaluate_report.h"
#include "jobs/report/gallery.h"
#include "jobs/runtime/evidence_json.h"
#include "jobs/runtime/run_view.h"
#include "jobs/report/story_report.h"
#include "jobs/report/train_report.h"

/* How many rejected items the page lists. The run's own files have all. */
enum { MOST_BAD_ROWS = 500 };

typedef struct reporter {
    ac_run_view run;
    ac_item_walk walk; /* at the present item */
    ac_page page;
    ac_gallery gallery;
    int64_t rows, bad, limit;
    int64_t seen;       /* images passed, shown or not */
    int64_t top;        /* candidates of one image that are shown: the run's output.top */
    int64_t *ranking;   /* [top]: best first */
    bool with_evidence; /* the run's output.evidence */
    ac_evidence_finder finder;
    ac_buffer evidence;
} reporter;

static void
reporter_free(reporter *self)
{
    ac_run_view_close(&self->run);
    ac_item_walk_close(&self->walk);
    ac_page_abandon(&self->page);
    free(self->ranking);
    ac_evidence_finder_free(&self->finder);
    ac_buffer_free(&self->evidence);
}

static const char *
summary_text(const reporter *self, const char *name)
{
    return json_string_value(json_object_get(self->run.summary, name));
}

static double
summary_number(const reporter *self, const char *name)
{
    return json_number_value(json_object_get(self->run.summary, name));
}

/* ---- above the gallery ---- */

/* Stages and their seconds: as the summary has them, with the cache's; of an unfinished run
 * those of the manifest. */
static int
list_stages(const reporter *self, const char *names[AC_MAX_STAGES + 1],
            double seconds[AC_MAX_STAGES + 1])
{
    const ac_manifest *m = &self->run.manifest;
    const json_t *stages = json_object_get(self->run.summary, "stages"), *stage;
    size_t i;
    int n = 0;

    json_array_foreach(stages, i, stage)
    {
        if (n <= AC_MAX_STAGES && json_string_value(json_object_get(stage, "name"))) {
            names[n] = json_string_value(json_object_get(stage, "name"));
            seconds[n++] = json_number_value(json_object_get(stage, "seconds"));
        }
    }
    for (int s = 0; !stages && s < m->stage_count; s++) {
        names[n] = m->stages[s].name;
        seconds[n++] = m->stages[s].seconds;
    }
    return n;
}

/* Through all stages but the cache's, over all starts: a start that resumed or updated the run
 * did a part of the work. 0: not known. */
static double
images_per_second(const reporter *self)
{
    const char *names[AC_MAX_STAGES + 1];
    double seconds[AC_MAX_STAGES + 1], sum = 0;
    const int n = list_stages(self, names, seconds);

    for (int s = 0; s < n; s++)
        sum += strcmp(names[s], "cache") == 0 ? 0 : seconds[s];
    return sum > 0 ? (double) self->rows / sum : 0;
}

/* What the input held and the run did not take, as the summary has it. */
static void
write_passed_over(reporter *self)
{
    json_t *passed = json_object_get(self->run.summary, "passed_over"), *count, *name,
           *skipped = json_object_get(passed, "skipped");
    const int64_t files = json_integer_value(json_object_get(passed, "files")),
                  apple = json_integer_value(json_object_get(passed, "apple_double"));
    ac_page *page = &self->page;
    const char *extension;
    size_t i = 0;

    if (!passed)
        return;
    ac_page_html(page, "<p class=\"note\">");
    if (files) {
        ac_page_printf(page, "Passed over by their extension: ");
        json_object_foreach(json_object_get(passed, "extensions"), extension, count)
        {
            ac_page_printf(page, "%s%lld %s%s", i++ ? ", " : "",
                           (long long) json_integer_value(count), *extension ? "." : "",
                           *extension ? extension : "without an extension");
        }
        json_array_foreach(json_object_get(passed, "first"), i, name)
        {
            ac_page_printf(page, "%s%s", i ? ", " : " (", json_string_value(name));
        }
        ac_page_printf(page, "%s. ", files > (int64_t) i ? ", …)" : ")");
    }
    if (apple)
        ac_page_printf(page, "Passed over: %lld ._ files, which macOS leaves beside others. ",
                       (long long) apple);
    if (json_object_size(skipped)) {
        ac_page_printf(page, "Passed over by input.skip: ");
        i = 0;
        json_object_foreach(skipped, extension, count)
        {
            ac_page_printf(page, "%s%lld %s", i++ ? ", " : "",
                           (long long) json_integer_value(count), extension);
        }
        ac_page_printf(page, ".");
    }
    ac_page_html(page, "</p>\n");
}

static void
write_facts(reporter *self)
{
    const ac_manifest *m = &self->run.manifest;
    ac_page *page = &self->page;
    const char *kernels = summary_text(self, "kernels"),
               *precision = summary_text(self, "precision");

    ac_page_section(page, "summary", "");
    if (!self->run.done) {
        ac_page_html(page, "<p class=\"note warn\">");
        ac_page_printf(page,
                       "This run is not finished: %lld of %lld items have passed all stages. "
                       "The same command resumes it.",
                       (long long) (self->rows + self->bad), (long long) m->items);
        ac_page_html(page, "</p>\n");
    }
    ac_page_facts_begin(page);
    ac_page_fact(page,
                 m->stage_count > 2   ? "captioned"
                 : m->stage_count > 1 ? "tagged"
                                      : "embedded",
                 "%lld", (long long) self->rows);
    ac_page_fact(page, "rejected", "%lld", (long long) self->bad);
    if (json_object_get(self->run.summary, "equal"))
        ac_page_fact(page, "equal to another", "%.0f", summary_number(self, "equal"));
    if (self->run.summary) {
        ac_page_fact(page, "wall time", "%.1f s", summary_number(self, "wall_seconds"));
        if (images_per_second(self) > 0)
            ac_page_fact(page, "images / s", "%.3g", images_per_second(self));
        ac_page_fact(page, "ranks", "%.0f", summary_number(self, "ranks"));
    }
    if (precision)
        ac_page_fact(page, "precision", "%s", precision);
    ac_page_fact(page, "kernels", "%s", kernels ? kernels : m->kernels);
    ac_page_facts_end(page);
}

static void
write_stages(reporter *self)
{
    const char *names[AC_MAX_STAGES + 1];
    double seconds[AC_MAX_STAGES + 1], longest = 1e-9,
                                       rest = summary_number(self, "wall_seconds");
    const int n = list_stages(self, names, seconds);

    for (int s = 0; s < n; s++) {
        longest = fmax(longest, seconds[s]);
        rest -= seconds[s];
    }
    longest = fmax(longest, rest);
    ac_page_panel_begin(&self->page, "Seconds by stage");
    ac_page_bars_begin(&self->page);
    for (int s = 0; s < n; s++)
        ac_page_bar(&self->page, names[s], seconds[s] / longest, "%.1f s", seconds[s]);
    if (rest > 0) /* of the last start: models opened, files written */
        ac_page_bar(&self->page, "the rest", rest / longest, "%.1f s", rest);
    ac_page_bars_end(&self->page);
    ac_page_panel_end(&self->page);
}

static void
write_cell(ac_page *page, ac_item_text text)
{
    ac_page_html(page, "<td>");
    ac_page_text(page, text.bytes, text.size);
    ac_page_html(page, "</td>");
}

/* How many rejected items there are of each reason. */
typedef struct reasons {
    ac_texts names;
    int64_t *counts; /* [names.count] */
    int64_t capacity;
} reasons;

static ac_status
count_reason(reasons *self, const char *name, size_t n)
{
    ac_status st = AC_OK;
    int64_t r = 0;

    while (r < self->names.count && !ac_texts_is(&self->names, r, name, n))
        r++;
    if (r == self->names.count) {
        AC_TRY(ac_texts_push(&self->names, name, n));
        AC_TRY(ac_grow(&self->counts, &self->capacity, r + 1, sizeof *self->counts));
        self->counts[r] = 0;
    }
    self->counts[r]++;
out:
    return st;
}

/* Over all rejected items: count them by reason, or write the first as rows of the list. */
static ac_status
each_bad_item(reporter *self, reasons *counted)
{
    ac_status st = AC_OK;
    ac_page *page = &self->page;
    ac_item_walk *walk = &self->walk;
    bool found = true;

    AC_TRY(ac_run_view_walk(&self->run, walk, AC_VIEW_KEYS, 1, false, true));
    for (int64_t left = MOST_BAD_ROWS; counted || left; left--) {
        AC_TRY(ac_item_walk_next(walk, &found));
        if (!found)
            break;
        if (counted) {
            AC_TRY(count_reason(counted, walk->reason.bytes, walk->reason.size));
            continue;
        }
        ac_page_html(page, "<tr>");
        write_cell(page, walk->key);
        write_cell(page, walk->reason);
        write_cell(page, walk->detail);
        ac_page_html(page, "</tr>\n");
    }
out:
    ac_item_walk_close(walk);
    return st;
}

static ac_status
write_bad_items(reporter *self)
{
    ac_status st = AC_OK;
    ac_page *page = &self->page;
    reasons found = { 0 };

    ac_page_panel_begin(page, "Rejected items");
    if (self->bad == 0) {
        ac_page_html(page, "<p>None: every item could be used.</p>\n");
        ac_page_panel_end(page);
        return AC_OK;
    }
    AC_TRY(each_bad_item(self, &found));
    ac_page_bars_begin(page);
    for (int64_t r = 0; r < found.names.count; r++) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int) ac_texts_size(&found.names, r),
                 ac_texts_at(&found.names, r));
        ac_page_bar(page, name, (double) found.counts[r] / (double) self->bad, "%lld",
                    (long long) found.counts[r]);
    }
    ac_page_bars_end(page);
    ac_page_html(
        page, "<details><summary>Show the list</summary><div class=\"scroll\" role=\"region\" "
              "aria-label=\"Rejected items\" tabindex=\"0\"><table "
              "class=\"list\"><thead><tr><th scope=\"col\">key</th><th "
              "scope=\"col\">reason</th><th scope=\"col\">detail</th></tr></thead><tbody>\n");
    AC_TRY(each_bad_item(self, NULL));
    ac_page_html(page, "</tbody></table></div>\n");
    if (self->bad > MOST_BAD_ROWS) {
        ac_page_html(page, "<p class=\"note\">");
        ac_page_printf(page, "The first %d; bad_items.jsonl has all.", MOST_BAD_ROWS);
        ac_page_html(page, "</p>\n");
    }
    ac_page_html(page, "</details>\n");
    ac_page_panel_end(page);
out:
    ac_texts_free(&found.names);
    free(found.counts);
    return st;
}

/* ---- the gallery ---- */

/* Candidates [first, last) that say something new, best first; ties and NaN: in the order
 * generated. */
static int64_t
rank_candidates(reporter *self, int64_t first, int64_t last)
{
    const ac_shard_view *v = self->walk.view;
    const float *scores = v->candidate_clip_scores;
    int64_t n = 0;

    for (int64_t c = first; c < last; c++) {
        int64_t at = n, same = 0;
        for (; same < n; same++) {
            if (ac_texts_same(&v->candidates, self->ranking[same], &v->candidates, c))
                break;
        }
        if (same < n || (n == self->top && !(scores[c] > scores[self->ranking[n - 1]])))
            continue;
        at = n < self->top ? n++ : n - 1;
        for (; at > 0 && scores[c] > scores[self->ranking[at - 1]]; at--)
            self->ranking[at] = self->ranking[at - 1];
        self->ranking[at] = c;
    }
    return n;
}

static void
write_candidates(reporter *self, int64_t i)
{
    const ac_shard_view *v = self->walk.view;
    const int64_t n = rank_candidates(self, v->offsets[i], v->offsets[i + 1]);

    for (int64_t r = 0; r < n; r++) {
        const int64_t best = self->ranking[r];
        int64_t times = 0;
        char label[32] = "";
        for (int64_t c = v->offsets[i]; c < v->offsets[i + 1]; c++)
            times += ac_texts_same(&v->candidates, c, &v->candidates, best);
        if (times > 1)
            snprintf(label, sizeof label, "%lld times", (long long) times);
        ac_gallery_candidate(&self->gallery, ac_texts_at(&v->candidates, best),
                             ac_texts_size(&v->candidates, best),
                             v->candidate_clip_scores[best], label);
    }
}

static ac_status
write_image(reporter *self, int64_t i, int stages)
{
    const ac_shard_view *v = self->walk.view;
    const bool captioned = stages > 2;
    ac_status st = AC_OK;

    ac_gallery_image(&self->gallery, ac_texts_at(&v->keys, i), ac_texts_size(&v->keys, i),
                     captioned ? ac_texts_at(&v->captions, i) : NULL,
                     captioned ? ac_texts_size(&v->captions, i) : 0,
                     captioned ? v->clip_scores[i] : NAN, ac_texts_at(&v->thumbnails, i),
                     ac_texts_size(&v->thumbnails, i));
    if (captioned)
        write_candidates(self, i);
    for (int64_t k = i * v->K; stages > 1 && k < (i + 1) * v->K; k++)
        if (v->ids[k] >= 0)
            ac_gallery_entry(&self->gallery, ac_texts_at(&v->entries, k),
                             ac_texts_size(&v->entries, k), v->scores[k]);
    if (captioned && self->with_evidence) {
        ac_buffer_reset(&self->evidence);
        AC_TRY(ac_evidence_push_row(&self->evidence, &self->finder, v, i));
        ac_gallery_evidence(&self->gallery, &self->evidence);
    }
out:
    return st;
}

/* What the run's config says; the default where it is another version's, which this one cannot
 * read. */
static int64_t
candidates_shown(const char *folder, bool *evidence)
{
    ac_config config = { 0 };
    char *path = NULL;
    int64_t top = 5;

    if (ac_path_format(&path, "%s/config.yaml", folder) == AC_OK &&
        ac_config_init(&config) == AC_OK && ac_config_read(&config, path) == AC_OK) {
        top = config.output.top;
        *evidence = config.output.evidence;
    }
    ac_config_free(&config);
    free(path);
    return top;
}

static ac_status
write_gallery(reporter *self)
{
    const ac_gallery_options options = { "Candidates", "Retrieved entries", self->rows, NULL };
    const int64_t shown = self->rows < self->limit ? self->rows : self->limit;
    const int stages = self->run.manifest.stage_count;
    ac_status st = AC_OK;
    bool found;

    self->top = candidates_shown(self->run.folder, &self->with_evidence);
    AC_TRY(ac_alloc(&self->ranking, self->top, sizeof *self->ranking));
    AC_TRY(ac_run_view_walk(&self->run, &self->walk,
                            ac_run_view_parts(&self->run) | AC_VIEW_THUMBNAILS, stages, true,
                            false));
    ac_page_section(&self->page, "images", "Images");
    ac_gallery_begin(&self->gallery, &self->page, &options);
    for (; st == AC_OK; self->seen++) {
        st = ac_item_walk_next(&self->walk, &found);
        if (st != AC_OK || !found)
            break;
        /* image j is shown where j * shown / rows steps up */
        if (shown == self->rows ||
            (self->seen + 1) * shown / self->rows > self->seen * shown / self->rows)
            st = write_image(self, self->walk.row, stages);
    }
    ac_gallery_end(&self->gallery);
out:
    return st;
}

static ac_report_kind
report_kind(const char *job, const ac_job *const *jobs)
{
    for (; *jobs; jobs++)
        if (strcmp((*jobs)->name, job) == 0)
            return (*jobs)->report;
    return AC_REPORT_NONE;
}

ac_status
ac_run_report_write(const char *folder, const ac_job *const *jobs, const char *path,
                    int64_t images)
{
    reporter r = { .limit = images };
    ac_report_kind kind;
    char title[64], *own = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_run_view_open(&r.run, folder, jobs));
    kind = report_kind(r.run.manifest.job, jobs);
    if (kind == AC_REPORT_NONE)
        AC_FAIL(
            AC_E_ARG,
            "%s: a run of %s has no images to report on; antarctic inspect shows what is in it",
            folder, r.run.manifest.job);
    AC_TRY(ac_run_view_count(&r.run, &r.rows, &r.bad));
    if (!path)
        AC_TRY(ac_path_format(&own, "%s/report.html", folder));
    if (kind == AC_REPORT_TRAINING) {
        st = ac_train_report_write(&r.run, path ? path : own);
        goto out;
    }
    if (kind == AC_REPORT_STORIES) {
        st = ac_story_report_write(&r.run, jobs, path ? path : own, images);
        goto out;
    }
    if (kind == AC_REPORT_SCORES) {
        st = ac_evaluate_report_write(&r.run, jobs, path ? path : own, images);
        goto out;
    }
    snprintf(title, sizeof title, "antarctic %s", r.run.manifest.job);
    AC_TRY(ac_page_open(&r.page, path ? path : own, title, folder));
    write_facts(&r);
    write_passed_over(&r);
    ac_page_section(&r.page, "work", "");
    ac_page_columns_begin(&r.page);
    write_stages(&r);
    AC_TRY(write_bad_items(&r));
    ac_page_columns_end(&r.page);
    AC_TRY(write_gallery(&r));
    AC_TRY(ac_page_commit(&r.page));
out:
    reporter_free(&r);
    free(own);
    return st;
}
