#include "io/checkpoint/json_reader.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "io/file/file_head.h"
#include "io/file/file_look.h"
#include "io/file/json_file.h"
#include "io/file/path.h"
#include "io/file/publish.h"

void
ac_json_reader_refuse(ac_json_reader *self, const char *key, const char *what)
{
    if (self->status == AC_OK)
        self->status = ac_error_set(AC_E_FORMAT, "%s: %s%s%s %s", self->path, self->section,
                                    *self->section && *key ? "." : "", key, what);
}

int64_t
ac_json_reader_whole(ac_json_reader *self, const char *key, int64_t fallback, int64_t least,
                     int64_t most)
{
    const json_t *j = json_object_get(self->object, key);

    if (!j || json_is_null(j)) {
        if (fallback < least)
            ac_json_reader_refuse(self, key, "is missing");
        return fallback;
    }
    if (!json_is_integer(j) || json_integer_value(j) < least || json_integer_value(j) > most) {
        ac_json_reader_refuse(self, key, "is not a number that makes sense here");
        return least;
    }
    return json_integer_value(j);
}

int64_t
ac_json_reader_side(ac_json_reader *self, const char *key, int64_t fallback, int64_t most)
{
    const json_t *j = json_object_get(self->object, key), *other = json_array_get(j, 1);
    int64_t n;

    if (json_is_array(j)) {
        if (json_array_size(j) != 2 || !json_equal(json_array_get(j, 0), other))
            ac_json_reader_refuse(self, key, "is not a square's height and width");
        j = other;
    }
    if (!j || json_is_null(j))
        return fallback;
    n = json_integer_value(j); /* 0 where it is no whole number */
    if (n < 1 || n > most) {
        ac_json_reader_refuse(self, key, "is not a number that makes sense here");
        return 1;
    }
    return n;
}

double
ac_json_reader_real(ac_json_reader *self, const char *key, double fallback)
{
    const json_t *j = json_object_get(self->object, key);

    if (!j || json_is_null(j))
        return fallback;
    if (!json_is_number(j))
        ac_json_reader_refuse(self, key, "is not a number");
    return json_number_value(j);
}

bool
ac_json_reader_boolean(ac_json_reader *self, const char *key, bool fallback)
{
    const json_t *j = json_object_get(self->object, key);

    if (!j || json_is_null(j))
        return fallback;
    if (!json_is_boolean(j))
        ac_json_reader_refuse(self, key, "is neither true nor false");
    return json_is_true(j);
}

ac_activation
ac_json_reader_activation(ac_json_reader *self, const char *key, const char *fallback)
{
    static const struct {
        const char *name;
        ac_activation value;
    } all[] = {
        { "gelu", AC_ACTIVATION_GELU },
        { "gelu_python", AC_ACTIVATION_GELU },
        { "quick_gelu", AC_ACTIVATION_QUICK_GELU },
        { "relu", AC_ACTIVATION_RELU },
        { "silu", AC_ACTIVATION_SILU },
        { "swish", AC_ACTIVATION_SILU },
        { "gelu_new", AC_ACTIVATION_GELU_NEW }, /* four names of the tanh form */
        { "gelu_pytorch_tanh", AC_ACTIVATION_GELU_NEW },
        { "gelu_python_tanh", AC_ACTIVATION_GELU_NEW },
        { "gelu_fast", AC_ACTIVATION_GELU_NEW },
    };
    const json_t *j = json_object_get(self->object, key);
    const char *name = j && !json_is_null(j) ? json_string_value(j) : fallback;

    for (size_t i = 0; name && i < sizeof all / sizeof *all; i++)
        if (strcmp(name, all[i].name) == 0)
            return all[i].value;
    ac_json_reader_refuse(self, key,
                          "names an activation this program does not have (it has gelu, "
                          "quick_gelu, relu, silu, gelu_new, gelu_pytorch_tanh)");
    return AC_ACTIVATION_GELU;
}

/* FILE/config.json, where a folder was expected. */
static ac_status
refuse_file(const char *path)
{
    const size_t n = (size_t) (strrchr(path, '/') - path);
    char *file = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_duplicate(&file, path, n));
    AC_TRY(ac_head_check_file(file));
    AC_FAIL(AC_E_FORMAT,
            "%s: a file, where a model's folder with config.json is expected (or, of a causal "
            "language model, a GGUF file)",
            file);
out:
    free(file);
    return st;
}

/* A folder without a config may hold the model as a GGUF file, which is named itself. */
static ac_status
refuse_missing(const char *path, int error)
{
    const char *slash = strrchr(path, '/');
    char *pattern = NULL;
    glob_t found = { 0 };
    const bool has_gguf =
        error == ENOENT && slash &&
        ac_path_format(&pattern, "%.*s/*.gguf", (int) (slash - path), path) == AC_OK &&
        glob(pattern, 0, NULL, &found) == 0;
    const ac_status st =
        ac_error_set(ac_io_failure(error), "%s: the model's config cannot be read: %s%s%s%s",
                     path, strerror(error), has_gguf ? " (a GGUF file is named itself: " : "",
                     has_gguf ? found.gl_pathv[0] : "", has_gguf ? ")" : "");

    globfree(&found);
    free(pattern);
    return st;
}

ac_status
ac_json_reader_load(json_t **out, const char *path)
{
    if (!ac_file_is_readable(path) && errno == ENOTDIR && strchr(path, '/'))
        return refuse_file(path);
    if (!ac_file_is_readable(path))
        return refuse_missing(path, errno);
    return ac_json_file_read(out, path, 0);
}
