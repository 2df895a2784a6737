#include "io/file/json_lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/buffer.h"
#include "io/file/text_file.h"

ac_status
ac_json_lines_read(const char *path, ac_json_line take, void *context)
{
    ac_buffer text = { 0 };
    ac_status st = AC_OK;

    if (access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR))
        return AC_OK;
    AC_TRY(ac_text_file_read(path, &text));
    for (size_t at = 0; at < text.size && st == AC_OK;) {
        const char *newline = memchr(text.data + at, '\n', text.size - at);
        const size_t n = newline ? (size_t) (newline - text.data) - at : text.size - at;
        json_t *record = json_loadb(text.data + at, n, 0, NULL);
        if (record)
            st = take(context, record);
        json_decref(record);
        at += n + 1;
    }
out:
    ac_buffer_free(&text);
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
    ac_buffer text = { 0 };
    long long number = 0;
    ac_status st = AC_OK;

    AC_TRY(ac_text_file_read(path, &text));
    for (size_t at = 0; at < text.size && st == AC_OK;) {
        const char *line = text.data + at, *newline = memchr(line, '\n', text.size - at);
        const size_t n = newline ? (size_t) (newline - line) : text.size - at;
        json_error_t error;
        json_t *record;
        number++;
        at += n + 1;
        if (!has_content(line, n))
            continue;
        record = json_loadb(line, n, JSON_ALLOW_NUL, &error);
        st = record ? take(context, record)
                    : ac_error_set(AC_E_FORMAT, "is not JSON: %s", error.text);
        json_decref(record);
        if (st != AC_OK)
            st = ac_error_prefix(st, "%s, line %lld", path, number);
    }
out:
    ac_buffer_free(&text);
    return st;
}
