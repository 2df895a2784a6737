#include "io/image/names.h"

#include <string.h>
#include <strings.h>

const char ac_image_extensions[] =
    "jpg, jpeg, jpe, jfif, png, webp, gif, bmp, dib, tif, tiff, jp2, j2k, j2c, jpc, jpx, jpf, "
    "avif, heic, heif, hif, jxl";

bool
ac_image_name_is(const char *name)
{
    const char *dot = strrchr(name, '.');
    const size_t n = dot ? strlen(dot + 1) : 0;

    if (n == 0 || strpbrk(dot, "/, "))
        return false;
    for (const char *e = ac_image_extensions; *e; e += strcspn(e, ",")) {
        e += strspn(e, ", ");
        if (strcspn(e, ",") == n && strncasecmp(e, dot + 1, n) == 0)
            return true;
    }
    return false;
}
