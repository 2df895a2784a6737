#include "jobs/search/answers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/base/text.h"
#include "io/file/base64.h"
#include "io/file/json_write.h"
#include "io/file/publish.h"

enum { FLUSH_BYTES = 1 << 18 };

bool
ac_answer_format_from_name(const char *name, ac_answer_format *out)
{
    static const char *const names[] = { "jsonl", "paths", "html" };

    for (int i = 0; i < 3; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (ac_answer_format) i;
            return true;
        }
    return false;
}

/* ---- where they go ---- */

/* Names of files keep their bytes for whoever opens them, but not where a person reads them. */
static ac_status
put_on_stdout(const ac_buffer *text, ac_answer_format format)
{
    ac_buffer seen = { 0 };
    ac_status st = AC_OK;

    if (format == AC_ANSWERS_PATHS && !isatty(STDOUT_FILENO)) {
        fwrite(text->data, 1, text->size, stdout);
        return AC_OK;
    }
    if (format == AC_ANSWERS_JSONL)
        ac_json_push_visible(&seen, text->data, text->size);
    for (const char *line = text->data, *end; format == AC_ANSWERS_PATHS && *line;
         line = end + 1) {
        end = line + strcspn(line, "\n");
        ac_text_push_visible(&seen, line, (size_t) (end - line));
        ac_buffer_push_char(&seen, '\n');
    }
    if ((st = seen.status) == AC_OK)
        fwrite(seen.data, 1, seen.size, stdout);
    ac_buffer_free(&seen);
    return st;
}

static ac_status
flush(ac_answers *self)
{
    ac_status st = self->text.status;

    if (st != AC_OK || !self->text.size)
        return st;
    if (self->path)
        ac_text_file_write(&self->file, self->text.data, self->text.size);
    else
        st = put_on_stdout(&self->text, self->format);
    ac_buffer_reset(&self->text);
    return st;
}

ac_status
ac_answers_open(ac_answers *self, const ac_search *search)
{
    const ac_archive *a = search->archive;
    ac_buffer names = { 0 };
    ac_status st = AC_OK;

    if (self->path)
        ac_publish_remove_left_over(self->path);
    if (self->format != AC_ANSWERS_HTML)
        return self->path ? ac_text_file_create(&self->file, self->path) : AC_OK;
    for (int i = 0; i < a->source_count; i++) {
        ac_buffer_push_text(&names, i ? ", " : "");
        ac_buffer_push_text(&names, a->sources[i].path);
    }
    ac_buffer_printf(&names, ": %lld %s. Scores are inner products of CLIP embeddings.",
                     (long long) a->n, a->sources[0].is_cache ? "entries" : "images");
    AC_TRY(names.status);
    st = ac_page_open(&self->page, self->path, "antarctic search", names.data);
out:
    ac_buffer_free(&names);
    return st;
}

ac_status
ac_answers_commit(ac_answers *self)
{
    ac_status st = AC_OK;

    if (self->format == AC_ANSWERS_HTML)
        return ac_page_commit(&self->page);
    AC_TRY(flush(self));
    if (self->path)
        return ac_text_file_commit(&self->file);
    if (fflush(stdout) != 0)
        st = ac_error_set(AC_E_IO, "standard output cannot be written");
out:
    return st;
}

void
ac_answers_abandon(ac_answers *self)
{
    ac_text_file_abandon(&self->file);
    ac_page_abandon(&self->page);
    ac_buffer_free(&self->text);
}

/* ---- lines ---- */

static const char *
source_of(const ac_archive *archive, int64_t row)
{
    return archive->sources[archive->places[row].source].path;
}

