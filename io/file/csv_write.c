#include "io/file/csv_write.h"

#include <string.h>

#include "engine/base/text.h"

void
ac_csv_push_field(ac_buffer *out, const char *bytes, size_t n)
{
    bool quoted = false;

    for (size_t c = 0; c < n; c++)
        quoted = quoted || strchr(",\"\r\n", bytes[c]);
    if (!quoted) {
        ac_text_push_utf8(out, bytes, n);
        return;
    }
    ac_buffer_push_char(out, '"');
    for (size_t c = 0, from = 0; c <= n; c++)
        if (c == n || bytes[c] == '"') {
            ac_text_push_utf8(out, bytes + from, c - from);
            if (c < n)
                ac_buffer_push_text(out, "\"\"");
            from = c + 1;
        }
    ac_buffer_push_char(out, '"');
}
