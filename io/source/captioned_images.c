#include "io/source/captioned_images.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "engine/text/unicode.h"
#include "io/file/checksum.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "io/file/text_file.h"
#include "io/source/coco.h"
#include "io/source/image_files.h"
#include "io/source/location.h"

/* A source's state: files, and what belongs to each. */
typedef struct captioned {
    ac_image_files files;
    uint8_t *bad; /* [count]: ac_reject_reason; AC_GOOD: to be used */
    ac_texts captions;
    int64_t *caption_offsets; /* [count + 1]: item i's are [caption_offsets[i],
                                 caption_offsets[i + 1]); NULL: unpacked, without captions */
    int64_t *ids;             /* [count]: COCO's; NULL: none */
} captioned;

void
ac_caption_notes_free(ac_caption_notes *self)
{
    ac_texts_free(&self->names_without_image);
    *self = (ac_caption_notes){ 0 };
}

static void
free_state(void *state)
{
    captioned *self = state;

    ac_image_files_free(&self->files);
    ac_texts_free(&self->captions);
    free(self->bad);
    free(self->caption_offsets);
    free(self->ids);
    free(self);
}

/* ---- captions ---- */

static bool
is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* One caption of the present image, stripped; empty ones are counted instead. */
static ac_status
push_caption(captioned *self, const char *text, size_t n, ac_caption_notes *notes)
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
    return ac_texts_push(&self->captions, text, n);
}

/* Where image i's .txt file would be; free with free(). */
static ac_status
sidecar_path(const captioned *self, int64_t i, char **path)
{
    char *image = NULL;
    ac_status st = ac_image_files_path(&self->files, i, &image);

    *path = NULL;
    if (st == AC_OK)
        st = ac_location_sidecar(image, strlen(image), ".txt", path);
    free(image);
    return st;
}

/* The lines of image i's .txt file. */
static ac_status
read_sidecar(captioned *self, int64_t i, ac_caption_notes *notes)
{
    char *path = NULL;
    ac_buffer text = { 0 };
    ac_status st = sidecar_path(self, i, &path);

    if (st != AC_OK || access(path, F_OK) != 0) {
        self->bad[i] = AC_REJECT_NO_CAPTION;
        goto out;
    }
    AC_TRY(ac_text_file_read(path, &text));
    if (ac_utf8_check(text.data ? text.data : "", text.size) != AC_OK) {
        self->bad[i] = AC_REJECT_CAPTION_NOT_UTF8;
        goto out;
    }
    for (size_t at = 0; at < text.size; at++) {
        const char *line = text.data + at, *newline = memchr(line, '\n', text.size - at);
        const size_t n = newline ? (size_t) (newline - line) : text.size - at;
        AC_TRY(push_caption(self, line, n, notes));
        at += n;
    }
out:
    ac_buffer_free(&text);
    free(path);
    return st;
}

/* Room for what belongs to the files; duplicates are marked. */
static ac_status
begin_images(captioned *self)
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
static void
end_image(captioned *self, int64_t i)
{
    self->caption_offsets[i + 1] = self->captions.count;
    if (self->bad[i] == AC_GOOD && self->caption_offsets[i + 1] == self->caption_offsets[i])
        self->bad[i] = AC_REJECT_NO_CAPTION;
}

static ac_status
make_fingerprint(const captioned *self, const char *images, char hex[33])
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
        ac_checksum_update(&sum, self->captions.offsets,
                           (size_t) (self->captions.count + 1) *
                               sizeof *self->captions.offsets);
        ac_checksum_update(&sum, self->captions.bytes.data, self->captions.bytes.size);
    }
    ac_checksum_digest(&sum, hex);
    ac_checksum_free(&sum);
    return AC_OK;
}

static ac_status
note_without_image(ac_caption_notes *self, const char *name, size_t n)
{
    if (self->without_image++ >= AC_CAPTION_NOTES_NAMES)
        return AC_OK;
    return ac_texts_push(&self->names_without_image, name, n);
}

/* The source takes the state, whatever became of it. */
static ac_status
finish(ac_image_source *out, captioned *self, ac_status st)
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