static ac_status
push_result(ac_buffer *out, ac_archive *archive, int64_t row, float score)
{
    const char *caption;
    size_t n;
    const ac_status st = ac_archive_caption(archive, row, &caption, &n);

    if (st != AC_OK)
        return st;
    ac_buffer_push_char(out, '{');
    ac_json_texts_field(out, "key", &archive->keys, row);
    ac_buffer_push_text(out, ", \"score\": ");
    ac_json_float(out, score);
    ac_buffer_push_text(out, ", \"source\": ");
    ac_json_text(out, source_of(archive, row));
    ac_buffer_push_text(out, ", \"caption\": ");
    if (caption)
        ac_json_string(out, caption, n);
    else
        ac_buffer_push_text(out, "null");
    return ac_buffer_push_char(out, '}');
}

static ac_status
push_line(ac_answers *self, const ac_search *search, int64_t i)
{
    const ac_query *q = &search->queries.items[i];
    ac_buffer *out = &self->text;
    int64_t row;
    float score;
    ac_status st = AC_OK;

    ac_buffer_push_text(out, "{\"query\": ");
    ac_buffer_push_text(out, q->echo);
    if (q->kind == AC_QUERY_BAD) {
        ac_buffer_push_text(out, ", \"error\": ");
        ac_json_text(out, q->error);
        return ac_buffer_push_text(out, "}\n");
    }
    ac_buffer_push_text(out, ", \"results\": [");
    for (int64_t j = 0; ac_search_result(search, i, j, &row, &score); j++) {
        ac_buffer_push_text(out, j ? ", " : "");
        AC_TRY(push_result(out, search->archive, row, score));
    }
    st = ac_buffer_push_text(out, "]}\n");
out:
    return st;
}

static ac_status
push_paths(ac_answers *self, const ac_search *search, int64_t i)
{
    int64_t row;
    float score;
    ac_status st = AC_OK;

    for (int64_t j = 0; st == AC_OK && ac_search_result(search, i, j, &row, &score); j++) {
        char *path = NULL;
        st = ac_archive_path(search->archive, row, &path);
        if (st == AC_OK)
            st = ac_text_push_name_line(&self->text, path, strlen(path));
        free(path);
    }
    return st;
}

/* ---- a page ---- */

static ac_status
push_thumbnail(ac_page *page, ac_archive *archive, int64_t row, bool *has)
{
    const char *jpeg;
    size_t n;
    ac_buffer text = { 0 };
    ac_status st = ac_archive_thumbnail(archive, row, &jpeg, &n);

    *has = st == AC_OK && jpeg;
    if (*has) {
        ac_page_html(page, "<div class=\"top\"><img width=\"112\" height=\"112\" "
                           "loading=\"lazy\" alt=\"");
        ac_page_text(page, ac_texts_at(&archive->keys, row),
                     ac_texts_size(&archive->keys, row));
        ac_page_html(page, "\" src=\"data:image/jpeg;base64,");
        ac_base64_push(&text, jpeg, n);
        st = text.status;
        if (st == AC_OK)
            ac_page_html(page, text.data);
        ac_page_html(page, "\">");
    }
    ac_buffer_free(&text);
    return st;
}

/* The image, what it is called, and how near it is; score NULL: it is what was asked for. */
static ac_status
push_card(ac_page *page, ac_archive *archive, int64_t row, const float *score)
{
    const ac_texts *keys = &archive->keys;
    const char *caption;
    size_t n;
    bool has;
    ac_status st = AC_OK;

    ac_page_html(page, score ? "<article class=\"image\">" : "<article class=\"image asked\">");
    AC_TRY(push_thumbnail(page, archive, row, &has));
    if (!has)
        ac_page_html(page, "<div class=\"top bare\">");
    AC_TRY(ac_archive_caption(archive, row, &caption, &n));
    ac_page_html(page, "<div><h3>");
    if (caption && n)
        ac_page_text(page, caption, n);
    else
        ac_page_text(page, ac_texts_at(keys, row), ac_texts_size(keys, row));
    ac_page_html(page, "</h3>");
    if (caption && n) {
        ac_page_html(page, "<p class=\"key\">");
        ac_page_text(page, ac_texts_at(keys, row), ac_texts_size(keys, row));
        ac_page_html(page, "</p>");
    }
    if (archive->source_count > 1) {
        ac_page_html(page, "<p class=\"key\">");
        ac_page_printf(page, "%s", source_of(archive, row));
        ac_page_html(page, "</p>");
    }
    ac_page_html(page, score ? "<p class=\"score\">" : "<p class=\"key\">");
    if (score)
        ac_page_printf(page, "%.4f", (double) *score);
    else
        ac_page_html(page, "asked for");
    ac_page_html(page, "</p></div></div></article>\n");
out:
    return st;
}

