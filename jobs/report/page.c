#include "jobs/report/page.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/text.h"
#include "io/file/json_write.h"
#include "jobs/runtime/version.h"
#include "ac_report_assets.h"

enum { FLUSH_BYTES = 1 << 18 };

/* ---- text ---- */

static void
flush(ac_page *self)
{
    if (self->status == AC_OK)
        self->status = self->buffer.status;
    if (self->status == AC_OK && self->buffer.size)
        ac_text_file_write(&self->file, self->buffer.data, self->buffer.size);
    ac_buffer_reset(&self->buffer);
}

static void
push(ac_page *self, const char *bytes, size_t n)
{
    ac_buffer_push(&self->buffer, bytes, n);
    if (self->buffer.size >= FLUSH_BYTES)
        flush(self);
}

void
ac_page_html(ac_page *self, const char *markup)
{
    push(self, markup, strlen(markup));
}

void
ac_page_text(ac_page *self, const char *bytes, size_t n)
{
    for (size_t i = 0, used; i < n; i += used) {
        used = ac_text_utf8(bytes + i, n - i);
        if (used == 0) {
            ac_page_html(self, "\xef\xbf\xbd");
            used = 1;
            continue;
        }
        switch (bytes[i]) {
        case '&': ac_page_html(self, "&amp;"); break;
        case '<': ac_page_html(self, "&lt;"); break;
        case '>': ac_page_html(self, "&gt;"); break;
        case '"': ac_page_html(self, "&quot;"); break;
        case '\n': push(self, "\n", 1); break;
        default:
            if (ac_text_obeyed(bytes + i, used))
                ac_text_push_visible(&self->buffer, bytes + i, used);
            else
                push(self, bytes + i, used);
        }
    }
}

static void
print_text(ac_page *self, const char *format, va_list args)
{
    char *text = NULL;
    int n = vasprintf(&text, format, args);

    if (n < 0) {
        self->status = self->status == AC_OK
                           ? ac_error_set(AC_E_NOMEM, "out of memory for a report")
                           : self->status;
        return;
    }
    ac_page_text(self, text, (size_t) n);
    free(text);
}

void
ac_page_printf(ac_page *self, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_text(self, format, args);
    va_end(args);
}

/* ---- the frame ---- */

/* The template with each {{name}} replaced; values with `raw` set are markup already. */
typedef struct replacement {
    const char *name, *value;
    bool raw;
} replacement;

static void
push_template(ac_page *self, const char *template, const replacement *values)
{
    const char *open;

    for (; (open = strstr(template, "{{")); template = strstr(open, "}}") + 2) {
        const replacement *r = values;
        push(self, template, (size_t) (open - template));
        while (r->name && strncmp(open + 2, r->name, strlen(r->name)) != 0)
            r++;
        AC_CHECK(r->name);
        if (r->raw)
            ac_page_html(self, r->value);
        else
            ac_page_text(self, r->value, strlen(r->value));
    }
    ac_page_html(self, template);
}

ac_status
ac_page_open(ac_page *self, const char *path, const char *title, const char *subtitle)
{
    const replacement values[] = {
        { "title", title, false },
        { "subtitle", subtitle, false },
        { "style", ac_report_page_css, true },
        { NULL, NULL, false },
    };
    ac_status st = AC_OK;

    *self = (ac_page){ 0 };
    AC_TRY(ac_text_file_create(&self->file, path));
    push_template(self, ac_report_head_html, values);
out:
    return st;
}

void
ac_page_section(ac_page *self, const char *id, const char *heading)
{
    if (self->section)
        ac_page_html(self, "</section>\n");
    self->section = true;
    ac_page_html(self, "<section id=\"");
    ac_page_text(self, id, strlen(id));
    ac_page_html(self, "\">\n");
    if (*heading) {
        ac_page_html(self, "<h2>");
        ac_page_text(self, heading, strlen(heading));
        ac_page_html(self, "</h2>\n");
    }
}

