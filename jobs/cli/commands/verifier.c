#include "jobs/cli/commands/verifier.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/buffer.h"
#include "engine/base/text.h"
#include "io/checkpoint/npy.h"
#include "io/checkpoint/safetensors.h"
#include "io/file/file_head.h"
#include "io/file/json_file.h"
#include "io/file/json_value.h"
#include "io/file/json_write.h"
#include "io/file/line_reader.h"
#include "io/hdf5/h5_check.h"
#include "io/hdf5/joined_file.h"
#include "jobs/cli/terminal.h"

void
ac_verifier_trouble(ac_verifier *self, const char *file, const char *format, ...)
{
    char what[1200];
    ac_buffer line = { 0 };
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    self->troubles++;
    if (!self->json) {
        ac_terminal_print("FAILED  %s: %s\n", file, what);
        return;
    }
    ac_buffer_push_text(&line, "{\"file\": ");
    ac_json_text(&line, file);
    ac_buffer_push_text(&line, ", \"trouble\": ");
    ac_json_text(&line, what);
    ac_buffer_push_text(&line, "}\n");
    ac_terminal_json(line.data ? line.data : "", line.size);
    ac_buffer_free(&line);
}

void
ac_verifier_trouble_from_error(ac_verifier *self, const char *file)
{
    const char *message = ac_error_message();
    const size_t n = strlen(file);

    ac_verifier_trouble(self, file, "%s",
                        strncmp(message, file, n) == 0 && strncmp(message + n, ": ", 2) == 0
                            ? message + n + 2
                            : message);
}

/* ---- single files ---- */
#define KINDS "(h5, safetensors, npy, json, jsonl, or a folder of ours)"

void
ac_verifier_check_file(ac_verifier *self, const char *path)
{
    ac_status st;

    if (ac_text_ends_with(path, ".h5")) {
        int64_t datasets;
        st = ac_h5_check(path, &datasets);
        if (st == AC_OK)
            st = ac_joined_check(path);
    } else if (ac_text_ends_with(path, ".safetensors")) {
        ac_safetensors file = { 0 };
        st = ac_safetensors_open(&file, path);
        ac_safetensors_close(&file);
    } else if (ac_text_ends_with(path, ".npy")) {
        ac_npy file = { 0 };
        st = ac_npy_open(&file, path);
        ac_npy_close(&file);
    } else if (ac_text_ends_with(path, ".json")) {
        json_t *root = NULL;
        st = ac_json_file_read(&root, path, 0);
        json_decref(root);
    } else if (path == self->root) {
        st = ac_head_check_file(path);
        if (st == AC_OK)
            st = ac_error_set(AC_E_FORMAT, "not a file of a kind that can be checked " KINDS);
    } else {
        return;
    }
    self->files++;
    if (st != AC_OK)
        ac_verifier_trouble_from_error(self, path);
}

ac_status
ac_verifier_count_lines(ac_verifier *self, const char *path, bool jsonl, int64_t *lines)
{
    ac_line_reader reader = { 0 };
    const char *line;
    size_t n;
    int64_t count = 0;
    ac_status st = AC_OK;

    *lines = -1;
    AC_TRY(ac_line_reader_open(&reader, path));
    for (;;) {
        AC_TRY(ac_line_reader_next(&reader, &line, &n));
        if (!line)
            break;
        count++;
        if (jsonl) {
            json_t *record = ac_json_parse(line, n, 0, NULL);
            if (!record)
                ac_verifier_trouble(self, path, "line %lld is not JSON", (long long) count);
            json_decref(record);
        }
        if (reader.truncated)
            ac_verifier_trouble(self, path, "its last line is truncated");
    }
    *lines = count;
out:
    ac_line_reader_close(&reader);
    if (st == AC_OK || st == AC_E_NOMEM)
        return st;
    ac_verifier_trouble_from_error(self, path);
    return AC_OK;
}
