#include "jobs/report/base64.h"

void
ac_base64_push(ac_buffer *out, const char *bytes, size_t n)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *x = (const unsigned char *) bytes;

    for (size_t i = 0; i < n; i += 3) {
        const unsigned second = i + 1 < n ? x[i + 1] : 0, third = i + 2 < n ? x[i + 2] : 0;
        const unsigned all = (unsigned) x[i] << 16 | second << 8 | third;
        const char four[4] = { digits[all >> 18], digits[all >> 12 & 63],
                               i + 1 < n ? digits[all >> 6 & 63] : '=',
                               i + 2 < n ? digits[all & 63] : '=' };
        ac_buffer_push(out, four, 4);
    }
}
