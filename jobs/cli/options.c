#include "jobs/cli/options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

static int
edit_distance(const char *a, const char *b)
{
    int row[64], n = (int) strlen(b);

    if (n >= 64)
        return 64;
    for (int j = 0; j <= n; j++)
        row[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            int best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
        }
    }
    return row[n];
}

const char *
ac_nearest_word(const char *word, const char *const *names)
{
    const char *best = NULL;
    int least = (int) strlen(word) / 3 + 2;

    for (; *names; names++) {
        int d = edit_distance(word, *names);
        if (d < least) {
            least = d;
            best = *names;
        }
    }
    return best;
}

static ac_status
unknown_option(const ac_option *options, const char *word)
{
    const char *names[AC_ARGUMENTS_MAX_SET] = { 0 }, *near;
    int n = 0;

    for (const ac_option *o = options; o->name && n < AC_ARGUMENTS_MAX_SET - 1; o++)
        names[n++] = o->name;
    near = ac_nearest_word(word + strspn(word, "-"), names);
    if (near)
        return ac_error_set(AC_E_ARG, "unknown option %s; did you mean --%s?", word, near);
    return ac_error_set(AC_E_ARG, "unknown option %s; --help lists them", word);
}

static const ac_option *
find_option(const ac_option *options, const char *word, const char **value)
{
    for (const ac_option *o = options; o->name; o++) {
        size_t n = strlen(o->name);
        if (word[1] == '-' && strncmp(word + 2, o->name, n) == 0 &&
            (word[2 + n] == '\0' || word[2 + n] == '=')) {
            *value = word[2 + n] ? word + 3 + n : NULL;
            return o;
        }
        if (o->letter && word[1] == o->letter && (word[2] == '\0' || o->argument)) {
            *value = word[2] ? word + 2 : NULL;
            return o;
        }
    }
    return NULL;
}

ac_status
ac_arguments_parse(ac_arguments *self, const ac_option *options, int argc, char **argv)
{
    ac_status st = AC_OK;
    bool only_words = false;

    *self = (ac_arguments){ 0 };
    AC_TRY(ac_alloc(&self->words, argc, sizeof *self->words));
    for (int i = 1; i < argc; i++) {
        const char *value = NULL;
        const ac_option *o;

        if (only_words || argv[i][0] != '-' || argv[i][1] == '\0') {
            self->words[self->word_count++] = argv[i];
            continue;
        }
        if (strcmp(argv[i], "--") == 0) {
            only_words = true;
            continue;
        }
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            self->help = true;
            continue;
        }
        if (!(o = find_option(options, argv[i], &value)))
            AC_TRY(unknown_option(options, argv[i]));
        if (!o->argument && value)
            AC_FAIL(AC_E_ARG, "--%s takes no value", o->name);
        if (o->argument && o->argument[0] == '[' && !value)
            value = "";
        if (o->argument && !value && ++i == argc)
            AC_FAIL(AC_E_ARG, "--%s needs a value: %s", o->name, o->argument);
        if (self->set_count == AC_ARGUMENTS_MAX_SET)
            AC_FAIL(AC_E_ARG, "more than %d options", AC_ARGUMENTS_MAX_SET);
        self->set[self->set_count].option = o;
        self->set[self->set_count++].value = !o->argument ? "" : value ? value : argv[i];
    }
out:
    if (st != AC_OK)
        ac_arguments_free(self);
    return st;
}

void
ac_arguments_free(ac_arguments *self)
{
    free(self->words);
    *self = (ac_arguments){ 0 };
}

const char *
ac_arguments_get(const ac_arguments *self, const char *name)
{
    for (int i = self->set_count; i-- > 0;)
        if (strcmp(self->set[i].option->name, name) == 0)
            return self->set[i].value;
    return NULL;
}

ac_status
ac_arguments_int(const ac_arguments *self, const char *name, int64_t *out, int64_t least,
                 int64_t most)
{
    const char *text = ac_arguments_get(self, name);
    char *end;
    long long x;

    if (!text)
        return AC_OK;
    errno = 0;
    x = strtoll(text, &end, 10);
    if (end == text || *end || errno || x < least || x > most)
        return ac_error_set(AC_E_ARG, "--%s: \"%s\" is not a whole number from %lld to %lld",
                            name, text, (long long) least, (long long) most);
    *out = x;
    return AC_OK;
}

ac_status
ac_arguments_real(const ac_arguments *self, const char *name, double *out)
{
    const char *text = ac_arguments_get(self, name);
    char *end;
    double x;

    if (!text)
        return AC_OK;
    x = strtod(text, &end);
    if (end == text || *end || !isfinite(x))
        return ac_error_set(AC_E_ARG, "--%s: \"%s\" is not a number", name, text);
    *out = x;
    return AC_OK;
}

ac_status
ac_arguments_bool(const ac_arguments *self, const char *name, bool *out)
{
    static const char *const words[] = { "false", "true", "no", "yes", "off", "on", "0", "1" };
    const char *text = ac_arguments_get(self, name);

    if (!text)
        return AC_OK;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i]) == 0) {
            *out = i % 2 == 1;
            return AC_OK;
        }
    }
    return ac_error_set(AC_E_ARG, "--%s: \"%s\" is neither true nor false", name, text);
}

ac_status
ac_arguments_once(const ac_arguments *self, const char *name)
{
    int count = 0;

    for (int i = 0; i < self->set_count; i++)
        count += strcmp(self->set[i].option->name, name) == 0;
    return count > 1
               ? ac_error_set(AC_E_ARG, "--%s is given %d times, and takes one", name, count)
               : AC_OK;
}

ac_status
ac_arguments_need(const ac_arguments *self, const char *name, const char **out)
{
    *out = ac_arguments_get(self, name);
    if (!*out)
        return ac_error_set(AC_E_ARG, "--%s is missing; --help shows the usage", name);
    return AC_OK;
}

void
ac_options_help(FILE *f, const char *usage, const char *what, const ac_option *options)
{
    fprintf(f, "usage: antarctic %s\n\n%s\n", usage, what);
    if (options->name)
        fprintf(f, "\noptions:\n");
    for (const ac_option *o = options; o->name; o++) {
        char left[80];
        snprintf(left, sizeof left, "%s%c%s--%s%s%s", o->letter ? "-" : "",
                 o->letter ? o->letter : ' ', o->letter ? ", " : "   ", o->name,
                 o->argument && o->argument[0] != '[' ? " " : "",
                 o->argument ? o->argument : "");
        fprintf(f, "  %-32s %s\n", left, o->help);
    }
    fprintf(f, "  %-32s %s\n", "-h, --help", "this text");
}
