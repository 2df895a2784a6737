/** What a process writes for people: errors and log lines on stderr, results on stdout. Nothing
 * here prints a character that a terminal would obey. */
#ifndef AC_JOBS_CLI_TERMINAL_H
#define AC_JOBS_CLI_TERMINAL_H

#include <stddef.h>

#include "engine/base/log.h"
#include "engine/base/status.h"

/** An ac_log_sink: a line on stderr, marked where it is an error or a warning. */
void ac_terminal_line(void *context, ac_log_level level, const char *line);

/** "antarctic NAME: MESSAGE": this thread's error, in debug builds with its place in the
 * source. */
void ac_terminal_error(const char *name);

/** A line on stdout, as ac_text_push_visible writes it, for it may hold texts of other people:
 * a line break at the format's end is one, all others are shown. */
void ac_terminal_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** JSON [n], or YAML whose texts are in quotation marks, on stdout, as ac_json_push_visible
 * writes it. */
void ac_terminal_json(const char *json, size_t n);

/** The rest of a message that others have formatted, on stderr: as ac_terminal_print. */
void ac_terminal_complain(const char *before, const char *text, const char *behind);

/** st, or, where all went well, AC_E_IO if what was printed on stdout did not arrive. */
AC_MUST_CHECK ac_status ac_terminal_flush(ac_status st);

/** A launcher ends all ranks at the first that ends badly, and may lose what it has not read
 * yet: wait, shortly, until it has. */
void ac_terminal_wait_until_read(int fd);

/** Can anything be written to standard output, had there been something to say? AC_E_IO where
 * it is a full device. A closed one is none. */
AC_MUST_CHECK ac_status ac_terminal_check_output(void);

#endif
