#include "jobs/report/story_report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/log.h"
#include "engine/base/text.h"
#include "io/config/config.h"
#include "io/file/file_look.h"
#include "io/file/json_lines.h"
#include "io/file/path.h"
#include "jobs/report/gallery.h"

/* The thumbnails of the run that the captions are of, in the order of its keys. */
typedef struct thumbnails {
    ac_run_view run;
    ac_item_walk walk;
    bool found; /* the walk stands at an item */
} thumbnails;

typedef struct writer {
    const ac_run_view *run;
    ac_page page;
    ac_gallery gallery;
    ac_config config;
    thumbnails images;
    int64_t seen, shown, rows;
} writer;

/* ---- thumbnails ---- */

static ac_status
open_thumbnails(thumbnails *self, const char *folder, const ac_job *const *jobs)
{
    ac_status st = AC_OK;

    AC_TRY(ac_run_view_open(&self->run, folder, jobs));
    AC_TRY(ac_run_view_walk(&self->run, &self->walk, AC_VIEW_KEYS | AC_VIEW_THUMBNAILS, 1, true,
                            false));
    st = ac_item_walk_next(&self->walk, &self->found);
out:
    return st;
}

/* A run that has gone, or cannot be read, costs the images alone. */
static void
find_thumbnails(writer *w, const ac_job *const *jobs)
{
    const char *folder = w->config.input.path;
    struct stat info;

    if (!folder || ac_file_stat(folder, &info) != 0 || !S_ISDIR(info.st_mode))
        return;
    if (open_thumbnails(&w->images, folder, jobs) == AC_OK)
        return;
    ac_log(AC_LOG_WARNING, "the report shows no images: %s", ac_error_message());
    w->images.found = false;
}

/* The thumbnail of the image with this key; *n 0: there is none. Keys come in order. */
static const char *
thumbnail(thumbnails *self, const char *key, size_t bytes, size_t *n)
{
    int order = -1;

    *n = 0;
    while (self->found) {
        const ac_item_walk *w = &self->walk;
        order = ac_bytes_compare(w->key.bytes, w->key.size, key, bytes);
        if (order >= 0)
            break;
        if (ac_item_walk_next(&self->walk, &self->found) != AC_OK)
            self->found = false;
    }
    if (!self->found || order != 0 || self->walk.view->thumbnails.count == 0)
        return "";
    *n = ac_texts_size(&self->walk.view->thumbnails, self->walk.row);
    return ac_texts_at(&self->walk.view->thumbnails, self->walk.row);
}

/* ---- cards ---- */

typedef struct text {
    const char *bytes;
    size_t n;
} text;

static text
text_of(const json_t *record, const char *name)
{
    const json_t *value = json_object_get(record, name);

    return json_is_string(value) ? (text){ json_string_value(value), json_string_length(value) }
                                 : (text){ "", 0 };
}

static float
number_of(const json_t *record, const char *name)
{
    const json_t *value = json_object_get(record, name);

    return json_is_number(value) ? (float) json_number_value(value) : NAN;
}

/* "log-probability -26.2, CLIP 0.498, end token" */
static void
push_note(ac_buffer *out, const json_t *story)
{
    static const char *const names[] = { "end", "stop", "length", "positions" },
                             *const said[] = { "end token", "stop string", "maximum length",
                                               "last position" };
    const float score = number_of(story, "score"), clip = number_of(story, "clip_score");
    const text end = text_of(story, "end");

    ac_buffer_reset(out);
    if (isfinite(score))
        ac_buffer_printf(out, "log-probability %.1f, ", (double) score);
    if (isfinite(clip))
        ac_buffer_printf(out, "CLIP %.3f, ", (double) clip);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (ac_text_is(end.bytes, end.n, names[i]))
            ac_buffer_push_text(out, said[i]);
}

static ac_status
write_card(writer *w, const json_t *record)
{
    const json_t *stories = json_object_get(record, "stories"), *story;
    const text key = text_of(record, "key"), caption = text_of(record, "caption"),
               prompt = text_of(record, "prompt");
    const bool chat = w->config.story.chat != 0; /* the prompt is no part of the story */
    ac_buffer note = { 0 };
    const char *jpeg;
    size_t i, n;
    ac_status st;

    jpeg = thumbnail(&w->images, key.bytes, key.n, &n);
    ac_gallery_image(&w->gallery, key.bytes, key.n, caption.bytes, caption.n,
                     number_of(json_array_get(stories, 0), "clip_score"), jpeg, n);
    json_array_foreach(stories, i, story)
    {
        const text told = text_of(story, "text");
        push_note(&note, story);
        ac_gallery_story(&w->gallery, prompt.bytes, chat ? 0 : prompt.n, told.bytes, told.n,
                         note.data ? note.data : "");
    }
    st = note.status;
    ac_buffer_free(&note);
    return st;
}

