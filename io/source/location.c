#include "io/source/location.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "engine/base/memory.h"
#include "io/file/file_look.h"
#include "io/file/path.h"
#include "io/image/names.h"

size_t
ac_location_stem(const char *path, size_t n)
{
    for (size_t i = n; i-- > 1 && path[i] != '/';)
        if (path[i] == '.' && path[i - 1] != '/')
            return i;
    return n;
}

size_t
ac_location_tar_stem(const char *path)
{
    const size_t n = ac_location_stem(path, strlen(path));

    return n > 4 && strncasecmp(path + n - 4, ".tar", 4) == 0 ? n - 4 : n;
}

ac_status
ac_location_root(const char *input, char **root)
{
    size_t n = strlen(input);
    struct stat info;
    bool is_folder;

    while (n > 1 && input[n - 1] == '/')
        n--;
    if (ac_file_stat(input, &info) == 0)
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
    int64_t page;
    ac_status st;

    *path = NULL;
    n = ac_location_page(location, n, &page);
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

size_t
ac_location_page(const char *location, size_t n, int64_t *page)
{
    char name[256];
    size_t digits = 0, file;
    int64_t number = 0;

    *page = 0;
    while (digits < n && digits < 9 && location[n - 1 - digits] >= '0' &&
           location[n - 1 - digits] <= '9')
        digits++;
    if (digits == 0 || digits + 1 >= n || location[n - 1 - digits] != '#')
        return n;
    file = n - 1 - digits;
    for (size_t i = file + 1; i < n; i++)
        number = 10 * number + (location[i] - '0');
    /* the end of the name is enough to tell an image's */
    snprintf(name, sizeof name, "%.*s", file < 200 ? (int) file : 200,
             location + (file < 200 ? 0 : file - 200));
    if (number < 2 || !ac_image_name_is(name))
        return n;
    *page = number - 1;
    return file;
}

ac_status
ac_location_sidecar(const char *path, size_t n, const char *extension, char **out)
{
    int64_t page;
    const size_t file = ac_location_page(path, n, &page);

    return ac_path_format(out, "%.*s%.*s%s", (int) ac_location_stem(path, file), path,
                          (int) (n - file), path + file, extension);
}
