#include "jobs/report/story_report.h"

#include <stdlib.h>
#include <string.h>

#include "io/file/json_lines.h"
#include "io/file/path.h"
#include "jobs/report/page.h"

typedef struct writer {
    ac_page page;
    int64_t shown, most;
} writer;

static void
push_text(ac_page *page, const json_t *text)
{
    if (json_is_string(text))
        ac_page_text(page, json_string_value(text), json_string_length(text));
}

/* An ac_json_line: the image's key, its caption, its stories. */
static ac_status
write_record(void *context, json_t *record)
{
    writer *w = context;
    const json_t *key = json_object_get(record, "key"), *story;
    size_t i;

    if (w->shown++ >= w->most)
        return AC_OK;
    ac_page_panel_begin(&w->page, json_is_string(key) ? json_string_value(key) : "");
    ac_page_html(&w->page, "<p><strong>");
    push_text(&w->page, json_object_get(record, "caption"));
    ac_page_html(&w->page, "</strong></p>\n");
    json_array_foreach(json_object_get(record, "stories"), i, story)
    {
        ac_page_html(&w->page, "<p style=\"white-space:pre-wrap\"><em>");
        push_text(&w->page, json_object_get(record, "prompt"));
        ac_page_html(&w->page, "</em>");
        push_text(&w->page, json_object_get(story, "text"));
        ac_page_html(&w->page, "</p>\n");
    }
    ac_page_panel_end(&w->page);
    return AC_OK;
}

static ac_status
write_facts(writer *w, const ac_run_view *run)
{
    const json_t *seconds = json_object_get(run->summary, "wall_seconds");
    int64_t rows, bad;
    const ac_status st = ac_run_view_count(run, &rows, &bad);

    if (st != AC_OK)
        return st;
    ac_page_facts_begin(&w->page);
    ac_page_fact(&w->page, "captions", "%lld", (long long) run->manifest.items);
    ac_page_fact(&w->page, "continued", "%lld", (long long) rows);
    ac_page_fact(&w->page, "rejected", "%lld", (long long) bad);
    if (json_is_number(seconds))
        ac_page_fact(&w->page, "seconds", "%.1f", json_number_value(seconds));
    ac_page_facts_end(&w->page);
    return AC_OK;
}

ac_status
ac_story_report_write(const ac_run_view *run, const char *path, int64_t most)
{
    writer w = { .most = most };
    char *stories = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&stories, "%s/stories.jsonl", run->folder));
    AC_TRY(ac_page_open(&w.page, path, "antarctic story", run->folder));
    ac_page_section(&w.page, "summary", "");
    AC_TRY(write_facts(&w, run));
    ac_page_section(&w.page, "stories", "Stories");
    AC_TRY(ac_json_lines_read(stories, write_record, &w));
    st = ac_page_commit(&w.page);
out:
    ac_page_abandon(&w.page);
    free(stories);
    return st;
}
