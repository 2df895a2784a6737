/* The index of a large folder or list: a file that every rank maps. Numbers are this machine's:
 * each start makes it anew. Offsets of names [count + 1], stamps [count], pages [count] where
 * pages are items, names. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "io/file/text_file.h"
#include "io/source/found_files.h"
#include "io/source/image_files.h"

typedef struct index_head {
    char magic[16];
    int64_t count, name_bytes, pages;
} index_head;

static const char magic[16] = "antarctic files";

static size_t
page_bytes(const index_head *head) /* a multiple of 8, so that nothing lies askew */
{
    return head->pages ? ((size_t) head->count + 1) / 2 * 2 * sizeof(int32_t) : 0;
}

static void
write_items(const ac_found_files *found, const index_head *head, ac_text_file *file)
{
    const size_t padding = page_bytes(head) - (size_t) head->count * sizeof(int32_t);
    int64_t at = 0;

    for (int64_t i = 0; i < found->count; i++) {
        ac_text_file_write(file, (const char *) &at, sizeof at);
        at += ac_found_file_of(found, i)->name_size;
    }
    ac_text_file_write(file, (const char *) &at, sizeof at);
    for (int64_t i = 0; i < found->count; i++)
        ac_text_file_write(file, (const char *) &ac_found_file_of(found, i)->stamp,
                           sizeof(ac_image_stamp));
    for (int64_t i = 0; head->pages && i < found->count; i++)
        ac_text_file_write(file, (const char *) &ac_found_file_of(found, i)->page,
                           sizeof(int32_t));
    if (head->pages)
        ac_text_file_write(file, "\0\0\0", padding);
    for (int64_t i = 0; i < found->count; i++) {
        const ac_found_file *f = ac_found_file_of(found, i);
        ac_text_file_write(file, ac_found_file_name(f), f->name_size);
    }
}

ac_status
ac_image_files_write_index(ac_image_files *self, const char *path, const ac_found_files *found)
{
    index_head head = { .count = found->count };
    ac_text_file file = { 0 };
    ac_status st = AC_OK;

    memcpy(head.magic, magic, sizeof magic);
    for (int64_t i = 0; i < found->count; i++) {
        const ac_found_file *f = ac_found_file_of(found, i);
        head.name_bytes += f->name_size;
        head.pages |= f->page != 0;
    }
    AC_TRY(ac_text_file_create(&file, path));
    ac_text_file_write(&file, (const char *) &head, sizeof head);
    write_items(found, &head, &file);
    AC_TRY(ac_text_file_commit(&file));
    AC_TRY(ac_duplicate(&self->index, path, strlen(path)));
    st = ac_image_files_open_index(self);
out:
    ac_text_file_abandon(&file);
    return st;
}

ac_status
ac_image_files_open_index(ac_image_files *self)
{
    const index_head *head;
    char *at;
    ac_status st = AC_OK;

    AC_TRY(ac_map_open(&self->map, self->index));
    head = (const index_head *) (const void *) self->map.data;
    if (self->map.size < sizeof *head || memcmp(head->magic, magic, sizeof magic) != 0 ||
        head->count != self->count ||
        sizeof *head + (size_t) (head->count + 1) * sizeof(int64_t) +
                (size_t) head->count * sizeof(ac_image_stamp) + page_bytes(head) +
                (size_t) head->name_bytes !=
            self->map.size)
        AC_FAIL(AC_E_FORMAT, "%s: not the index that was published there; run again",
                self->index);
    at = (char *) (size_t) (self->map.data + sizeof *head);
    self->names.count = head->count;
    self->names.offsets = (int64_t *) (void *) at;
    at += (size_t) (head->count + 1) * sizeof(int64_t);
    self->stamps = (ac_image_stamp *) (void *) at;
    at += (size_t) head->count * sizeof(ac_image_stamp);
    self->pages = head->pages ? (int32_t *) (void *) at : NULL;
    self->names.bytes.data = at + page_bytes(head);
    self->names.bytes.size = (size_t) head->name_bytes;
out:
    if (st != AC_OK)
        ac_map_close(&self->map);
    return st;
}
