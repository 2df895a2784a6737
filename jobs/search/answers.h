/** The answers of a search: JSON lines, paths, or a page. */
#ifndef AC_JOBS_SEARCH_ANSWERS_H
#define AC_JOBS_SEARCH_ANSWERS_H

#include "io/file/text_file.h"
#include "jobs/report/page.h"
#include "jobs/search/search.h"

typedef enum ac_answer_format {
    AC_ANSWERS_JSONL = 0,
    AC_ANSWERS_PATHS,
    AC_ANSWERS_HTML
} ac_answer_format;

enum { AC_ANSWERS_PAGE_QUERIES = 1000 }; /* a page shows no more */

/** Starts zeroed. */
typedef struct ac_answers {
    ac_answer_format format;
    const char *path;  /* NULL: stdout */
    ac_text_file file; /* of a path */
    ac_page page;
    ac_buffer text;
    int64_t answered, refused;
} ac_answers;

/** "jsonl", "paths", "html"; false: none of them. */
bool ac_answer_format_from_name(const char *name, ac_answer_format *out);

AC_MUST_CHECK ac_status ac_answers_open(ac_answers *self, const ac_search *search);
/** The queries of the present block. */
AC_MUST_CHECK ac_status ac_answers_put(ac_answers *self, const ac_search *search);
/** Publish the file. */
AC_MUST_CHECK ac_status ac_answers_commit(ac_answers *self);
void ac_answers_abandon(ac_answers *self);

#endif