static const char *
heading_of(const ac_query *q)
{
    switch (q->kind) {
    case AC_QUERY_IMAGE: return "like the image ";
    case AC_QUERY_KEY: return "more like ";
    case AC_QUERY_EMBEDDING: return "near the embedding ";
    default: return "";
    }
}

static ac_status
push_section(ac_answers *self, const ac_search *search, int64_t i)
{
    const ac_query *q = &search->queries.items[i];
    ac_buffer heading = { 0 };
    char id[32];
    int64_t row, j = 0;
    float score;
    ac_status st = AC_OK;

    snprintf(id, sizeof id, "query-%lld", (long long) self->answered + 1);
    ac_buffer_push_text(&heading, heading_of(q));
    ac_buffer_push_text(&heading, q->value ? q->value : q->echo);
    AC_TRY(heading.status);
    ac_page_section(&self->page, id, heading.data);
    if (q->kind == AC_QUERY_BAD) {
        ac_page_html(&self->page, "<p class=\"note warn\">");
        ac_page_text(&self->page, q->error, strlen(q->error));
        ac_page_html(&self->page, "</p>\n");
        goto out;
    }
    ac_page_html(&self->page, "<div class=\"cards\">\n");
    if (q->row >= 0)
        AC_TRY(push_card(&self->page, search->archive, q->row, NULL));
    for (; ac_search_result(search, i, j, &row, &score); j++)
        AC_TRY(push_card(&self->page, search->archive, row, &score));
    ac_page_html(&self->page, "</div>\n");
    if (j == 0)
        ac_page_html(&self->page,
                     isinf(search->least)
                         ? "<p class=\"note\">nothing else is in it</p>\n"
                         : "<p class=\"note\">nothing reaches the minimum score</p>\n");
out:
    ac_buffer_free(&heading);
    return st;
}

/* ---- all ---- */

ac_status
ac_answers_put(ac_answers *self, const ac_search *search)
{
    ac_status st = AC_OK;

    for (int64_t i = 0; i < search->queries.count; i++) {
        const ac_query *q = &search->queries.items[i];
        if (q->kind == AC_QUERY_BAD && self->format != AC_ANSWERS_JSONL)
            ac_log(AC_LOG_WARNING, "%s", q->error);
        self->refused += q->kind == AC_QUERY_BAD;
        if (self->format == AC_ANSWERS_HTML && self->answered >= AC_ANSWERS_PAGE_QUERIES)
            AC_FAIL(AC_E_ARG,
                    "a page shows at most %d queries; --format jsonl takes any number",
                    AC_ANSWERS_PAGE_QUERIES);
        if (self->format == AC_ANSWERS_HTML)
            AC_TRY(push_section(self, search, i));
        else if (self->format == AC_ANSWERS_JSONL)
            AC_TRY(push_line(self, search, i));
        else if (q->kind != AC_QUERY_BAD)
            AC_TRY(push_paths(self, search, i));
        self->answered++;
        if (self->text.size > FLUSH_BYTES)
            AC_TRY(flush(self));
    }
    AC_TRY(flush(self));
    if (!self->path && fflush(stdout) != 0)
        st = ac_error_set(AC_E_IO, "standard output cannot be written");
out:
    return st;
}
