/* A head, then the parts, each from a multiple of 8 on. */
#include "io/file/spill_file.h"

#include <string.h>

#include "engine/base/status.h"
#include "io/file/text_file.h"

typedef struct head {
    char magic[16];
    int64_t count, sizes[AC_SPILL_FILE_PARTS];
} head;

static const char magic[16] = "antarctic parts";

static size_t
padded(int64_t size)
{
    return ((size_t) size + 7) / 8 * 8;
}

ac_status
ac_spill_file_publish(const char *path, const ac_spill *const *parts, int count)
{
    head h = { .count = count };
    ac_text_file file = { 0 };
    ac_status st = AC_OK;

    AC_CHECK(count <= AC_SPILL_FILE_PARTS);
    memcpy(h.magic, magic, sizeof magic);
    for (int p = 0; p < count; p++)
        h.sizes[p] = (int64_t) parts[p]->size;
    AC_TRY(ac_text_file_create(&file, path));
    ac_text_file_write(&file, (const char *) &h, sizeof h);
    for (int p = 0; p < count; p++) {
        if (parts[p]->size)
            ac_text_file_write(&file, parts[p]->data, parts[p]->size);
        ac_text_file_write(&file, "\0\0\0\0\0\0\0", padded(h.sizes[p]) - parts[p]->size);
    }
    st = ac_text_file_commit(&file);
out:
    ac_text_file_abandon(&file);
    return st;
}

ac_status
ac_spill_file_open(ac_map *map, const char *path, ac_spill *const *parts, int count)
{
    size_t at = sizeof(head);
    const head *h;
    ac_status st = AC_OK;

    AC_TRY(ac_map_open(map, path));
    h = (const head *) (const void *) map->data;
    if (map->size < sizeof *h || memcmp(h->magic, magic, sizeof magic) != 0 ||
        h->count != count)
        AC_FAIL(AC_E_FORMAT, "%s: not the file that was published there; run again", path);
    for (int p = 0; p < count; p++) {
        if (h->sizes[p] < 0 || (size_t) h->sizes[p] > map->size - at ||
            padded(h->sizes[p]) > map->size - at)
            AC_FAIL(AC_E_FORMAT, "%s: not the file that was published there; run again", path);
        parts[p]->data = (char *) (size_t) (map->data + at);
        parts[p]->size = (size_t) h->sizes[p];
        at += padded(h->sizes[p]);
    }
out:
    if (st != AC_OK)
        ac_map_close(map);
    return st;
}
