/* Image files as a source of images. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/text/unicode.h"
#include "io/file/file_look.h"
#include "io/file/json_value.h"
#include "io/file/text_file.h"
#include "io/source/image_files.h"
#include "io/source/location.h"

static ac_status
key(const void *state, int64_t i, ac_buffer *out)
{
    return ac_image_files_key(state, i, out);
}

static ac_status
locate(const void *state, int64_t i, ac_buffer *out)
{
    return ac_image_files_locate(state, i, out);
}

static ac_status
file(const void *state, int64_t i, char **path)
{
    return ac_image_files_path(state, i, path);
}

static ac_status
read_item(const void *state, int64_t i, ac_buffer *bytes, ac_item_status *status)
{
    return ac_image_files_bytes(state, i, bytes, status);
}

static int64_t
page(const void *state, int64_t i)
{
    const ac_image_files *self = state;

    return self->pages ? self->pages[i] : 0;
}

static ac_status
check(const void *state, int64_t i, ac_item_status *status)
{
    return ac_image_files_is_duplicate(state, i)
               ? ac_item_status_set(status, AC_REJECT_DUPLICATE_KEY,
                                    "another image before it has this key")
               : AC_OK;
}

static ac_status
captions(const void *state, int64_t i, ac_texts *out)
{
    ac_buffer raw = { 0 }, text = { 0 };
    ac_item_status status;
    ac_status st = AC_OK;

    AC_TRY(ac_image_files_caption_text(state, i, &raw, &status));
    if (raw.size)
        AC_TRY(ac_utf8_replace(&text, raw.data, raw.size));
    for (const char *line = text.data, *end; line && *line; line = *end ? end + 1 : end) {
        size_t n;
        end = line + strcspn(line, "\n");
        n = (size_t) (end - line) - (end > line && end[-1] == '\r');
        if (n)
            AC_TRY(ac_texts_push(out, line, n));
    }
out:
    ac_buffer_free(&raw);
    ac_buffer_free(&text);
    return st;
}

static ac_status
check_captions(const void *state, int64_t i, ac_item_status *status)
{
    ac_buffer text = { 0 };
    const ac_status st = ac_image_files_caption_text(state, i, &text, status);

    ac_buffer_free(&text);
    return st;
}

static ac_image_stamp
stamp(const void *state, int64_t i)
{
    const ac_image_files *self = state;

    return self->stamps ? self->stamps[i] : (ac_image_stamp){ -1, -1 };
}

/* NAME.json beside the image, where it is a JSON object: as img2dataset writes. */
static ac_status
metadata(const void *state, int64_t i, ac_buffer *out)
{
    char *image = NULL, *path = NULL;
    struct stat info;
    ac_status st = AC_OK;

    AC_TRY(ac_image_files_path(state, i, &image));
    AC_TRY(ac_location_sidecar(image, strlen(image), ".json", &path));
    if (ac_file_stat(path, &info) != 0 || !S_ISREG(info.st_mode) || !ac_file_is_readable(path))
        goto out;
    AC_TRY(ac_text_file_read(path, out));
    st = ac_json_keep_metadata(out);
out:
    free(image);
    free(path);
    return st;
}

static ac_status
pack(const void *state, ac_buffer *out)
{
    return ac_image_files_pack(state, out);
}

static void
free_state(void *state)
{
    ac_image_files_free(state);
    free(state);
}

static ac_status
unpack(void **state, const char *bytes, size_t n)
{
    ac_image_files *self = NULL;
    size_t used;
    ac_status st = ac_alloc(&self, 1, sizeof *self);

    if (st == AC_OK)
        st = ac_image_files_unpack(self, bytes, n, &used);
    if (st == AC_OK && self->texts)
        st = ac_image_files_open_captions(self);
    if (st == AC_OK)
        *state = self;
    else if (self)
        free_state(self);
    return st;
}

const ac_image_source_type ac_image_files_type = {
    .name = "files",
    .key = key,
    .locate = locate,
    .file = file,
    .read = read_item,
    .page = page,
    .check = check,
    .captions = captions,
    .check_captions = check_captions,
    .metadata = metadata,
    .stamp = stamp,
    .pack = pack,
    .unpack = unpack,
    .free = free_state,
};

ac_status
ac_image_files_open(ac_image_source *out, const char *input, const char *what,
                    const ac_image_options *options)
{
    ac_image_files *self = NULL;
    ac_status st = ac_alloc(&self, 1, sizeof *self);

    *out = (ac_image_source){ 0 };
    if (st == AC_OK)
        st = ac_image_files_find(self, input, what, options, &out->passed_over,
                                 out->fingerprint);
    if (st == AC_OK && options->texts && self->captions.count)
        st = ac_image_files_share_captions(self, options->texts);
    if (st == AC_OK) {
        out->type = &ac_image_files_type;
        out->state = self;
        out->count = self->count;
    } else {
        ac_passed_over_free(&out->passed_over);
        if (self)
            free_state(self);
    }
    return st;
}
