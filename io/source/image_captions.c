/* Which .txt file holds an image's captions, and its text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/file_look.h"
#include "io/file/path.h"
#include "io/file/spill_file.h"
#include "io/source/image_files.h"
#include "io/source/location.h"

ac_status
ac_image_files_share_captions(ac_image_files *self, const char *path)
{
    const ac_spill *const parts[] = { &self->captions.names, &self->captions.order };
    ac_status st = ac_spill_file_publish(path, parts, 2);

    return st == AC_OK ? ac_duplicate(&self->texts, path, strlen(path)) : st;
}

ac_status
ac_image_files_open_captions(ac_image_files *self)
{
    ac_spill *const parts[] = { &self->captions.names, &self->captions.order };
    const ac_status st = ac_spill_file_open(&self->texts_map, self->texts, parts, 2);

    self->captions.count = (int64_t) (self->captions.order.size / sizeof(int64_t));
    self->searched = st == AC_OK;
    return st;
}

bool
ac_image_files_owns(const ac_image_files *self, int64_t place)
{
    size_t n;
    const char *name = ac_caption_files_name(&self->captions, place, &n);

    return ac_image_files_has_key(self, name, n - 4);
}

/* All captions of a stem lie beside other images. */
static bool
all_owned(const ac_image_files *self, const ac_caption_match *match)
{
    for (int64_t i = match->first; i < match->first + match->count; i++)
        if (!ac_image_files_owns(self, i))
            return false;
    return true;
}

ac_caption_match
ac_image_files_match(const ac_image_files *self, int64_t i)
{
    const char *name = ac_texts_at(&self->names, i);
    ac_buffer key = { 0 };
    ac_caption_match match = { .beside = -1 };

    if (self->pages && self->pages[i] && ac_image_files_key(self, i, &key) == AC_OK)
        match = ac_caption_files_match(&self->captions, key.data, key.size);
    ac_buffer_free(&key);
    if (match.count == 0)
        match = ac_caption_files_match(&self->captions, name, ac_image_files_key_size(self, i));
    if (match.beside < 0 && all_owned(self, &match))
        match.count = 0;
    return match;
}

static ac_status
several(const ac_image_files *self, const ac_caption_match *match, ac_item_status *status)
{
    ac_buffer names = { 0 };
    ac_status st = AC_OK;

    for (int64_t i = match->first; i < match->first + match->count; i++) {
        size_t n;
        const char *name = ac_caption_files_name(&self->captions, i, &n);
        ac_buffer_printf(&names, "%s%.*s", i > match->first ? ", " : "", (int) n, name);
    }
    AC_TRY(names.status);
    st = ac_item_status_set(status, AC_REJECT_NO_CAPTION,
                            "several .txt files have its name, none lies beside it: %s",
                            names.data);
out:
    ac_buffer_free(&names);
    return st;
}

/* Of a folder that was searched. */
static ac_status
find_matched(const ac_image_files *self, int64_t i, char **path, ac_item_status *status)
{
    const ac_caption_match match = ac_image_files_match(self, i);
    const int64_t place = match.beside >= 0 ? match.beside : match.first;
    const char *name;
    size_t n;

    if (match.count == 0)
        return ac_item_status_set(status, AC_REJECT_NO_CAPTION, "%s", "");
    if (match.beside < 0 && match.count > 1)
        return several(self, &match, status);
    name = ac_caption_files_name(&self->captions, place, &n);
    return ac_path_format(path, "%s%.*s", self->root, (int) n, name);
}

/* Of a list, or in a process that did not search: beside the image. */
static ac_status
find_beside(const ac_image_files *self, int64_t i, char **path, ac_item_status *status)
{
    char suffix[32] = "", *image = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_image_files_path(self, i, &image));
    if (self->pages && self->pages[i])
        snprintf(suffix, sizeof suffix, "#%d.txt", self->pages[i] + 1);
    for (const char *extension = *suffix ? suffix : ".txt"; extension;
         extension = extension == suffix ? ".txt" : NULL) {
        free(*path);
        AC_TRY(ac_location_sidecar(image, strlen(image), extension, path));
        if (ac_file_is_there(*path))
            goto out;
    }
    free(*path);
    *path = NULL;
    ac_item_status_set(status, AC_REJECT_NO_CAPTION, "%s", "");
out:
    free(image);
    return st;
}

ac_status
ac_image_files_caption_text(const ac_image_files *self, int64_t i, ac_buffer *text,
                            ac_item_status *status)
{
    char *path = NULL;
    ac_status st;

    *status = (ac_item_status){ 0 };
    st = self->searched ? find_matched(self, i, &path, status)
                        : find_beside(self, i, &path, status);
    if (st == AC_OK && path)
        st = ac_caption_file_read(path, text, status);
    free(path);
    return st;
}
