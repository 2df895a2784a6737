#include "engine/text/clean.h"

#include "engine/text/ftfy.h"
#include "engine/text/html_unescape.h"
#include "engine/text/unicode.h"

static const char *
bytes_of(const ac_buffer *self)
{
    return self->data ? self->data : "";
}

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
    ac_buffer a = { 0 }, b = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_ftfy_fix_text(&a, text, n));
    AC_TRY(ac_html_unescape(&b, bytes_of(&a), a.size));
    ac_buffer_reset(&a);
    AC_TRY(ac_html_unescape(&a, bytes_of(&b), b.size));
    ac_buffer_reset(&b);
    AC_TRY(collapse_space(&b, bytes_of(&a), a.size));
    st = ac_unicode_lower(out, bytes_of(&b), b.size);
out:
    ac_buffer_free(&a);
    ac_buffer_free(&b);
    return st;
}
