#include "io/file/file_look.h"
#include "io/source/captioned_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/checksum.h"
#include "io/file/publish.h"
#include "io/file/spill_file.h"

void
ac_caption_notes_free(ac_caption_notes *self)
{
    ac_texts_free(&self->names_without_image);
    ac_texts_free(&self->names_unusable);
    *self = (ac_caption_notes){ 0 };
}

static void
free_state(void *state)
{
    ac_captioned *self = state;

    if (!self->files.texts_map.data) /* else it is in that map */
        free(self->caption_offsets);
    ac_image_files_free(&self->files);
    ac_spilled_texts_free(&self->captions);
    ac_spilled_texts_free(&self->details);
    free(self->bad);
    ac_spilled_texts_free(&self->metadata);
    free(self->folder);
    free(self);
}

/* An empty state, whose files lie beside the index. */
ac_status
ac_captioned_new(ac_captioned **out, const ac_image_options *options)
{
    const char *slash = options->index ? strrchr(options->index, '/') : NULL;
    ac_captioned *self = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&self, 1, sizeof *self));
    *out = self;
    if (slash)
        AC_TRY(ac_duplicate(&self->folder, options->index, (size_t) (slash - options->index)));
    ac_spilled_texts_init(&self->captions, self->folder);
    ac_spilled_texts_init(&self->metadata, self->folder);
    ac_spilled_texts_init(&self->details, self->folder);
out:
    return st;
}

/* ---- captions ---- */

static bool
is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* One caption of the present image, stripped; empty ones are counted instead. */
ac_status
ac_captioned_push(ac_captioned *self, const char *text, size_t n, ac_caption_notes *notes)
{
    while (n && is_space(*text)) {
        text++;
        n--;
    }
    while (n && is_space(text[n - 1]))
        n--;
    if (n == 0) {
        notes->empty_captions++;
        return AC_OK;
    }
    return ac_spilled_texts_push(&self->captions, text, n);
}

/* The lines of image i's .txt file. */
static ac_status
read_captions(ac_captioned *self, int64_t i, ac_caption_notes *notes, ac_item_status *status)
{
    ac_buffer text = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_image_files_caption_text(&self->files, i, &text, status));
    for (size_t at = 0; status->reason == AC_GOOD && at < text.size; at++) {
        const char *line = text.data + at, *newline = memchr(line, '\n', text.size - at);
        const size_t n = newline ? (size_t) (newline - line) : text.size - at;
        AC_TRY(ac_captioned_push(self, line, n, notes));
        at += n;
    }
out:
    ac_buffer_free(&text);
    return st;
}

/* Room for what belongs to the files; duplicates are marked. */
ac_status
ac_captioned_begin(ac_captioned *self)
{
    const int64_t count = self->files.count;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&self->bad, count, sizeof *self->bad));
    AC_TRY(ac_alloc(&self->caption_offsets, count + 1, sizeof *self->caption_offsets));
    for (int64_t i = 0; i < count; i++)
        if (ac_image_files_is_duplicate(&self->files, i))
            self->bad[i] = AC_REJECT_DUPLICATE_KEY;
out:
    return st;
}

/* Close image i's captions. */
void
ac_captioned_end_image(ac_captioned *self, int64_t i)
{
    self->caption_offsets[i + 1] = self->captions.count;
    if (self->bad[i] == AC_GOOD && self->caption_offsets[i + 1] == self->caption_offsets[i])
        self->bad[i] = AC_REJECT_NO_CAPTION;
}

ac_status
ac_captioned_fingerprint(const ac_captioned *self, const char *images, char hex[33])
{
    const int64_t count = self->files.count;
    ac_checksum sum = { 0 };
    ac_status st = ac_checksum_init(&sum);

    if (st != AC_OK)
        return st;
    ac_checksum_update(&sum, images, strlen(images));
    ac_checksum_update(&sum, self->bad, (size_t) count);
    ac_checksum_update(&sum, self->caption_offsets,
                       (size_t) (count + 1) * sizeof *self->caption_offsets);
    if (self->captions.count) {
        static const int64_t zero = 0;
        ac_checksum_update(&sum, &zero, sizeof zero);
        ac_checksum_update(&sum, self->captions.ends.data, self->captions.ends.size);
        ac_checksum_update(&sum, self->captions.bytes.data, self->captions.bytes.size);
    }
    ac_checksum_digest(&sum, hex);
    ac_checksum_free(&sum);
    return AC_OK;
}

ac_status
ac_caption_notes_without_image(ac_caption_notes *self, const char *name, size_t n)
{
    if (self->without_image++ >= AC_CAPTION_NOTES_NAMES)
        return AC_OK;
    return ac_texts_push(&self->names_without_image, name, n);
}