static bool
has_key(const ac_image_files *files, const char *key, size_t n)
{
    int64_t low = 0, high = files->count;

    while (low < high) {
        const int64_t middle = (low + high) / 2;
        if (ac_bytes_compare(ac_texts_at(&files->names, middle),
                             ac_image_files_key_size(files, middle), key, n) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < files->count &&
           ac_bytes_compare(ac_texts_at(&files->names, low),
                            ac_image_files_key_size(files, low), key, n) == 0;
}

static int
compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* .txt files below `path` whose image is not there; root: the length of the input's path and
 * slash. */
static ac_status
look_for_orphans(const captioned *self, const char *path, size_t root, ac_caption_notes *notes)
{
    ac_status st = AC_OK;
    struct dirent **entries = NULL;
    const int n = scandir(path, &entries, NULL, compare_names);
    char *child = NULL;

    if (n < 0)
        return ac_error_set(AC_E_IO, "%s: the folder cannot be read: %s", path,
                            strerror(errno));
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name, *dot = strrchr(name, '.');
        struct stat info;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        free(child);
        child = NULL;
        AC_TRY(ac_path_format(&child, "%s/%s", path, name));
        if (stat(child, &info) != 0)
            continue;
        if (S_ISDIR(info.st_mode))
            AC_TRY(look_for_orphans(self, child, root, notes));
        else if (dot && dot > name && strcasecmp(dot, ".txt") == 0 &&
                 !has_key(&self->files, child + root, strlen(child + root) - 4))
            AC_TRY(note_without_image(notes, child + root, strlen(child + root)));
    }
out:
    free(child);
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    return st;
}

ac_status
ac_captioned_folder_open(ac_image_source *out, const char *folder, const char *what,
                         ac_caption_notes *notes)
{
    ac_status st = AC_OK;
    captioned *self = NULL;
    struct stat info;
    size_t n = strlen(folder);
    char *path = NULL, images[33];

    *out = (ac_image_source){ 0 };
    while (n > 1 && folder[n - 1] == '/')
        n--;
    AC_TRY(ac_duplicate(&path, folder, n));
    if (stat(path, &info) != 0)
        AC_FAIL(ac_io_failure(errno), "%s: %s: %s", what, path, strerror(errno));
    if (!S_ISDIR(info.st_mode))
        AC_FAIL(AC_E_ARG,
                "%s: %s is not a folder of images and .txt files; COCO's annotations go under "
                "%s.annotations and %s.images",
                what, path, what, what);
    AC_TRY(ac_alloc(&self, 1, sizeof *self));
    AC_TRY(ac_image_files_find(&self->files, path, what, false, &out->passed_over, images));
    AC_TRY(begin_images(self));
    for (int64_t i = 0; i < self->files.count; i++) {
        if (self->bad[i] == AC_GOOD)
            AC_TRY(read_sidecar(self, i, notes));
        end_image(self, i);
    }
    AC_TRY(look_for_orphans(self, path, n + 1, notes));
    st = make_fingerprint(self, images, out->fingerprint);
out:
    free(path);
    return finish(out, self, st);
}

/* ---- COCO ---- */

/* An image of COCO's and its key, to be sorted. */
typedef struct place {
    const char *key; /* not zero-terminated */
    size_t size;
    int64_t image;
} place;

static int
compare_places(const void *a, const void *b)
{
    const place *x = a, *y = b;
    const int order = ac_bytes_compare(x->key, x->size, y->key, y->size);

    return order ? order : (x->image > y->image) - (x->image < y->image);
}

/* The images of the file, sorted by key; places [count]: where each stands in the file. */
static ac_status
list_images(ac_image_files *files, place *places, const ac_coco *coco, char fingerprint[33])
{
    ac_status st = AC_OK;
    XXH64_hash_t hash = 0;
    char *path = NULL;

    for (int64_t i = 0; i < coco->count; i++) {
        const char *name = ac_texts_at(&coco->file_names, i);
        places[i] =
            (place){ name, ac_location_stem(name, ac_texts_size(&coco->file_names, i)), i };
    }
    qsort(places, (size_t) coco->count, sizeof *places, compare_places);
    for (int64_t i = 0; i < coco->count; i++) {
        const size_t n = ac_texts_size(&coco->file_names, places[i].image);
        struct stat info;
        int64_t size;
        AC_TRY(ac_texts_push(&files->names, places[i].key, n));
        files->count++;
        free(path);
        AC_TRY(ac_image_files_path(files, i, &path));
        size = stat(path, &info) == 0 ? (int64_t) info.st_size : -1;
        hash = XXH64(&size, sizeof size, XXH64(places[i].key, n, hash));
    }
    snprintf(fingerprint, 33, "%016llx", (unsigned long long) hash);
out:
    free(path);
    return st;
}

static ac_status
take_coco_captions(captioned *self, const ac_coco *coco, int64_t i, int64_t image,
                   ac_caption_notes *notes)
{
    ac_status st = AC_OK;

    for (int64_t k = coco->caption_offsets[image];
         self->bad[i] == AC_GOOD && k < coco->caption_offsets[image + 1]; k++)
        AC_TRY(push_caption(self, ac_texts_at(&coco->captions, k),
                            ac_texts_size(&coco->captions, k), notes));
    self->ids[i] = coco->ids[image];
    end_image(self, i);
out:
    return st;
}

ac_status
ac_captioned_coco_open(ac_image_source *out, const char *annotations, const char *folder,
                       ac_caption_notes *notes)
{
    ac_status st = AC_OK;
    ac_coco coco = { 0 };
    captioned *self = NULL;
    place *places = NULL;
    struct stat info;
    char images[33];

    *out = (ac_image_source){ 0 };
    if (stat(folder, &info) != 0 || !S_ISDIR(info.st_mode))
        AC_FAIL(AC_E_IO, "%s: there is no such folder of images (for %s)", folder, annotations);
    AC_TRY(ac_coco_read(&coco, annotations));
    if (coco.count == 0)
        AC_FAIL(AC_E_FORMAT, "%s: lists no image", annotations);
    AC_TRY(ac_alloc(&places, coco.count, sizeof *places));
    AC_TRY(ac_alloc(&self, 1, sizeof *self));
    AC_TRY(ac_alloc(&self->ids, coco.count, sizeof *self->ids));
    AC_TRY(ac_location_root(folder, &self->files.root));
    AC_TRY(list_images(&self->files, places, &coco, images));
    AC_TRY(begin_images(self));
    for (int64_t i = 0; i < self->files.count; i++)
        AC_TRY(take_coco_captions(self, &coco, i, places[i].image, notes));
    if (coco.unlisted) {
        char name[64];
        const int n =
            snprintf(name, sizeof name, "image_id %lld", (long long) coco.first_unlisted);
        AC_TRY(note_without_image(notes, name, (size_t) n));
        notes->without_image = coco.unlisted;
    }
    st = make_fingerprint(self, images, out->fingerprint);
out:
    ac_coco_free(&coco);
    free(places);
    return finish(out, self, st);
}

/* ---- as a source ---- */

static ac_status
key(const void *state, int64_t i, ac_buffer *out)
{
    const ac_image_files *files = &((const captioned *) state)->files;

    return ac_buffer_push(out, ac_texts_at(&files->names, i),
                          ac_image_files_key_size(files, i));
}

static ac_status
locate(const void *state, int64_t i, ac_buffer *out)
{
    return ac_image_files_locate(&((const captioned *) state)->files, i, out);
}

static ac_status
file(const void *state, int64_t i, char **path)
{
    return ac_image_files_path(&((const captioned *) state)->files, i, path);
}

static ac_status
read_item(const void *state, int64_t i, ac_buffer *bytes, ac_item_status *status)
{
    return ac_image_files_bytes(&((const captioned *) state)->files, i, bytes, status);
}

static ac_status
check(const void *state, int64_t i, ac_item_status *status)
{
    const captioned *self = state;

    return self->bad[i] == AC_GOOD ? AC_OK
                                   : ac_item_status_set(status, (ac_reject_reason) self->bad[i],
                                                        "found before the image was opened");
}

static ac_status
captions(const void *state, int64_t i, ac_texts *out)
{
    const captioned *self = state;
    ac_status st = AC_OK;

    for (int64_t c = self->caption_offsets ? self->caption_offsets[i] : 0;
         self->caption_offsets && c < self->caption_offsets[i + 1]; c++)
        AC_TRY(ac_texts_push(out, ac_texts_at(&self->captions, c),
                             ac_texts_size(&self->captions, c)));
out:
    return st;
}

static ac_status
metadata(const void *state, int64_t i, ac_buffer *out)
{
    const captioned *self = state;

    return self->ids ? ac_buffer_printf(out, "{\"image_id\": %lld}", (long long) self->ids[i])
                     : AC_OK;
}

static ac_status
pack(const void *state, ac_buffer *out)
{
    const captioned *self = state;
    ac_status st = AC_OK;

    AC_TRY(ac_image_files_pack(&self->files, out));
    st = ac_buffer_push(out, self->bad, (size_t) self->files.count);
out:
    return st;
}

static ac_status
unpack(void **state, const char *bytes, size_t n)
{
    captioned *self = NULL;
    size_t used;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&self, 1, sizeof *self));
    AC_TRY(ac_image_files_unpack(&self->files, bytes, n, &used));
    AC_CHECK(n - used == (size_t) self->files.count);
    AC_TRY(ac_alloc(&self->bad, self->files.count, sizeof *self->bad));
    memcpy(self->bad, bytes + used, n - used);
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
    .check = check,
    .captions = captions,
    .metadata = metadata,
    .pack = pack,
    .unpack = unpack,
    .free = free_state,
};
