#include "io/file/base64.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

ac_status
ac_base64_push(ac_buffer *out, const char *bytes, size_t n)
{
    const unsigned char *x = (const unsigned char *) bytes;

    for (size_t i = 0; i < n; i += 3) {
        const unsigned second = i + 1 < n ? x[i + 1] : 0, third = i + 2 < n ? x[i + 2] : 0;
        const unsigned all = (unsigned) x[i] << 16 | second << 8 | third;
        const char four[4] = { digits[all >> 18], digits[all >> 12 & 63],
                               i + 1 < n ? digits[all >> 6 & 63] : '=',
                               i + 2 < n ? digits[all & 63] : '=' };
        ac_buffer_push(out, four, 4);
    }
    return out->status;
}

ac_status
ac_base64_read(ac_buffer *out, const char *text, size_t n, bool *good)
{
    unsigned bits = 0;
    size_t held = 0, padding = 0; /* characters of the group at work; = behind them */

    *good = true;
    for (size_t i = 0; i < n && *good; i++) {
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (strchr(" \t\r\n", text[i]) && text[i])
            continue;
        if (text[i] == '=') {
            padding++;
            continue;
        }
        *good = digit && !padding;
        if (!*good)
            break;
        bits = bits << 6 | (unsigned) (digit - digits);
        if (++held == 4) {
            ac_buffer_push(out,
                           (char[]){ (char) (bits >> 16), (char) (bits >> 8), (char) bits }, 3);
            bits = 0;
            held = 0;
        }
    }
    *good = *good && held != 1 && padding == (held ? 4 - held : 0);
    if (*good && held == 2)
        ac_buffer_push_char(out, (char) (bits >> 4));
    if (*good && held == 3)
        ac_buffer_push(out, (char[]){ (char) (bits >> 10), (char) (bits >> 2) }, 2);
    return out->status;
}