/* An ac_json_line. Record j is shown where j * shown / rows steps up. */
static ac_status
write_record(void *context, json_t *record)
{
    writer *w = context;
    const int64_t j = w->seen++;

    return (j + 1) * w->shown / w->rows > j * w->shown / w->rows ? write_card(w, record)
                                                                 : AC_OK;
}

/* ---- the page ---- */

static void
write_ends(writer *w)
{
    static const char *const names[] = { "end", "stop", "length", "positions" },
                             *const said[] = { "ended by an end token", "by a stop string",
                                               "at the maximum length",
                                               "at the last position" };
    const json_t *ends = json_object_get(w->run->summary, "ends");

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const json_int_t n = json_integer_value(json_object_get(ends, names[i]));
        if (n)
            ac_page_fact(&w->page, said[i], "%lld", (long long) n);
    }
}

static void
write_facts(writer *w, int64_t bad)
{
    const json_t *seconds = json_object_get(w->run->summary, "wall_seconds"),
                 *stories = json_object_get(w->run->summary, "stories"),
                 *truncated = json_object_get(w->run->summary, "truncated_prompts");

    ac_page_facts_begin(&w->page);
    ac_page_fact(&w->page, "captions", "%lld", (long long) w->run->manifest.items);
    ac_page_fact(&w->page, "continued", "%lld", (long long) w->rows);
    if (bad)
        ac_page_fact(&w->page, "rejected (bad_items.jsonl)", "%lld", (long long) bad);
    if (json_integer_value(stories) > w->rows)
        ac_page_fact(&w->page, "stories", "%lld", (long long) json_integer_value(stories));
    write_ends(w);
    if (json_integer_value(truncated))
        ac_page_fact(&w->page, "prompts truncated", "%lld",
                     (long long) json_integer_value(truncated));
    if (json_is_number(seconds))
        ac_page_fact(&w->page, "seconds", "%.1f", json_number_value(seconds));
    ac_page_facts_end(&w->page);
}

/* What the stories begin with, and who tells them; nothing where the config is another
 * version's. */
static void
write_setting(writer *w)
{
    const char *model = w->config.story.model, *slash = model ? strrchr(model, '/') : NULL;

    if (!model)
        return;
    ac_page_html(&w->page, "<p class=\"note\">Model: ");
    ac_page_printf(&w->page, "%s. Prompt: %s", slash && slash[1] ? slash + 1 : model,
                   w->config.story.prompt);
    ac_page_html(&w->page, "</p>\n");
}

static void
read_config(writer *w)
{
    char *path = NULL;

    if (ac_path_format(&path, "%s/config.yaml", w->run->folder) != AC_OK ||
        ac_config_init(&w->config) != AC_OK || ac_config_read(&w->config, path) != AC_OK) {
        ac_config_free(&w->config);
        w->config = (ac_config){ 0 };
    }
    free(path);
}

ac_status
ac_story_report_write(const ac_run_view *run, const ac_job *const *jobs, const char *path,
                      int64_t most)
{
    writer w = { .run = run };
    ac_gallery_options options = { "Stories", "", 0, "caption" };
    char *stories = NULL;
    int64_t bad;
    ac_status st = AC_OK;

    AC_TRY(ac_run_view_count(run, &w.rows, &bad));
    w.shown = w.rows < most ? w.rows : most;
    options.total = w.rows;
    if (json_integer_value(json_object_get(run->summary, "stories")) == w.rows)
        options.candidates_title = "Story";
    read_config(&w);
    find_thumbnails(&w, jobs);
    AC_TRY(ac_path_format(&stories, "%s/stories.jsonl", run->folder));
    AC_TRY(ac_page_open(&w.page, path, "antarctic story", run->folder));
    ac_page_section(&w.page, "summary", "");
    write_facts(&w, bad);
    write_setting(&w);
    ac_page_section(&w.page, "images", "Stories");
    ac_gallery_begin(&w.gallery, &w.page, &options);
    st = w.rows ? ac_json_lines_read_all(stories, write_record, &w) : AC_OK;
    ac_gallery_end(&w.gallery);
    AC_TRY(st);
    st = ac_page_commit(&w.page);
out:
    ac_page_abandon(&w.page);
    ac_item_walk_close(&w.images.walk);
    ac_run_view_close(&w.images.run);
    ac_config_free(&w.config);
    free(stories);
    return st;
}
