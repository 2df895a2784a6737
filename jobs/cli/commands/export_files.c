#include "jobs/cli/commands/export_files.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/file_look.h"
#include "io/file/publish.h"
#include "io/file/text_file.h"
#include "jobs/runtime/run.h"

bool
ac_export_climbs(const char *key, size_t n)
{
    for (size_t at = 0; at < n;) {
        const char *slash = memchr(key + at, '/', n - at);
        const size_t length = slash ? (size_t) (slash - key) - at : n - at;
        if (length == 2 && memcmp(key + at, "..", 2) == 0)
            return true;
        at += length + 1;
    }
    return false;
}

ac_status
ac_export_check(const char *path, const char *bytes, size_t n, bool *same)
{
    ac_buffer there = { 0 };
    ac_status st = AC_OK;

    *same = false;
    if (!ac_file_is_there(path))
        return AC_OK;
    AC_TRY(ac_text_file_read(path, &there));
    *same = ac_bytes_compare(there.data, there.size, bytes, n) == 0;
    if (!*same)
        st = ac_error_set(AC_E_ARG,
                          "%s: is there already with other content, and is not replaced; give "
                          "another --out FOLDER",
                          path);
out:
    ac_buffer_free(&there);
    return st;
}

ac_status
ac_export_make_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = NULL;
    ac_status st = AC_OK;

    if (!slash || slash == path)
        return AC_OK;
    AC_TRY(ac_duplicate(&folder, path, (size_t) (slash - path)));
    st = ac_run_make_folder(folder);
out:
    free(folder);
    return st;
}

ac_status
ac_export_file(const char *path, const char *bytes, size_t n)
{
    bool same;
    ac_status st = AC_OK;

    AC_TRY(ac_export_check(path, bytes, n, &same));
    if (same)
        goto out;
    AC_TRY(ac_export_make_folder(path));
    st = ac_publish_file(path, n ? bytes : "", n);
out:
    return st;
}
