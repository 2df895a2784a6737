#include "io/config/config_values.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "engine/generation/generation_keys.h"
#include "io/config/config.h"
#include "io/config/config_paths.h"
#include "io/file/json_write.h"
#include "io/file/path.h"
#include "io/file/path_set.h"

const char *const ac_config_early_words[] = { "false", "true", "never", NULL };

void *
ac_config_place(const ac_config *self, const ac_config_key *k)
{
    return (char *) (uintptr_t) self + k->offset;
}

bool
ac_config_key_is_text(const ac_config_key *k)
{
    return k->type == KEY_TEXT || k->type == KEY_PATH || k->type == KEY_PATHS ||
           k->type == KEY_PATH_LIST;
}

/* The presence is the first field of both optional types; a list of texts is set or not; a
 * choice is set where it is not the first, its default. */
ac_presence
ac_config_presence(const ac_config *self, const ac_config_key *k)
{
    if (k->type == KEY_BOOL)
        return *(const bool *) ac_config_place(self, k) ? AC_SET : AC_UNSET;
    if (k->type == KEY_CHOICE)
        return *(const int64_t *) ac_config_place(self, k) ? AC_SET : AC_UNSET;
    if (k->type == KEY_TEXTS)
        return *(char *const *) ac_config_place(self, k) ? AC_SET : AC_UNSET;
    AC_CHECK(k->type >= KEY_OPTIONAL);
    return *(const ac_presence *) ac_config_place(self, k);
}

void
ac_config_value_free(ac_config *self, const ac_config_key *k)
{
    if (ac_config_key_is_text(k) || k->type == KEY_TEXTS)
        free(*(char **) ac_config_place(self, k));
    else if (k->type == KEY_OPTIONAL_LIST || k->type == KEY_OPTIONAL_TEXTS)
        free(((ac_optional_list *) ac_config_place(self, k))->text);
}

static bool
parse_bool(const char *value, bool *out)
{
    *out = strcmp(value, "true") == 0 || strcmp(value, "yes") == 0 || strcmp(value, "on") == 0;
    return *out || strcmp(value, "false") == 0 || strcmp(value, "no") == 0 ||
           strcmp(value, "off") == 0;
}

