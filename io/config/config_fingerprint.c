/* Which keys decide the output, as a fingerprint; and why two fingerprints differ. */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "engine/linear/compute.h"
#include "io/config/config.h"
#include "io/config/config_values.h"
#include "io/file/checksum.h"

/* Is the key's value part of the job's fingerprint? */
static bool
counts(const ac_config *self, const char *job, const ac_config_key *k)
{
    if (!k->in_fingerprint || !ac_config_job_has(ac_config_job_find(job), k))
        return false;
    if (k->in_fingerprint == AC_KEY_OF_INGEST && strcmp(job, "ingest") != 0)
        return false;
    if (k->type == KEY_TEXT && k->in_fingerprint == AC_KEY_OF_INGEST) {
        const char *text = *(char *const *) ac_config_place(self, k);
        return text && strcmp(text, k->fallback) != 0;
    }
    return k->in_fingerprint == true || ac_config_presence(self, k) != AC_UNSET;
}

ac_status
ac_config_fingerprint(const ac_config *self, const char *job, char hex[33])
{
    ac_buffer text = { 0 };
    ac_status st;

    for (size_t i = 0; i < ac_config_key_count; i++) {
        if (!counts(self, job, &ac_config_keys[i]))
            continue;
        ac_buffer_printf(&text, "%s=", ac_config_keys[i].name);
        ac_config_value_print_exact(self, &ac_config_keys[i], &text);
        ac_buffer_push_char(&text, '\n');
    }
    if (self->compute.precision == AC_PRECISION_INT8)
        ac_buffer_printf(&text, "int8 arithmetic=%d\n", AC_INT8_ARITHMETIC);
    st = text.status;
    if (st == AC_OK)
        ac_checksum_bytes(text.data, text.size, hex);
    ac_buffer_free(&text);
    return st;
}

/* ---- what differs ---- */

/* A key of a printed config: its full name, and the rest of its line without the comment. */
typedef struct printed_key {
    char name[128];
    const char *value;
    int size;
} printed_key;

/* Walks over the lines of a printed config. */
typedef struct printed_config {
    const char *next, *section;
    int section_size;
} printed_config;

static bool
next_key(printed_config *self, printed_key *out)
{
    while (*self->next) {
        const char *line = self->next;
        const size_t n = strcspn(line, "\n");
        const int skip = (int) strspn(line, " "), name = (int) strcspn(line + skip, ":\n");
        const char *comment = memmem(line, n, "  #", 3); /* another version's business */
        const size_t end = comment ? (size_t) (comment - line) : n,
                     value = (size_t) (skip + name + 1);

        self->next += n + (line[n] == '\n');
        if (*line == '#' || line[skip + name] != ':')
            continue;
        if (skip == 0) { /* at the margin: a section, or a key without one */
            self->section = line;
            self->section_size = value >= end ? name : 0;
            if (self->section_size)
                continue;
        }
        snprintf(out->name, sizeof out->name, "%.*s%s%.*s", skip ? self->section_size : 0,
                 self->section ? self->section : "", skip && self->section_size ? "." : "",
                 name, line + skip);
        out->value = line + value + strspn(line + value, " ");
        out->size = (int) (line + end - out->value);
        out->size = out->size < 0 ? 0 : out->size;
        return true;
    }
    return false;
}

static const ac_config_key *
row_of(const char *name)
{
    for (size_t i = 0; i < ac_config_key_count; i++)
        if (strcmp(ac_config_keys[i].name, name) == 0)
            return &ac_config_keys[i];
    return NULL;
}

/* What a key was before; one that a config of before does not have yet was at its default. */
static void
find_before(const char *before, const printed_key *key, printed_key *out)
{
    printed_config lines = { .next = before };
    const ac_config_key *row = row_of(key->name);

    while (next_key(&lines, out))
        if (strcmp(out->name, key->name) == 0)
            return;
    *out = *key;
    if (row) {
        out->value = row->fallback;
        out->size = (int) strlen(row->fallback);
    }
}

ac_status
ac_config_difference(const char *before, const char *after, ac_buffer *out)
{
    printed_config lines = { .next = after };
    printed_key now, was;

    while (next_key(&lines, &now)) {
        const ac_config_key *row = row_of(now.name);
        find_before(before, &now, &was);
        /* threads or a path cannot be why fingerprints differ */
        if ((was.size == now.size && memcmp(was.value, now.value, (size_t) now.size) == 0) ||
            (row && !row->in_fingerprint))
            continue;
        ac_buffer_printf(out, "%s\"%s: %.*s\" is now \"%s: %.*s\"", out->size ? "; " : "",
                         now.name, was.size, was.value, now.name, now.size, now.value);
    }
    return out->status;
}
