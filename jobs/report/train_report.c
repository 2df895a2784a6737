#include "jobs/report/train_report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "io/file/json_lines.h"
#include "io/file/path.h"
#include "jobs/report/gallery.h"
#include "jobs/report/page.h"

enum {
    WIDTH = 720,
    HEIGHT = 300,
    LEFT = 52,
    BOTTOM = 28,
    TOP = 12,
    RIGHT = 14,
    MOST_POINTS = 360,
    TICKS = 5,
    MARKS = 6
};

/* ---- metrics ---- */

typedef struct point {
    double x, y;
} point;

typedef struct curve {
    point *points;
    int64_t count, capacity;
} curve;

static ac_status
curve_push(curve *self, double x, double y)
{
    ac_status st =
        ac_grow(&self->points, &self->capacity, self->count + 1, sizeof *self->points);

    if (st == AC_OK)
        self->points[self->count++] = (point){ x, y };
    return st;
}

static ac_status
each_line(const ac_run_view *run, const char *name, ac_json_line take, void *context)
{
    char *path = NULL;
    ac_status st = ac_path_format(&path, "%s/%s", run->folder, name);

    if (st == AC_OK)
        st = ac_json_lines_read(path, take, context);
    free(path);
    return st;
}

typedef struct curves {
    curve loss, validation;
} curves;

static ac_status
take_metrics(void *context, json_t *line)
{
    curves *self = context;
    const json_t *step = json_object_get(line, "step"), *loss = json_object_get(line, "loss"),
                 *vloss = json_object_get(line, "vloss");

    if (json_is_number(vloss))
        return curve_push(&self->validation, json_number_value(step), json_number_value(vloss));
    return json_is_number(loss)
               ? curve_push(&self->loss, json_number_value(step), json_number_value(loss))
               : AC_OK;
}

/* ---- the chart ---- */

/* What the axes span. */
typedef struct frame {
    double most_x, low, high;
} frame;

static double
place_x(const frame *f, double x)
{
    return LEFT + (WIDTH - LEFT - RIGHT) * x / f->most_x;
}

static double
place_y(const frame *f, double y)
{
    return TOP + (HEIGHT - TOP - BOTTOM) * (f->high - y) / (f->high - f->low);
}

/* A curve of many points as the means of equal stretches. */
static ac_status
thin(const curve *from, curve *to)
{
    const int64_t stretch = (from->count + MOST_POINTS - 1) / MOST_POINTS;
    ac_status st = AC_OK;

    for (int64_t i = 0; i < from->count && st == AC_OK; i += stretch) {
        const int64_t n = from->count - i < stretch ? from->count - i : stretch;
        point sum = { 0, 0 };
        for (int64_t k = i; k < i + n; k++) {
            sum.x += from->points[k].x / (double) n;
            sum.y += from->points[k].y / (double) n;
        }
        st = curve_push(to, sum.x, sum.y);
    }
    return st;
}

static void
span(frame *f, const curve *c)
{
    for (int64_t i = 0; i < c->count; i++) {
        f->most_x = fmax(f->most_x, c->points[i].x);
        f->low = fmin(f->low, c->points[i].y);
        f->high = fmax(f->high, c->points[i].y);
    }
}

static void
push_line(ac_buffer *svg, const frame *f, const curve *c, const char *colour, bool dots)
{
    ac_buffer_printf(svg,
                     "<polyline fill=\"none\" stroke=\"var(%s)\" stroke-width=\"%s\" points=\"",
                     colour, dots ? "2.5" : "1.5");
    for (int64_t i = 0; i < c->count; i++)
        ac_buffer_printf(svg, "%.1f,%.1f ", place_x(f, c->points[i].x),
                         place_y(f, c->points[i].y));
    ac_buffer_push_text(svg, "\"/>\n");
    for (int64_t i = 0; dots && i < c->count; i++)
        ac_buffer_printf(svg,
                         "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" "
                         "fill=\"var(%s)\"><title>step %.0f: %.4f</title></circle>\n",
                         place_x(f, c->points[i].x), place_y(f, c->points[i].y), colour,
                         c->points[i].x, c->points[i].y);
}