static bool
parse_choice(const char *value, const char *const *words, int64_t *out)
{
    for (int64_t i = 0; words[i]; i++) {
        if (strcmp(value, words[i]) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

static bool
parse_number(const char *value, bool whole, const ac_config_key *k, double *out)
{
    char *end;

    *out = strtod(value, &end);
    return end != value && !*end && isfinite(*out) && *out >= k->least && *out <= k->most &&
           (!whole || *out == floor(*out));
}

static bool
is_whole(const ac_config_key *k)
{
    return k->type != KEY_REAL && k->type != KEY_PAIR && k->type != KEY_OPTIONAL_REAL;
}

const char *
ac_config_word_of_zero(const ac_config_key *k)
{
    return (k->type == KEY_INT || k->type == KEY_BYTES) && k->fallback[0] >= 'a' &&
                   k->fallback[0] <= 'z'
               ? k->fallback
               : NULL;
}

/* "[0.9, 0.999]", brackets or not. */
static bool
parse_pair(const char *value, const ac_config_key *k, double out[2])
{
    char text[128], *comma, *end;

    if (strlen(value) >= sizeof text)
        return false;
    strcpy(text, value[0] == '[' ? value + 1 : value);
    end = text + strlen(text);
    if (value[0] == '[' && end > text && end[-1] == ']')
        *--end = '\0';
    if (!(comma = strchr(text, ',')))
        return false;
    *comma++ = '\0';
    while (*comma == ' ')
        comma++;
    return parse_number(text, false, k, &out[0]) && parse_number(comma, false, k, &out[1]);
}

static ac_status
wrong_value(const ac_config_key *k, const char *value, const char *where)
{
    char needed[200] = "";

    if (k->words || k->type == KEY_OPTIONAL_EARLY) {
        const char *const *words = k->words ? k->words : ac_config_early_words;
        size_t used = (size_t) snprintf(needed, sizeof needed, "one of");
        for (; *words && used < sizeof needed; words++)
            used += (size_t) snprintf(needed + used, sizeof needed - used, " %s", *words);
    } else if (k->type == KEY_BOOL || k->type == KEY_OPTIONAL_BOOL) {
        snprintf(needed, sizeof needed, "true or false");
    } else if (k->type == KEY_BYTES) {
        snprintf(needed, sizeof needed,
                 "an amount of memory or of bytes (512 MB, 4 GiB), or auto");
    } else if (k->type == KEY_SHARE) {
        snprintf(needed, sizeof needed, "a count (25) or a share (10 %%)");
    } else {
        snprintf(needed, sizeof needed, "%s%snumber%s from %.12g to %.12g%s%s",
                 k->type == KEY_PAIR ? "two " : "a ", is_whole(k) ? "whole " : "",
                 k->type == KEY_PAIR ? "s" : "", k->least, k->most,
                 k->type >= KEY_OPTIONAL     ? ", auto or none"
                 : ac_config_word_of_zero(k) ? ", or "
                                             : "",
                 ac_config_word_of_zero(k) ? ac_config_word_of_zero(k) : "");
    }
    return ac_error_set(AC_E_ARG, "%s: %s: \"%s\" is not %s", where, k->name, value, needed);
}

static ac_status
set_text(ac_config *self, const ac_config_key *k, const char *value, bool quoted,
         const char *base, const char *where)
{
    char **text = ac_config_place(self, k), *made = NULL;
    ac_status st = AC_OK;

    if (k->type != KEY_TEXT && !(strcmp(value, "none") == 0 && !quoted))
        st = ac_config_path_resolve(&made, k, base, value);
    else if (k->type == KEY_TEXT)
        st = ac_duplicate(&made, value, strlen(value));
    if (st != AC_OK)
        return st == AC_E_ARG ? ac_error_prefix(st, "%s: %s", where, k->name) : st;
    free(*text);
    *text = made;
    return AC_OK;
}

/* A list of texts, one per line; one text alone; or none. */
static ac_status
set_texts(ac_config *self, const ac_config_key *k, const char *value, bool quoted,
          const char *where)
{
    char **texts = ac_config_place(self, k), *made = NULL;
    ac_status st = AC_OK;

    if (value[0] == '[' && !quoted)
        return ac_error_set(AC_E_ARG,
                            "%s: %s: \"%s\" is no list that YAML can read: put its texts in "
                            "quotation marks, [\"@eaDir\", \"*.part\"]",
                            where, k->name, value);
    if (*value && (quoted || strcmp(value, "none") != 0))
        AC_TRY(ac_duplicate(&made, value, strlen(value)));
    free(*texts);
    *texts = made;
out:
    return st;
}

/* A list, or auto or none. Tried on a config of its own: what is wrong is told here, with file
 * and line. */
ac_status
ac_config_list_set(ac_config *self, const ac_config_key *k, const char *value,
                   const char *where)
{
    const ac_generation_key *key = ac_generation_key_find(strchr(k->name, '.') + 1);
    const bool special = strcmp(value, "auto") == 0 || strcmp(value, "none") == 0;
    ac_optional_list made = { .presence = special && *value == 'a' ? AC_UNSET
                                          : special                ? AC_NONE
                                                                   : AC_SET };
    ac_generation_config trial = { 0 };
    ac_status st = AC_OK;

    AC_CHECK(key);
    if (!special) {
        st = ac_generation_key_set(key, &trial, value);
        ac_generation_config_free(&trial);
        if (st != AC_OK)
            return ac_error_prefix(st, "%s: %s: \"%s\"", where, k->name, value);
        AC_TRY(ac_duplicate(&made.text, value, strlen(value)));
    }
    ac_config_value_free(self, k);
    *(ac_optional_list *) ac_config_place(self, k) = made;
out:
    return st;
}

/* One text, or auto or none. */
static ac_status
set_optional_text(ac_config *self, const ac_config_key *k, const char *value, bool quoted,
                  const char *where)
{
    ac_buffer json = { 0 };
    ac_status st = AC_OK;

    if (!quoted && (strcmp(value, "auto") == 0 || strcmp(value, "none") == 0))
        return ac_config_list_set(self, k, value, where);
    ac_json_string(&json, value, strlen(value));
    AC_TRY(json.status);
    st = ac_config_list_set(self, k, json.data, where);
out:
    ac_buffer_free(&json);
    return st;
}

/* "25", "10 %", "0.1" */
static bool
parse_share(const char *value, ac_share *out)
{
    char *end;
    double x = strtod(value, &end);

    if (end == value || !(x >= 0) || !(x <= 1e12))
        return false;
    while (*end == ' ')
        end++;
    if (*end == '%') {
        *out = (ac_share){ true, x / 100 };
        return end[1] == '\0' && x <= 100;
    }
    *out = (ac_share){ x > 0 && x < 1, x };
    return *end == '\0' && (out->of_all || x == floor(x));
}

/* "4 GiB", "512 MB", "2G": powers of 1000 with B, of 1024 with iB or alone; a bare number
 * counts bytes. */
static bool
parse_bytes(const char *value, const ac_config_key *k, int64_t *out)
{
    static const char letters[] = "kmgt";
    char *end;
    const char *letter;
    double x = strtod(value, &end), unit = 1;

    if (end == value || !isfinite(x))
        return false;
    end += strspn(end, " ");
    letter = *end ? strchr(letters, *end | 0x20) : NULL;
    if (letter) {
        const bool thousands = (end[1] | 0x20) == 'b';
        for (const char *l = letters; l <= letter; l++)
            unit *= thousands ? 1000 : 1024;
        end += 1 + (end[1] == 'i');
    }
    end += (*end | 0x20) == 'b';
    x *= unit;
    *out = x >= k->least && x <= k->most ? (int64_t) x : 0;
    return *end == '\0' && *out > 0;
}

ac_status
ac_config_value_set(ac_config *self, const ac_config_key *k, const char *value, bool quoted,
                    const char *base, const char *where)
{
    void *at = ac_config_place(self, k);
    ac_optional *optional = at;
    bool truth, good = true;
    int64_t choice;
    ac_share share;
    double number, pair[2];

    if (ac_config_key_is_text(k))
        return set_text(self, k, value, quoted, base, where);
    if (k->type == KEY_TEXTS)
        return set_texts(self, k, value, quoted, where);
    if (k->type == KEY_OPTIONAL_LIST)
        return ac_config_list_set(self, k, value, where);
    if (k->type == KEY_OPTIONAL_TEXTS)
        return set_optional_text(self, k, value, quoted, where);
    if (k->type >= KEY_OPTIONAL && (strcmp(value, "auto") == 0 || strcmp(value, "none") == 0)) {
        *optional = (ac_optional){ value[0] == 'a' ? AC_UNSET : AC_NONE, 0 };
        return AC_OK;
    }
    switch (k->type) {
    case KEY_BOOL:
        if ((good = parse_bool(value, &truth)))
            *(bool *) at = truth;
        break;
    case KEY_OPTIONAL_BOOL:
        if ((good = parse_bool(value, &truth)))
            *optional = (ac_optional){ AC_SET, truth };
        break;
    case KEY_OPTIONAL_EARLY:
        if ((good = parse_choice(value, ac_config_early_words, &choice)))
            *optional = (ac_optional){ AC_SET, (double) choice };
        break;
    case KEY_CHOICE:
        if ((good = parse_choice(value, k->words, &choice)))
            *(int64_t *) at = choice;
        break;
    case KEY_REAL:
        if ((good = parse_number(value, false, k, &number)))
            *(double *) at = number;
        break;
    case KEY_PAIR:
        if ((good = parse_pair(value, k, pair)))
            memcpy(at, pair, sizeof pair);
        break;
    case KEY_INT:
        number = 0;
        good = (ac_config_word_of_zero(k) && strcmp(value, ac_config_word_of_zero(k)) == 0) ||
               parse_number(value, true, k, &number);
        if (good)
            *(int64_t *) at = (int64_t) number;
        break;
    case KEY_BYTES:
        choice = 0;
        if ((good = strcmp(value, "auto") == 0 || parse_bytes(value, k, &choice)))
            *(int64_t *) at = choice;
        break;
    case KEY_SHARE:
        if ((good = parse_share(value, &share)))
            *(ac_share *) at = share;
        break;
    case KEY_OPTIONAL:
    case KEY_OPTIONAL_REAL:
        if ((good = parse_number(value, is_whole(k), k, &number)))
            *optional = (ac_optional){ AC_SET, number };
        break;
    case KEY_TEXT:
    case KEY_PATH:
    case KEY_PATHS:
    case KEY_PATH_LIST:
    case KEY_TEXTS:
    case KEY_OPTIONAL_LIST:
    case KEY_OPTIONAL_TEXTS: break;
    }
    return good ? AC_OK : wrong_value(k, value, where);
}
