/* The value of a key as YAML. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/text.h"
#include "io/config/config_values.h"
#include "io/file/base64.h"

/* As short as reads back to the same. */
static void
print_real(double x, ac_buffer *out)
{
    char text[32];

    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        if (strtod(text, NULL) == x)
            break;
    }
    ac_buffer_push_text(out, text);
}

/* n bytes in quotation marks, with what YAML takes for a control character or a line break as
 * \u2028. YAML has no other bytes than UTF-8's: names of files that are not are written as
 * binary data.
 */
static void
print_text(const char *text, size_t n, ac_buffer *out)
{
    size_t size;

    for (size_t i = 0; i < n; i += size)
        if ((size = ac_text_utf8(text + i, n - i)) == 0) {
            ac_buffer_push_text(out, "!!binary \"");
            ac_base64_push(out, text, n);
            ac_buffer_push_char(out, '"');
            return;
        }
    ac_buffer_push_char(out, '"');
    for (size_t i = 0; i < n; i += size) {
        const unsigned char *c = (const unsigned char *) text + i;
        const unsigned point = (c[0] & 0xfu) << 12 | (i + 1 < n ? c[1] & 0x3fu : 0) << 6 |
                               (i + 2 < n ? c[2] & 0x3fu : 0);
        size = ac_text_utf8(text + i, n - i);
        if (*c == '"' || *c == '\\')
            ac_buffer_printf(out, "\\%c", *c);
        else if (*c == '\n')
            ac_buffer_push_text(out, "\\n");
        else if (*c < 0x20 || *c == 0x7f)
            ac_buffer_printf(out, "\\x%02x", *c);
        else if (size == 2 && c[0] == 0xc2 && c[1] < 0xa0)
            ac_buffer_printf(out, "\\x%02x", c[1]);
        else if (size == 3 &&
                 (point == 0x2028 || point == 0x2029 || point == 0xfeff || point >= 0xfffe))
            ac_buffer_printf(out, "\\u%04x", point);
        else
            ac_buffer_push(out, text + i, size);
    }
    ac_buffer_push_char(out, '"');
}

/* JSON's texts as YAML's. */
static void
print_texts(const char *json, ac_buffer *out)
{
    json_t *list = json_loads(json, JSON_DECODE_ANY, NULL);
    const json_t *one;
    size_t i;

    if (json_is_string(list)) {
        print_text(json_string_value(list), json_string_length(list), out);
        json_decref(list);
        return;
    }
    ac_buffer_push_char(out, '[');
    json_array_foreach(list, i, one)
    {
        ac_buffer_push_text(out, i ? ", " : "");
        print_text(json_string_value(one), json_string_length(one), out);
    }
    ac_buffer_push_char(out, ']');
    json_decref(list);
}

/* One as it is, several as a list. */
static void
print_paths(const char *text, ac_buffer *out)
{
    const char between[] = { AC_CONFIG_PATHS_BETWEEN, '\0' };
    const bool several = text && text[strcspn(text, between)];

    if (!text)
        ac_buffer_push_text(out, "none");
    for (const char *p = text; p;) {
        const size_t n = strcspn(p, between);
        if (several)
            ac_buffer_push_text(out, p == text ? "[" : ", ");
        print_text(p, n, out);
        p = p[n] ? p + n + 1 : NULL;
    }
    if (several)
        ac_buffer_push_char(out, ']');
}

void
ac_config_value_print(const ac_config *self, const ac_config_key *k, ac_buffer *out)
{
    const void *at = ac_config_place(self, k);
    const ac_optional *o = at;
    const ac_share *share = at;
    const char *text;

    switch (k->type) {
    case KEY_BOOL: ac_buffer_push_text(out, *(const bool *) at ? "true" : "false"); return;
    case KEY_CHOICE: ac_buffer_push_text(out, k->words[*(const int64_t *) at]); return;
    case KEY_BYTES:
    case KEY_INT:
        if (*(const int64_t *) at == 0 && ac_config_word_of_zero(k))
            ac_buffer_push_text(out, ac_config_word_of_zero(k));
        else
            ac_buffer_printf(out, "%lld", (long long) *(const int64_t *) at);
        return;
    case KEY_REAL: print_real(*(const double *) at, out); return;
    case KEY_PAIR:
        ac_buffer_push_char(out, '[');
        print_real(((const double *) at)[0], out);
        ac_buffer_push_text(out, ", ");
        print_real(((const double *) at)[1], out);
        ac_buffer_push_char(out, ']');
        return;
    case KEY_SHARE:
        ac_buffer_printf(out, share->of_all ? "%.10g %%" : "%.10g",
                         share->value * (share->of_all ? 100 : 1));
        return;
    case KEY_TEXT:
    case KEY_PATH:
    case KEY_PATHS:
        text = *(char *const *) at;
        if (!text) {
            ac_buffer_push_text(out, "none");
            return;
        }
        print_text(text, strlen(text), out);
        return;
    case KEY_PATH_LIST: print_paths(*(char *const *) at, out); return;
    case KEY_TEXTS:
        text = *(char *const *) at;
        for (const char *p = text; p && *p; p += strcspn(p, "\n"), p += *p == '\n') {
            ac_buffer_push_text(out, p == text ? "[" : ", ");
            print_text(p, strcspn(p, "\n"), out);
        }
        ac_buffer_push_text(out, text && *text ? "]" : "none");
        return;
    default: break;
    }
    if (o->presence != AC_SET)
        ac_buffer_push_text(out, o->presence == AC_UNSET ? "auto" : "none");
    else if (k->type == KEY_OPTIONAL_BOOL)
        ac_buffer_push_text(out, o->value != 0 ? "true" : "false");
    else if (k->type == KEY_OPTIONAL_EARLY)
        ac_buffer_push_text(out, ac_config_early_words[(int) o->value]);
    else if (k->type == KEY_OPTIONAL_TEXTS)
        print_texts(((const ac_optional_list *) at)->text, out);
    else if (k->type == KEY_OPTIONAL_LIST)
        ac_buffer_push_text(out, ((const ac_optional_list *) at)->text);
    else
        print_real(o->value, out);
}

void
ac_config_value_print_exact(const ac_config *self, const ac_config_key *k, ac_buffer *out)
{
    const ac_optional *o = ac_config_place(self, k);

    if ((k->type == KEY_OPTIONAL || k->type == KEY_OPTIONAL_REAL) && o->presence == AC_SET)
        ac_buffer_printf(out, "%.17g", o->value);
    else
        ac_config_value_print(self, k, out);
}
