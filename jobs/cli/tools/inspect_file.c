/* Which format a file has: by its first bytes, else by its name. */
#include <string.h>

#include "io/file/file_bytes.h"
#include "io/file/map.h"
#include "io/image/decode.h"
#include "io/image/names.h"
#include "io/checkpoint/torch.h"
#include "jobs/cli/tools/inspect.h"

enum { MAX_PIXELS = 178956970 };

typedef struct format {
    const char *magic;
    size_t at, size; /* where the magic stands, and its bytes */
    const char *extension;
    ac_status (*inspect)(json_t *out, const char *path);
} format;

static const format formats[] = {
    { "\x93NUMPY", 0, 6, ".npy", ac_inspect_npy },
    { "\x89HDF\r\n\x1a\n", 0, 8, ".h5", ac_inspect_h5 },
    { "GGUF", 0, 4, ".gguf", ac_inspect_gguf },
    { "{", 8, 1, ".safetensors", ac_inspect_safetensors },
    { "ustar", 257, 5, ".tar", ac_inspect_tar },
};

static bool
has_extension(const char *path, const char *extension)
{
    const size_t n = strlen(path), m = strlen(extension);

    return n > m && strcmp(path + n - m, extension) == 0;
}

/* A text can have '{' in its ninth place: the eight before it must be a length that fits. */
static bool
is_header_length(const ac_map *map)
{
    uint64_t length = 0;

    for (int i = 0; i < 8; i++)
        length |= (uint64_t) map->data[i] << (8 * i);
    return length <= map->size - 8;
}

ac_status
ac_inspect_file(json_t *out, const char *path)
{
    const size_t count = sizeof formats / sizeof *formats;
    ac_status (*found)(json_t *, const char *) = NULL;
    ac_map map;
    const ac_status st = ac_map_open(&map, path);

    if (st != AC_OK)
        return st;
    if (ac_torch_is(map.data, map.size))
        found = ac_inspect_torch;
    for (size_t i = 0; i < count && !found; i++)
        if (map.size >= formats[i].at + formats[i].size &&
            memcmp(map.data + formats[i].at, formats[i].magic, formats[i].size) == 0 &&
            (formats[i].inspect != ac_inspect_safetensors || is_header_length(&map)))
            found = formats[i].inspect;
    if (!found && ac_image_format_name(map.data, map.size))
        found = ac_inspect_image;
    for (size_t i = 0; i < count && !found; i++)
        if (has_extension(path, formats[i].extension))
            found = formats[i].inspect;
    if (!found && ac_image_name_is(path))
        found = ac_inspect_image;
    if (!found && (has_extension(path, ".pt") || has_extension(path, ".bin") ||
                   has_extension(path, ".ckpt")))
        found = ac_inspect_torch;
    ac_map_close(&map);
    return found ? found(out, path) : ac_inspect_text(out, path);
}

ac_status
ac_inspect_image(json_t *out, const char *path)
{
    ac_image image = { 0 };
    ac_buffer bytes = { 0 };
    ac_item_status item_status = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_file_bytes(&bytes, path, &item_status));
    if (item_status.reason == AC_GOOD)
        AC_TRY(ac_image_decode(&image, bytes.data, bytes.size, MAX_PIXELS, &item_status));
    ac_inspect_put_text(out, "kind", "picture");
    if (item_status.reason != AC_GOOD)
        AC_FAIL(AC_E_FORMAT, "%s: a rejected item, %s: %s", path,
                ac_reject_reason_name(item_status.reason), item_status.detail);
    ac_inspect_put_text(out, "format", ac_image_format_name(bytes.data, bytes.size));
    ac_inspect_put_text(out, "mode", ac_image_mode_name(image.mode));
    ac_inspect_put(out, "width", json_integer(image.width));
    ac_inspect_put(out, "height", json_integer(image.height));
    ac_inspect_put(out, "pages", json_integer(ac_image_count_pages(bytes.data, bytes.size)));
    AC_TRY(ac_inspect_put_checksum(out, path));
out:
    ac_buffer_free(&bytes);
    ac_image_free(&image);
    return st;
}
