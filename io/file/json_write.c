#include "io/file/json_write.h"

#include <math.h>
#include <string.h>
#include <utf8proc.h>

#include "engine/base/text.h"

static bool
is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

ac_status
ac_json_string(ac_buffer *self, const char *bytes, size_t n)
{
    ac_buffer_push_char(self, '"');
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char) bytes[i];
        utf8proc_int32_t point;
        utf8proc_ssize_t used;
        size_t plain = 0;

        while (i + plain < n && is_plain((unsigned char) bytes[i + plain]))
            plain++;
        if (plain) {
            ac_buffer_push(self, bytes + i, plain);
            i += plain;
            continue;
        }
        if (c >= 0x80) {
            used = utf8proc_iterate((const utf8proc_uint8_t *) bytes + i,
                                    (utf8proc_ssize_t) (n - i), &point);
            if (used < 1) {
                ac_buffer_push_text(self, "\xef\xbf\xbd");
                used = 1;
            } else {
                ac_buffer_push(self, bytes + i, (size_t) used);
            }
            i += (size_t) used;
            continue;
        }
        if (c == '"' || c == '\\')
            ac_buffer_printf(self, "\\%c", c);
        else if (c == '\n')
            ac_buffer_push_text(self, "\\n");
        else
            ac_buffer_printf(self, "\\u%04x", c);
        i++;
    }
    return ac_buffer_push_char(self, '"');
}

ac_status
ac_json_text(ac_buffer *self, const char *text)
{
    return ac_json_string(self, text, strlen(text));
}

ac_status
ac_json_float(ac_buffer *self, float x)
{
    if (!isfinite(x))
        return ac_buffer_push_text(self, "null");
    return ac_buffer_printf(self, "%.9g", (double) x);
}

ac_status
ac_json_field(ac_buffer *self, const char *name, const char *bytes, size_t n)
{
    ac_buffer_printf(self, "\"%s\": ", name);
    return ac_json_string(self, bytes, n);
}

ac_status
ac_json_texts_field(ac_buffer *self, const char *name, const ac_texts *texts, int64_t i)
{
    return ac_json_field(self, name, ac_texts_at(texts, i), ac_texts_size(texts, i));
}

ac_status
ac_json_push_visible(ac_buffer *self, const char *json, size_t n)
{
    size_t from = 0, obeyed;

    for (size_t i = 0; i < n; i += obeyed ? obeyed : 1) {
        const unsigned char c = (unsigned char) json[i];
        utf8proc_int32_t point;
        /* below the blank are only JSON's own line breaks; what begins a character that is
         * obeyed: DEL, C1, U+2028 and its neighbours, a byte that is not UTF-8 */
        obeyed = c < 0x7f ? 0 : ac_text_obeyed(json + i, n - i);
        if (!obeyed) {
            obeyed = ac_text_utf8(json + i, n - i);
            continue;
        }
        ac_buffer_push(self, json + from, i - from);
        from = i + obeyed;
        if (utf8proc_iterate((const utf8proc_uint8_t *) json + i, (utf8proc_ssize_t) (n - i),
                             &point) < 1)
            point = 0xfffd;
        ac_buffer_printf(self, "\\u%04x", (unsigned) point);
    }
    return ac_buffer_push(self, json + from, n - from);
}
