/* Paths that keys hold: one, several, relative to the folder of their file. */
#include "io/config/config_paths.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/buffer.h"
#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/config/config.h"
#include "io/file/file_look.h"
#include "io/file/path.h"
#include "io/file/path_set.h"
#include "io/file/publish.h"

/* A path relative to `base` (a folder with its slash, or "") as an absolute one. */
static ac_status
resolve_path(char **out, const char *base, const char *value)
{
    char folder[4096];

    if (value[0] == '/' || strcmp(value, "-") == 0) /* "-": standard input */
        return ac_duplicate(out, value, strlen(value));
    if (value[0] == '~' && (value[1] == '/' || !value[1])) /* the shell's word for $HOME */
        return ac_error_set(AC_E_ARG,
                            "\"%s\": ~ does not stand for a home folder here; write it in full "
                            "(./~ is a folder of that name)",
                            value);
    if (base[0] == '/')
        folder[0] = '\0';
    else if (!getcwd(folder, sizeof folder - 1))
        return ac_error_set(ac_io_failure(errno), "the current folder cannot be determined: %s",
                            strerror(errno));
    return ac_path_format(out, "%s%s%s%s", folder, *folder ? "/" : "", base, value);
}

/* Of an input several paths may stand in one text, joined by "::". */
static ac_status
resolve_paths(char **out, const char *base, const char *value)
{
    char *first = NULL, *folder = NULL;
    ac_status st = AC_OK;

    *out = NULL;
    AC_TRY(resolve_path(&first, base, value));
    if (!ac_path_set_is(first) || !strstr(value, "::")) {
        *out = first;
        return AC_OK;
    }
    AC_TRY(resolve_path(&folder, base, "")); /* with its slash */
    st = ac_path_set_resolve(out, folder, value);
out:
    free(first);
    free(folder);
    return st;
}

/* Names with commas between them, brackets around or not, each from the same folder; one name
 * that is there is itself, whatever is in it. */
static ac_status
resolve_list(char **out, const char *base, const char *value)
{
    ac_buffer all = { 0 };
    char *one = NULL;
    ac_status st = AC_OK;

    AC_TRY(resolve_path(out, base, value));
    if (ac_file_is_there(*out) || !strpbrk(value, ",["))
        return AC_OK;
    if (*value != '[' && !strchr(value, ','))
        return AC_OK; /* a pattern */
    free(*out);
    *out = NULL;
    for (const char *at = value + (*value == '['); *at;) {
        const size_t n = strcspn(at, *value == '[' ? ",]" : ",");
        const char *name = at + strspn(at, " ");
        char text[PATH_MAX];
        snprintf(text, sizeof text, "%.*s", name < at + n ? (int) (at + n - name) : 0, name);
        if (*text) {
            AC_TRY(resolve_path(&one, base, text));
            ac_buffer_printf(&all, "%s%s", all.size ? "," : "", one);
            free(one);
            one = NULL;
        }
        at += n + (at[n] != '\0');
    }
    AC_TRY(all.status);
    st = ac_duplicate(out, all.data ? all.data : "", all.size);
out:
    free(one);
    ac_buffer_free(&all);
    return st;
}

/* One path, or several. */
static ac_status
resolve_each(char **out, const char *base, const char *value)
{
    ac_texts paths = { 0 };
    ac_buffer all = { 0 };
    char *given = NULL, *one = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_config_paths(value, &paths));
    for (int64_t i = 0; i < paths.count; i++) {
        AC_TRY(ac_duplicate(&given, ac_texts_at(&paths, i), ac_texts_size(&paths, i)));
        AC_TRY(resolve_path(&one, base, given));
        if (i)
            ac_buffer_push_char(&all, AC_CONFIG_PATHS_BETWEEN);
        AC_TRY(ac_buffer_push_text(&all, one));
        free(given);
        free(one);
        given = one = NULL;
    }
    st = ac_duplicate(out, all.data ? all.data : "", all.size);
out:
    ac_texts_free(&paths);
    ac_buffer_free(&all);
    free(given);
    free(one);
    return st;
}

ac_status
ac_config_paths(const char *value, ac_texts *out)
{
    const char between[] = { AC_CONFIG_PATHS_BETWEEN, '\0' };
    ac_status st = AC_OK;

    ac_texts_reset(out);
    for (const char *at = value; st == AC_OK;) {
        const size_t n = strcspn(at, between);
        st = ac_texts_push(out, at, n);
        if (!at[n])
            break;
        at += n + 1;
    }
    return st;
}

ac_status
ac_config_path_resolve(char **out, const ac_config_key *k, const char *base, const char *value)
{
    return k->type == KEY_PATHS                 ? resolve_list(out, base, value)
           : k->type == KEY_PATH_LIST           ? resolve_each(out, base, value)
           : strncmp(k->name, "input.", 6) == 0 ? resolve_paths(out, base, value)
                                                : resolve_path(out, base, value);
}