/* The source takes the state, whatever became of it. */
ac_status
ac_captioned_finish(ac_image_source *out, ac_captioned *self, ac_status st)
{
    if (st == AC_OK) {
        out->type = &ac_captioned_images_type;
        out->state = self;
        out->count = self->files.count;
    } else {
        if (self)
            free_state(self);
        ac_passed_over_free(&out->passed_over);
        *out = (ac_image_source){ 0 };
    }
    return st;
}

/* ---- a folder ---- */

/* .txt files that are no image's: those that lie beside none, and that no image elsewhere
 * shares or could share its name with. used [count of .txt files]. */
static ac_status
look_for_orphans(const ac_captioned *self, ac_caption_notes *notes)
{
    const ac_image_files *files = &self->files;
    const int64_t count = files->captions.count;
    uint8_t *used = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&used, count, sizeof *used));
    for (int64_t i = 0; i < files->count; i++) {
        const ac_caption_match match = ac_image_files_match(files, i);
        for (int64_t k = match.first; match.beside < 0 && k < match.first + match.count; k++)
            used[k] = 1;
    }
    for (int64_t k = 0; k < count; k++) {
        size_t n;
        const char *name = ac_caption_files_name(&files->captions, k, &n);
        if (!used[k] && !ac_image_files_owns(files, k))
            AC_TRY(ac_caption_notes_without_image(notes, name, n));
    }
out:
    free(used);
    return st;
}

/* Captions of all images of the folder; what is wrong with them is the images' status. */
static ac_status
take_folder_captions(ac_captioned *self, ac_caption_notes *notes)
{
    ac_status st = AC_OK;

    for (int64_t i = 0; i < self->files.count; i++) {
        ac_item_status status = { 0 };
        if (self->bad[i] == AC_GOOD) {
            AC_TRY(read_captions(self, i, notes, &status));
            self->bad[i] = (uint8_t) status.reason;
        }
        AC_TRY(ac_spilled_texts_push(&self->details, status.detail, strlen(status.detail)));
        ac_captioned_end_image(self, i);
    }
    st = look_for_orphans(self, notes);
out:
    return st;
}

ac_status
ac_captioned_folder_open(ac_image_source *out, const char *folder, const char *what,
                         const ac_image_options *options, ac_caption_notes *notes)
{
    ac_status st = AC_OK;
    ac_captioned *self = NULL;
    struct stat info;
    size_t n = strlen(folder);
    char *path = NULL, images[33];

    *out = (ac_image_source){ 0 };
    while (n > 1 && folder[n - 1] == '/')
        n--;
    AC_TRY(ac_duplicate(&path, folder, n));
    if (ac_file_stat(path, &info) != 0)
        AC_FAIL(ac_io_failure(errno), "%s: %s: %s", what, path, strerror(errno));
    if (!S_ISDIR(info.st_mode))
        AC_FAIL(AC_E_ARG,
                "%s: %s is not a folder of images and .txt files; COCO's annotations go under "
                "%s.annotations and %s.images",
                what, path, what, what);
    AC_TRY(ac_captioned_new(&self, options));
    AC_TRY(ac_image_files_find(&self->files, path, what, options, &out->passed_over, images));
    AC_TRY(ac_captioned_begin(self));
    AC_TRY(take_folder_captions(self, notes));
    st = ac_captioned_fingerprint(self, images, out->fingerprint);
out:
    free(path);
    return ac_captioned_finish(out, self, st);
}

/* ---- as a source ---- */

static ac_status
key(const void *state, int64_t i, ac_buffer *out)
{
    return ac_image_files_key(&((const ac_captioned *) state)->files, i, out);
}

static ac_status
locate(const void *state, int64_t i, ac_buffer *out)
{
    return ac_image_files_locate(&((const ac_captioned *) state)->files, i, out);
}

static ac_status
file(const void *state, int64_t i, char **path)
{
    return ac_image_files_path(&((const ac_captioned *) state)->files, i, path);
}

static ac_status
read_item(const void *state, int64_t i, ac_buffer *bytes, ac_item_status *status)
{
    return ac_image_files_bytes(&((const ac_captioned *) state)->files, i, bytes, status);
}

static ac_status
check(const void *state, int64_t i, ac_item_status *status)
{
    const ac_captioned *self = state;
    const char *detail = "";
    size_t n = 0;

    if (self->bad[i] == AC_GOOD)
        return AC_OK;
    if (self->details.count)
        detail = ac_spilled_texts_at(&self->details, i, &n);
    if (n)
        return ac_item_status_set(status, (ac_reject_reason) self->bad[i], "%.*s", (int) n,
                                  detail);
    return ac_item_status_set(status, (ac_reject_reason) self->bad[i],
                              "found before the image was opened");
}

