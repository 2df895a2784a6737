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
