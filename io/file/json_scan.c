#include "io/file/json_scan.h"

#include <ctype.h>
#include <string.h>
#include <utf8proc.h>

static void
pass_white(ac_json_scan *self)
{
    while (self->at < self->end &&
           (*self->at == ' ' || *self->at == '\n' || *self->at == '\r' || *self->at == '\t'))
        self->at++;
}

ac_json_scan
ac_json_scan_begin(const char *text, size_t n)
{
    ac_json_scan self = { text, text + n };

    pass_white(&self);
    return self;
}

bool
ac_json_scan_sign(ac_json_scan *self, char sign)
{
    if (self->at == self->end || *self->at != sign)
        return false;
    self->at++;
    pass_white(self);
    return true;
}

/* Up to a quotation mark, a backslash or a control character; all: or-ed bytes. */
static const char *
end_of_run(const char *p, const char *end, unsigned char *all)
{
    for (; p < end && *p != '"' && *p != '\\' && (unsigned char) *p >= 0x20; p++)
        *all |= (unsigned char) *p;
    return p;
}

static bool
is_utf8(const char *p, const char *end)
{
    while (p < end) {
        utf8proc_int32_t point;
        const utf8proc_ssize_t n =
            utf8proc_iterate((const utf8proc_uint8_t *) p, end - p, &point);
        if (n < 1)
            return false;
        p += n;
    }
    return true;
}

static bool
read_hex(const char *p, const char *end, int32_t *value)
{
    *value = 0;
    if (end - p < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        const int c = tolower((unsigned char) p[i]);
        if (!isxdigit(c))
            return false;
        *value = *value * 16 + (c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return true;
}

/* What follows a backslash. */
static bool
read_escape(const char **at, const char *end, ac_buffer *out)
{
    static const char signs[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char *p = *at, *known;
    int32_t point, second;
    utf8proc_uint8_t bytes[4];
    utf8proc_ssize_t n;

    if (p == end || !*p)
        return false;
    if ((known = strchr(signs, *p))) {
        *at = p + 1;
        return ac_buffer_push_char(out, meant[known - signs]) == AC_OK;
    }
    if (*p != 'u' || !read_hex(p + 1, end, &point))
        return false;
    p += 5;
    if (point >= 0xD800 && point <= 0xDFFF) {
        if (point >= 0xDC00 || end - p < 2 || p[0] != '\\' || p[1] != 'u' ||
            !read_hex(p + 2, end, &second) || second < 0xDC00 || second > 0xDFFF)
            return false;
        point = 0x10000 + ((point - 0xD800) << 10) + (second - 0xDC00);
        p += 6;
    }
    *at = p;
    n = utf8proc_encode_char(point, bytes);
    return ac_buffer_push(out, bytes, (size_t) n) == AC_OK;
}

bool
ac_json_scan_string(ac_json_scan *self, ac_buffer *out)
{
    const char *p = self->at;
    unsigned char all = 0;

    if (p == self->end || *p++ != '"')
        return false;
    for (;;) {
        const char *run = end_of_run(p, self->end, &all);
        if (all >= 0x80 && !is_utf8(p, run))
            return false;
        if (ac_buffer_push(out, p, (size_t) (run - p)) != AC_OK || run == self->end)
            return false;
        p = run + 1;
        if (*run == '"')
            break;
        if (*run != '\\' || !read_escape(&p, self->end, out))
            return false;
    }
    self->at = p;
    pass_white(self);
    return true;
}

bool
ac_json_scan_name(ac_json_scan *self, const char **name, size_t *n)
{
    unsigned char all = 0;
    const char *end;

    if (self->at == self->end || *self->at != '"')
        return false;
    end = end_of_run(self->at + 1, self->end, &all);
    if (end == self->end || *end != '"' || all >= 0x80)
        return false;
    *name = self->at + 1;
    *n = (size_t) (end - *name);
    self->at = end + 1;
    pass_white(self);
    return true;
}

bool
ac_json_scan_whole(ac_json_scan *self, ac_buffer *out)
{
    enum { MOST_DIGITS = 18 };
    const char *p = self->at, *digits;

    if (p < self->end && *p == '-')
        p++;
    for (digits = p; p < self->end && *p >= '0' && *p <= '9'; p++)
        ;
    if (p == digits || p - digits > MOST_DIGITS || (*digits == '0' && p != self->at + 1) ||
        p == self->end || strchr(".eE+-", *p))
        return false;
    if (ac_buffer_push(out, self->at, (size_t) (p - self->at)) != AC_OK)
        return false;
    self->at = p;
    pass_white(self);
    return true;
}

static bool
skip_string(ac_json_scan *self)
{
    const char *p = self->at + 1;

    for (; p < self->end && *p != '"'; p++)
        if (*p == '\\' && ++p == self->end)
            return false;
    self->at = p + 1;
    return p < self->end;
}

bool
ac_json_scan_skip(ac_json_scan *self)
{
    int64_t depth = 0;
    const char *start = self->at;

    while (self->at < self->end) {
        const char c = *self->at;
        if (depth == 0 && self->at > start && strchr(",]} \t\r\n", c))
            break;
        if (depth == 0 && (c == ']' || c == '}' || c == ','))
            return false;
        if (c == '"') {
            if (!skip_string(self))
                return false;
        } else {
            depth += (c == '[' || c == '{') - (c == ']' || c == '}');
            self->at++;
        }
        if (depth == 0 && (c == '"' || c == ']' || c == '}'))
            break;
    }
    pass_white(self);
    return depth == 0 && self->at > start;
}