static ac_status
captions(const void *state, int64_t i, ac_texts *out)
{
    const ac_captioned *self = state;
    ac_status st = AC_OK;

    for (int64_t c = self->caption_offsets ? self->caption_offsets[i] : 0;
         self->caption_offsets && c < self->caption_offsets[i + 1]; c++) {
        size_t n;
        const char *text = ac_spilled_texts_at(&self->captions, c, &n);
        AC_TRY(ac_texts_push(out, text, n));
    }
out:
    return st;
}

static ac_status
metadata(const void *state, int64_t i, ac_buffer *out)
{
    const ac_captioned *self = state;
    const char *text;
    size_t n;

    if (!self->metadata.count)
        return AC_OK;
    text = ac_spilled_texts_at(&self->metadata, i, &n);
    return ac_buffer_push(out, text, n);
}

static ac_image_stamp
stamp(const void *state, int64_t i)
{
    const ac_image_files *files = &((const ac_captioned *) state)->files;

    return files->stamps ? files->stamps[i] : (ac_image_stamp){ -1, -1 };
}

static int64_t
page(const void *state, int64_t i)
{
    const ac_image_files *files = &((const ac_captioned *) state)->files;

    return files->pages ? files->pages[i] : 0;
}

enum { SHARED = 5 };

ac_status
ac_captioned_share(ac_captioned *self, const char *path)
{
    const ac_spill offsets = { .data = (char *) self->caption_offsets,
                               .size = (size_t) (self->files.count + 1) *
                                       sizeof *self->caption_offsets };
    const ac_spill *const parts[SHARED] = { &self->captions.bytes, &self->captions.ends,
                                            &offsets, &self->metadata.bytes,
                                            &self->metadata.ends };
    const ac_status st = ac_spill_file_publish(path, parts, SHARED);

    return st == AC_OK ? ac_duplicate(&self->files.texts, path, strlen(path)) : st;
}

/* What the process that opened the source has published. */
static ac_status
open_shared(ac_captioned *self)
{
    const size_t size = sizeof(int64_t);
    ac_spill offsets = { 0 };
    ac_spill *const parts[SHARED] = { &self->captions.bytes, &self->captions.ends, &offsets,
                                      &self->metadata.bytes, &self->metadata.ends };
    const ac_status st =
        ac_spill_file_open(&self->files.texts_map, self->files.texts, parts, SHARED);

    if (st != AC_OK)
        return st;
    self->captions.count = (int64_t) (self->captions.ends.size / size);
    self->metadata.count = (int64_t) (self->metadata.ends.size / size);
    self->caption_offsets = (int64_t *) (void *) offsets.data;
    if (offsets.size == (size_t) (self->files.count + 1) * size &&
        (self->metadata.count == 0 || self->metadata.count == self->files.count))
        return AC_OK;
    return ac_error_set(AC_E_FORMAT, "%s: not the file that was published there; run again",
                        self->files.texts);
}

/* Behind the files: why each is bad, and each detail with a zero byte. */
static ac_status
pack(const void *state, ac_buffer *out)
{
    const ac_captioned *self = state;
    ac_status st = AC_OK;

    AC_TRY(ac_image_files_pack(&self->files, out));
    AC_TRY(ac_buffer_push(out, self->bad, (size_t) self->files.count));
    for (int64_t i = 0; i < self->files.count; i++) {
        if (self->details.count) {
            size_t n;
            const char *detail = ac_spilled_texts_at(&self->details, i, &n);
            ac_buffer_push(out, detail, n);
        }
        AC_TRY(ac_buffer_push(out, "", 1));
    }
out:
    return st;
}

static ac_status
unpack(void **state, const char *bytes, size_t n)
{
    ac_captioned *self = NULL;
    const char *const end = bytes + n;
    size_t used;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&self, 1, sizeof *self));
    AC_TRY(ac_image_files_unpack(&self->files, bytes, n, &used));
    if (self->files.texts)
        AC_TRY(open_shared(self));
    AC_CHECK(n - used >= 2 * (size_t) self->files.count);
    AC_TRY(ac_alloc(&self->bad, self->files.count, sizeof *self->bad));
    memcpy(self->bad, bytes + used, (size_t) self->files.count);
    bytes += used + (size_t) self->files.count;
    for (int64_t i = 0; i < self->files.count; i++) {
        const size_t size = strnlen(bytes, (size_t) (end - bytes));
        AC_CHECK(bytes + size < end);
        AC_TRY(ac_spilled_texts_push(&self->details, bytes, size));
        bytes += size + 1;
    }
    *state = self;
out:
    if (st != AC_OK && self)
        free_state(self);
    return st;
}

const ac_image_source_type ac_captioned_images_type = {
    .name = "captioned files",
    .key = key,
    .locate = locate,
    .file = file,
    .read = read_item,
    .page = page,
    .check = check,
    .captions = captions,
    .metadata = metadata,
    .stamp = stamp,
    .pack = pack,
    .unpack = unpack,
    .free = free_state,
};