/* Steps between two marks of the axis: 1, 2 or 5 times a power of ten, so that each mark is a
 * step's number. */
static double
mark_every(double most)
{
    const double least = most / MARKS, power = pow(10, floor(log10(fmax(least, 1))));
    const double times = least / power;

    return power * (times <= 1 ? 1 : times <= 2 ? 2 : times <= 5 ? 5 : 10);
}

static void
push_axes(ac_buffer *svg, const frame *f)
{
    const double every = mark_every(f->most_x);

    for (int t = 0; t <= TICKS; t++) {
        const double y = f->low + (f->high - f->low) * t / TICKS;
        ac_buffer_printf(
            svg,
            "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"var(--line)\"/><text "
            "x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.3g</text>\n",
            LEFT, WIDTH - RIGHT, place_y(f, y), place_y(f, y), LEFT - 8, place_y(f, y) + 4, y);
    }
    for (double x = 0; x <= f->most_x; x += every)
        ac_buffer_printf(svg, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f</text>\n",
                         place_x(f, x), HEIGHT - BOTTOM + 20, x);
}

static ac_status
write_chart(ac_page *page, const curves *c)
{
    curve thinned = { 0 };
    ac_buffer svg = { 0 };
    frame f = { .most_x = 1, .low = INFINITY, .high = -INFINITY };
    ac_status st = thin(&c->loss, &thinned);

    if (st != AC_OK)
        goto out;
    span(&f, &thinned);
    span(&f, &c->validation);
    if (!(f.high > f.low)) {
        f.high = isfinite(f.high) ? f.high + 0.5 : 1;
        f.low = f.high - 1;
    }
    ac_buffer_printf(&svg,
                     "<svg class=\"chart\" viewBox=\"0 0 %d %d\" role=\"img\" "
                     "aria-label=\"Loss over steps: training and validation\">\n",
                     WIDTH, HEIGHT);
    push_axes(&svg, &f);
    push_line(&svg, &f, &thinned, "--bar", false);
    push_line(&svg, &f, &c->validation, "--accent", true);
    ac_buffer_push_text(
        &svg, "</svg>\n<p class=\"note\">Thick with dots: validation (one fixed "
              "caption per image, no dropout). Thin: training (with dropout), averaged "
              "over several steps where there are many.</p>\n");
    AC_TRY(svg.status);
    ac_page_html(page, svg.data);
out:
    ac_buffer_free(&svg);
    free(thinned.points);
    return st;
}

static void
write_facts(ac_page *page, const ac_run_view *run, const curves *c)
{
    const json_t *s = run->summary;
    const char *kernels;
    int64_t best = 0;

    for (int64_t i = 1; i < c->validation.count; i++)
        if (c->validation.points[i].x > 0 &&
            (c->validation.points[best].x <= 0 ||
             c->validation.points[i].y < c->validation.points[best].y))
            best = i;
    if (!run->done)
        ac_page_html(page, "<p class=\"note warn\">This run is not finished; the same command "
                           "resumes it.</p>\n");
    ac_page_facts_begin(page);
    if (c->validation.count) {
        ac_page_fact(page, "validation loss before", "%.4f", c->validation.points[0].y);
        ac_page_fact(page, "best validation loss", "%.4f", c->validation.points[best].y);
        ac_page_fact(page, "best step", "%.0f", c->validation.points[best].x);
    }
    if (c->loss.count)
        ac_page_fact(page, "steps", "%.0f", c->loss.points[c->loss.count - 1].x);
    if (s) {
        ac_page_fact(page, "ranks", "%.0f", json_number_value(json_object_get(s, "ranks")));
        ac_page_fact(page, "seconds per step", "%.3g",
                     json_number_value(json_object_get(s, "seconds_per_step")));
        ac_page_fact(page, "peak memory per rank", "%.0f MB",
                     json_number_value(json_object_get(s, "peak_memory_bytes")) / 1e6);
    }
    kernels = json_string_value(json_object_get(s, "kernels"));
    ac_page_fact(page, "kernels", "%s", kernels ? kernels : run->manifest.kernels);
    ac_page_facts_end(page);
}

