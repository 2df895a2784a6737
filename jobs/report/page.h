/**
 * A report: one HTML file that needs nothing else, written piece by piece and published whole.
 * Style and scripts are the files of this folder, put into the program by the build.
 *
 *     ac_page page = { 0 };
 *     AC_TRY(ac_page_open(&page, path, "A title", "what and when"));
 *     ac_page_section(&page, "loss", "Loss");
 *     ac_page_html(&page, "<svg class=\"chart\" viewBox=…>…</svg>");
 *     AC_TRY(ac_page_commit(&page));
 * out:
 *     ac_page_abandon(&page);
 *
 * Failures stick and are reported by the commit. Nothing of a page that was not committed stays
 * on the disk.
 */
#ifndef AC_JOBS_REPORT_PAGE_H
#define AC_JOBS_REPORT_PAGE_H

#include <stdbool.h>

#include "engine/base/buffer.h"
#include "io/file/text_file.h"

/** Starts zeroed. */
typedef struct ac_page {
    ac_text_file file;
    ac_buffer buffer; /* not written yet */
    bool section;     /* one is open */
    ac_status status; /* the first failure */
} ac_page;

/** Everything up to the first section. title and subtitle are plain text. */
AC_MUST_CHECK ac_status ac_page_open(ac_page *self, const char *path, const char *title,
                                     const char *subtitle);

/** End the section before and begin one; id: a word for links, heading: plain text ("" for
 * none). */
void ac_page_section(ac_page *self, const char *id, const char *heading);

/** Markup as it is. What comes from data goes through ac_page_text instead. */
void ac_page_html(ac_page *self, const char *markup);

/** Plain text, escaped; bytes that are not UTF-8 become U+FFFD. */
void ac_page_text(ac_page *self, const char *bytes, size_t n);
void ac_page_printf(ac_page *self, const char *format, ...)
    __attribute__((format(printf, 2, 3))); /* the same */

/** Tiles of a name and a value: begin, any number, end. */
void ac_page_facts_begin(ac_page *self);
void ac_page_fact(ac_page *self, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void ac_page_facts_end(ac_page *self);

/** A box with a heading: begin, anything, end. Boxes between columns_begin and columns_end
 * stand side by side where there is room. */
void ac_page_columns_begin(ac_page *self);
void ac_page_columns_end(ac_page *self);
void ac_page_panel_begin(ac_page *self, const char *heading);
void ac_page_panel_end(ac_page *self);

/** Horizontal bars: begin, any number, end. share: 0 to 1. */
void ac_page_bars_begin(ac_page *self);
void ac_page_bar(ac_page *self, const char *name, double share, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void ac_page_bars_end(ac_page *self);

/** A block of JSON that scripts of the page read: {id}'s textContent. json: the caller's,
 * complete. */
void ac_page_json(ac_page *self, const char *id, const char *json, size_t n);

/** A script of this folder, inline. */
void ac_page_script(ac_page *self, const char *source);

AC_MUST_CHECK ac_status ac_page_commit(ac_page *self);
void ac_page_abandon(ac_page *self); /* idempotent, also after a commit */

#endif
