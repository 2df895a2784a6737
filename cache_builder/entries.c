/* Entries from a text file. */
#include <string.h>

#include "cache_builder/cache.h"
#include "engine/text/unicode.h"
#include "io/file/text_file.h"

static ac_status
take_lines(ac_texts *entries, const ac_buffer *text, const char *path)
{
    ac_status st = AC_OK;
    int64_t line = 0;

    for (size_t at = 0; at < text->size;) {
        const char *end = memchr(text->data + at, '\n', text->size - at);
        size_t n = (end ? (size_t) (end - text->data) : text->size) - at, next = at + n + 1;
        line++;
        if (n && text->data[at + n - 1] == '\r')
            n--;
        st = ac_utf8_check(text->data + at, n);
        if (st != AC_OK)
            return ac_error_prefix(st, "%s:%lld", path, (long long) line);
        AC_TRY(ac_texts_push(entries, text->data + at, n));
        at = next;
    }
    if (entries->count == 0)
        st = ac_error_set(AC_E_FORMAT, "%s: no entry in it (one per line)", path);
out:
    return st;
}

ac_status
ac_cache_read_entries(const char *path, ac_texts *entries)
{
    ac_buffer text = { 0 };
    ac_status st = ac_text_read(path, &text);

    if (st == AC_OK)
        st = take_lines(entries, &text, path);
    ac_buffer_free(&text);
    return st;
}

ac_status
ac_cache_read_mined(const char *path, ac_texts *entries)
{
    ac_buffer text = { 0 };
    ac_status st = ac_text_file_read(path, &text);

    if (st == AC_OK)
        st = take_lines(entries, &text, path);
    ac_buffer_free(&text);
    return st;
}