/* ---- before and after ---- */

typedef struct samples {
    const ac_run_view *run;
    ac_gallery gallery;
    ac_shard_view shard;
    int64_t next_shard,
        row; /* thumbnails are looked for onwards: samples come in the order of keys */
} samples;

/* The thumbnail of a validation image; 0 bytes: none. */
static ac_status
find_thumbnail(samples *self, const char *key, const char **jpeg, size_t *bytes)
{
    const ac_shard_view *v = &self->shard;
    char wanted[4096];
    const int n = snprintf(wanted, sizeof wanted, "validation/%s", key);
    ac_status st = AC_OK;

    *jpeg = "";
    *bytes = 0;
    for (;;) {
        for (; self->row < v->n; self->row++) {
            if (ac_texts_is(&v->keys, self->row, wanted, (size_t) n)) {
                *jpeg = ac_texts_at(&v->thumbnails, self->row);
                *bytes = ac_texts_size(&v->thumbnails, self->row);
                return AC_OK;
            }
        }
        if (self->next_shard == self->run->manifest.shard_count)
            return AC_OK;
        AC_TRY(ac_shard_view_read(&self->shard, self->run->folder, self->run->stages,
                                  self->next_shard++, AC_VIEW_THUMBNAILS));
        self->row = 0;
    }
out:
    return st;
}

static ac_status
write_sample(void *context, json_t *line)
{
    samples *self = context;
    const char *key = json_string_value(json_object_get(line, "key")),
               *before = json_string_value(json_object_get(line, "before"));
    const char *after = json_string_value(json_object_get(line, "after")),
               *table = json_string_value(json_object_get(line, "table"));
    const json_t *caption;
    const char *jpeg;
    size_t bytes, i;
    ac_status st = AC_OK;

    if (!key || !before || !after || !table)
        return AC_OK;
    AC_TRY(find_thumbnail(self, key, &jpeg, &bytes));
    ac_gallery_image(&self->gallery, key, strlen(key), after, strlen(after), NAN, jpeg, bytes);
    ac_gallery_candidate(&self->gallery, before, strlen(before), NAN, "before");
    ac_gallery_candidate(&self->gallery, after, strlen(after), NAN, "after");
    json_array_foreach(json_object_get(line, "captions"), i, caption) ac_gallery_candidate(
        &self->gallery, json_string_value(caption), json_string_length(caption), NAN, "given");
    while (*table) { /* "red car | zebra |": the last separator's space went with stripping */
        const char *bar = strstr(table, " |");
        const size_t n = bar ? (size_t) (bar - table) : strlen(table);
        if (n)
            ac_gallery_entry(&self->gallery, table, n, NAN);
        table += n + (bar ? 2 : 0);
        table += *table == ' ';
    }
out:
    return st;
}

ac_status
ac_train_report_write(const ac_run_view *run, const char *path)
{
    const ac_gallery_options options = { "Captions", "Retrieved entries", 0, NULL };
    ac_page page = { 0 };
    curves c = { 0 };
    samples s = { .run = run };
    ac_status st = AC_OK, drawn;

    AC_TRY(each_line(run, "metrics.jsonl", take_metrics, &c));
    AC_TRY(ac_page_open(&page, path, "antarctic train", run->folder));
    ac_page_section(&page, "summary", "");
    write_facts(&page, run, &c);
    ac_page_section(&page, "loss", "Loss");
    ac_page_panel_begin(&page, "Mean cross-entropy of a caption's tokens, by step");
    AC_TRY(write_chart(&page, &c));
    ac_page_panel_end(&page);
    ac_page_section(&page, "images", "Validation images, before and after");
    ac_gallery_begin(&s.gallery, &page, &options);
    drawn = each_line(run, "samples.jsonl", write_sample, &s);
    ac_gallery_end(&s.gallery);
    AC_TRY(drawn);
    st = ac_page_commit(&page);
out:
    ac_page_abandon(&page);
    ac_shard_view_free(&s.shard);
    free(c.loss.points);
    free(c.validation.points);
    return st;
}
