#include "jobs/cli/tools/tools.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/kernels/kernel_set.h"
#include "io/file/file_head.h"
#include "io/file/json_value.h"
#include "io/file/json_write.h"
#include "jobs/cli/terminal.h"

ac_status
ac_tool_compute(const ac_arguments *a, ac_compute *out)
{
    static const char *const backends[] = { "auto", "openblas", "onednn", "native" };
    const char *precision = ac_arguments_get(a, "precision"),
               *backend = ac_arguments_get(a, "backend");
    int64_t threads = sysconf(_SC_NPROCESSORS_ONLN);
    ac_status st = ac_arguments_int(a, "threads", &threads, 1, 4096);

    *out = (ac_compute){ 0 };
    if (st != AC_OK)
        return st;
    for (int i = 0; precision && strcmp(precision, ac_precision_names[i]) != 0; i++) {
        if (!ac_precision_names[i + 1])
            return ac_error_set(AC_E_ARG, "--precision: \"%s\" is none of fp32, bf16, int8",
                                precision);
        out->precision = (ac_precision) (i + 1);
    }
    for (int i = 0; backend && i <= 4; i++) {
        if (i == 4)
            return ac_error_set(AC_E_ARG,
                                "--backend: \"%s\" is none of auto, openblas, onednn, native",
                                backend);
        if (strcmp(backend, backends[i]) == 0) {
            out->backend = (ac_backend) i;
            break;
        }
    }
    ac_compute_init((int) threads);
    return ac_kernels_use(ac_arguments_get(a, "kernels"));
}

void
ac_json_put(ac_buffer *line)
{
    ac_buffer_push_char(line, '\n');
    ac_terminal_json(line->data, line->size);
    fflush(stdout);
    ac_buffer_reset(line);
}

bool
ac_json_lines_next(ac_json_lines *self)
{
    ssize_t n;

    json_decref(self->record);
    self->record = NULL;
    while ((n = getline(&self->line, &self->capacity, stdin)) >= 0) {
        const char *line = self->line;
        json_error_t error;
        if (self->number++ == 0) { /* PowerShell's pipes begin with a byte-order mark */
            line += ac_head_mark(line, (size_t) n);
            n -= line - self->line;
        }
        while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
            n--;
        if (n == 0)
            continue;
        self->record = ac_json_parse(line, (size_t) n, JSON_ALLOW_NUL, &error);
        if (json_is_object(self->record))
            return true;
        json_decref(self->record);
        self->record = NULL;
        ac_json_lines_refuse(self, "not a JSON object on one line");
    }
    if (!feof(stdin)) { /* a line that no memory holds, or an input that cannot be read */
        self->number++;
        ac_json_lines_refuse(self, strerror(errno));
    }
    return false;
}

void
ac_json_lines_refuse(ac_json_lines *self, const char *message)
{
    ac_buffer line = { 0 };

    ac_buffer_push_text(&line, "{\"error\": ");
    ac_json_text(&line, message);
    ac_buffer_push_char(&line, '}');
    ac_json_put(&line);
    ac_buffer_free(&line);
    self->errors++;
}

ac_status
ac_json_lines_end(ac_json_lines *self)
{
    const int64_t errors = self->errors, number = self->number;

    json_decref(self->record);
    free(self->line);
    *self = (ac_json_lines){ 0 };
    if (fflush(stdout) != 0)
        return ac_error_set(AC_E_IO, "standard output cannot be written");
    if (errors)
        return ac_error_set(
            AC_E_FORMAT,
            "%lld of %lld records could not be used; each is answered with its error",
            (long long) errors, (long long) number);
    return AC_OK;
}

const char *
ac_json_no_text(const json_t *record, const char *no_tokenizer)
{
    const json_t *text = json_object_get(record, "text");

    return !text                  ? "has neither \"text\" nor \"ids\""
           : json_is_string(text) ? no_tokenizer
                                  : "\"text\" must be a string";
}

bool
ac_json_ids(const json_t *list, int64_t limit, int32_t **out, int64_t *capacity, int64_t *count,
            const char **message)
{
    const json_t *id;
    size_t i;

    *message = "\"ids\" is not a list of token ids of this model";
    *count = 0;
    if (!json_is_array(list))
        return false;
    if (ac_grow(out, capacity, (int64_t) json_array_size(list), sizeof **out) != AC_OK) {
        *message = "out of memory";
        return false;
    }
    json_array_foreach(list, i, id)
    {
        if (!json_is_integer(id) || json_integer_value(id) < 0 ||
            json_integer_value(id) >= limit)
            return false;
        (*out)[(*count)++] = (int32_t) json_integer_value(id);
    }
    return true;
}

void
ac_json_push_ids(ac_buffer *out, const int32_t *ids, int64_t n)
{
    ac_buffer_push_char(out, '[');
    for (int64_t i = 0; i < n; i++)
        ac_buffer_printf(out, "%s%d", i ? ", " : "", ids[i]);
    ac_buffer_push_char(out, ']');
}