ac_status
ac_page_commit(ac_page *self)
{
    const replacement values[] = { { "version", AC_VERSION, false }, { NULL, NULL, false } };
    ac_status st = AC_OK;

    if (self->section)
        ac_page_html(self, "</section>\n");
    push_template(self, ac_report_foot_html, values);
    flush(self);
    AC_TRY(self->status);
    st = ac_text_file_commit(&self->file);
out:
    ac_page_abandon(self);
    return st;
}

void
ac_page_abandon(ac_page *self)
{
    ac_text_file_abandon(&self->file);
    ac_buffer_free(&self->buffer);
    *self = (ac_page){ 0 };
}

/* ---- parts ---- */

void
ac_page_facts_begin(ac_page *self)
{
    ac_page_html(self, "<dl class=\"facts\">\n");
}

void
ac_page_fact(ac_page *self, const char *name, const char *format, ...)
{
    enum { LONG_VALUE = 10 };
    char value[256];
    va_list args;

    va_start(args, format);
    vsnprintf(value, sizeof value, format, args);
    va_end(args);
    ac_page_html(self, "<div><dt>");
    ac_page_text(self, name, strlen(name));
    ac_page_html(self, strlen(value) > LONG_VALUE ? "</dt><dd class=\"long\">" : "</dt><dd>");
    ac_page_text(self, value, strlen(value));
    ac_page_html(self, "</dd></div>\n");
}

void
ac_page_facts_end(ac_page *self)
{
    ac_page_html(self, "</dl>\n");
}

void
ac_page_columns_begin(ac_page *self)
{
    ac_page_html(self, "<div class=\"columns\">\n");
}

void
ac_page_columns_end(ac_page *self)
{
    ac_page_html(self, "</div>\n");
}

void
ac_page_panel_begin(ac_page *self, const char *heading)
{
    ac_page_html(self, "<div class=\"panel\"><h3>");
    ac_page_text(self, heading, strlen(heading));
    ac_page_html(self, "</h3>\n");
}

void
ac_page_panel_end(ac_page *self)
{
    ac_page_html(self, "</div>\n");
}

void
ac_page_bars_begin(ac_page *self)
{
    ac_page_html(self, "<ul class=\"bars\">\n");
}

void
ac_page_bar(ac_page *self, const char *name, double share, const char *format, ...)
{
    va_list args;

    ac_page_html(self, "<li><span>");
    ac_page_text(self, name, strlen(name));
    ac_page_html(
        self, "</span><span class=\"track\"><span class=\"fill\" style=\"display:block;width:");
    ac_page_printf(self, "%.1f%%", 100 * (share > 1 ? 1 : share > 0 ? share : 0));
    ac_page_html(self, "\"></span></span><span class=\"value\">");
    va_start(args, format);
    print_text(self, format, args);
    va_end(args);
    ac_page_html(self, "</span></li>\n");
}

void
ac_page_bars_end(ac_page *self)
{
    ac_page_html(self, "</ul>\n");
}

void
ac_page_json(ac_page *self, const char *id, const char *json, size_t n)
{
    ac_buffer visible = { 0 };
    const char *end, *tag;

    ac_json_push_visible(&visible, json, n);
    self->status = self->status == AC_OK ? visible.status : self->status;
    json = visible.data ? visible.data : "";
    end = json + visible.size;
    ac_page_html(self, "<script type=\"application/json\" id=\"");
    ac_page_text(self, id, strlen(id));
    ac_page_html(self, "\">");
    for (; (tag = memchr(json, '<', (size_t) (end - json)));
         json = tag + 1) { /* in JSON '<' stands in strings alone */
        push(self, json, (size_t) (tag - json));
        ac_page_html(self, "\\u003c"); /* nothing in the data can end the script element */
    }
    push(self, json, (size_t) (end - json));
    ac_page_html(self, "</script>\n");
    ac_buffer_free(&visible);
}

void
ac_page_script(ac_page *self, const char *source)
{
    ac_page_html(self, "<script>\n");
    ac_page_html(self, source);
    ac_page_html(self, "</script>\n");
}
