#include "engine/text/clean.h"

#include <stdlib.h>
#include <utf8proc.h>

#include "engine/text/unicode.h"

static ac_status
collapse_space(ac_buffer *out, const char *text, size_t n)
{
    bool gap = false;

    for (size_t i = 0; i < n;) {
        size_t from = i;
        if (ac_unicode_is_space(ac_utf8_next(text, n, &i))) {
            gap = out->size > 0;
            continue;
        }
        if (gap)
            ac_buffer_push_char(out, ' ');
        gap = false;
        ac_buffer_push(out, text + from, i - from);
    }
    return out->status;
}

ac_status
ac_text_clean_clip(ac_buffer *out, const char *text, size_t n)
{
    ac_buffer collapsed = { 0 };
    utf8proc_uint8_t *composed = NULL;
    utf8proc_ssize_t size = utf8proc_map((const utf8proc_uint8_t *) text, (utf8proc_ssize_t) n, &composed, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    ac_status st;

    if (size < 0)
        return ac_error_set(AC_E_NOMEM, "a text of %zu bytes cannot be normalised: %s", n, utf8proc_errmsg(size));
    st = collapse_space(&collapsed, (const char *) composed, (size_t) size);
    free(composed);

    if (st == AC_OK)
        st = ac_unicode_lower(out, collapsed.data ? collapsed.data : "", collapsed.size);
    ac_buffer_free(&collapsed);
    return st;
}
