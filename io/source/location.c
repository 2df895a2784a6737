#include "io/source/location.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "engine/base/memory.h"
#include "io/file/path.h"

bool
ac_image_name_is(const char *name)
{
    static const char *const extensions[] = { ".jpg", ".jpeg", ".png", ".bmp", ".webp" };
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot && i < sizeof extensions / sizeof *extensions; i++)
        if (strcasecmp(dot, extensions[i]) == 0)
            return true;
    return false;
}

size_t
ac_location_stem(const char *path, size_t n)
{
    for (size_t i = n; i-- > 1 && path[i] != '/';)
        if (path[i] == '.' && path[i - 1] != '/')
            return i;
    return n;
}

ac_status
ac_location_root(const char *input, char **root)
{
    size_t n = strlen(input);
    struct stat info;
    bool is_folder;

    while (n > 1 && input[n - 1] == '/')
        n--;
    if (stat(input, &info) == 0)
        is_folder = S_ISDIR(info.st_mode);
    else /* gone: a name can still tell */
        is_folder =
            !ac_image_name_is(input) && !(n > 4 && strcasecmp(input + n - 4, ".txt") == 0);
    if (is_folder)
        return ac_path_format(root, "%.*s%s", (int) n, input, input[n - 1] == '/' ? "" : "/");
    while (n && input[n - 1] != '/')
        n--;
    return ac_duplicate(root, input, n);
}

ac_status
ac_location_resolve(const char *input, const char *location, size_t n, char **path)
{
    char *root = NULL;
    ac_status st;

    *path = NULL;
    st = ac_location_root(input, &root);
    if (st == AC_OK)
        st = ac_location_join(root, location, n, path);
    free(root);
    return st;
}

ac_status
ac_location_join(const char *root, const char *location, size_t n, char **path)
{
    return ac_path_format(path, "%s%.*s", n && location[0] == '/' ? "" : root, (int) n,
                          location);
}

ac_status
ac_location_sidecar(const char *path, size_t n, const char *extension, char **out)
{
    return ac_path_format(out, "%.*s%s", (int) ac_location_stem(path, n), path, extension);
}
