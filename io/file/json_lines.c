#include "io/file/json_lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "io/file/file_head.h"
#include "io/file/file_look.h"
#include "io/file/json_value.h"
#include "io/file/line_reader.h"

ac_status
ac_json_lines_read(const char *path, ac_json_line take, void *context)
{
    ac_line_reader reader = { 0 };
    const char *line;
    size_t n;
    ac_status st = AC_OK;

    if (!ac_file_is_there(path) && (errno == ENOENT || errno == ENOTDIR))
        return AC_OK;
    AC_TRY(ac_line_reader_open(&reader, path));
    while (st == AC_OK) {
        json_t *record;
        AC_TRY(ac_line_reader_next(&reader, &line, &n));
        if (!line)
            break;
        record = ac_json_parse(line, n, 0, NULL);
        if (record)
            st = take(context, record);
        json_decref(record);
    }
out:
    ac_line_reader_close(&reader);
    return st;
}

/* Is there something else than white space? */
static bool
has_content(const char *line, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
            return true;
    return false;
}

ac_status
ac_json_lines_read_all(const char *path, ac_json_line take, void *context)
{
    ac_line_reader reader = { 0 };
    const char *line;
    size_t n;
    ac_status st = AC_OK;

    AC_TRY(ac_line_reader_open(&reader, path));
    for (long long number = 1; st == AC_OK; number++) {
        json_error_t error;
        json_t *record;
        AC_TRY(ac_line_reader_next(&reader, &line, &n));
        if (!line)
            break;
        if (number == 1) { /* a byte-order mark is no part of the text */
            const size_t mark = ac_head_mark(line, n);
            line += mark;
            n -= mark;
        }
        if (!has_content(line, n))
            continue;
        record = ac_json_parse(line, n, JSON_ALLOW_NUL, &error);
        st = record ? take(context, record)
                    : ac_error_set(AC_E_FORMAT, "is not JSON: %s", error.text);
        json_decref(record);
        if (st != AC_OK)
            st = ac_error_prefix(st, "%s, line %lld", path, number);
    }
out:
    ac_line_reader_close(&reader);
    return st;
}
