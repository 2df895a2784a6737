#include "io/source/captioned_list.h"

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
#include "engine/text/unicode.h"
#include "io/source/coco.h"
#include "io/file/path.h"
#include "io/source/image_list.h"
#include "io/file/publish.h"
#include "io/file/text_file.h"

/* ---- captions ---- */

static bool
is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* One caption of the image in hand, stripped; empty ones are counted instead. */
static ac_status
push_caption(ac_captioned_list *self, const char *text, size_t n)
{
    while (n && is_space(*text)) {
        text++;
        n--;
    }
    while (n && is_space(text[n - 1]))
        n--;
    if (n == 0) {
        self->empty_captions++;
        return AC_OK;
    }
    return ac_texts_push(&self->captions, text, n);
}

/* The lines of image i's .txt file. */
static ac_status
read_sidecar(ac_captioned_list *self, const ac_image_list *images, int64_t i)
{
    char *path = NULL;
    ac_buffer text = { 0 };
    ac_status st = ac_image_list_sidecar(images, i, ".txt", &path);

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
        AC_TRY(push_caption(self, line, n));
        at += n;
    }
out:
    ac_buffer_free(&text);
    free(path);
    return st;
}

/* ---- a folder ---- */

static int64_t
find_key(const ac_texts *keys, const char *key, size_t n)
{
    int64_t low = 0, high = keys->count;

    while (low < high) {
        const int64_t middle = (low + high) / 2;
        const size_t m = ac_texts_size(keys, middle);
        const int order = memcmp(ac_texts_at(keys, middle), key, m < n ? m : n);
        if (order < 0 || (order == 0 && m < n))
            low = middle + 1;
        else
            high = middle;
    }
    return low < keys->count && ac_texts_size(keys, low) == n &&
                   memcmp(ac_texts_at(keys, low), key, n) == 0
               ? low
               : -1;
}

static ac_status
note_without_image(ac_captioned_list *self, const char *name, size_t n)
{
    if (self->without_image++ >= AC_CAPTIONED_LIST_NAMES)
        return AC_OK;
    return ac_texts_push(&self->names_without_image, name, n);
}

static int
compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* .txt files below `path` whose image is not in the list; root: the length of the input's path
 * and slash. */
static ac_status
look_for_orphans(ac_captioned_list *self, const char *path, size_t root)
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
            AC_TRY(look_for_orphans(self, child, root));
        else if (dot && dot > name && strcasecmp(dot, ".txt") == 0 &&
                 find_key(&self->keys, child + root, strlen(child + root) - 4) < 0)
            AC_TRY(note_without_image(self, child + root, strlen(child + root)));
    }
out:
    free(child);
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    return st;
}

/* ---- both ---- */

/* Take over keys and paths of a sorted list; mark duplicates. */
static ac_status
take_images(ac_captioned_list *self, ac_image_list *images)
{
    ac_status st = AC_OK;

    self->count = images->count;
    AC_TRY(ac_alloc(&self->bad, self->count, sizeof *self->bad));
    AC_TRY(ac_alloc(&self->caption_offsets, self->count + 1, sizeof *self->caption_offsets));
    for (int64_t i = 0; i < self->count; i++) {
        AC_TRY(ac_texts_push(&self->keys, ac_texts_at(&images->keys, i),
                             ac_texts_size(&images->keys, i)));
        AC_TRY(ac_texts_push(&self->paths, ac_texts_at(&images->paths, i),
                             ac_texts_size(&images->paths, i)));
        if (ac_image_list_is_duplicate(images, i))
            self->bad[i] = AC_REJECT_DUPLICATE_KEY;
    }
out:
    return st;
}

/* Close image i's captions. */
static void
end_image(ac_captioned_list *self, int64_t i)
{
    self->caption_offsets[i + 1] = self->captions.count;
    if (self->bad[i] == AC_GOOD && self->caption_offsets[i + 1] == self->caption_offsets[i])
        self->bad[i] = AC_REJECT_NO_CAPTION;
    self->good += self->bad[i] == AC_GOOD;
}

static ac_status
make_fingerprint(ac_captioned_list *self, const char *images)
{
    XXH3_state_t *hash = XXH3_createState();
    XXH128_hash_t digest;

    if (!hash)
        return ac_error_set(AC_E_NOMEM, "out of memory");
    XXH3_128bits_reset(hash);
    XXH3_128bits_update(hash, images, strlen(images));
    XXH3_128bits_update(hash, self->bad, (size_t) self->count);
    XXH3_128bits_update(hash, self->caption_offsets,
                        (size_t) (self->count + 1) * sizeof *self->caption_offsets);
    if (self->captions.count) {
        XXH3_128bits_update(hash, self->captions.offsets,
                            (size_t) (self->captions.count + 1) *
                                sizeof *self->captions.offsets);
        XXH3_128bits_update(hash, self->captions.bytes.data, self->captions.bytes.size);
    }
    digest = XXH3_128bits_digest(hash);
    XXH3_freeState(hash);
    snprintf(self->fingerprint, sizeof self->fingerprint, "%016llx%016llx",
             (unsigned long long) digest.high64, (unsigned long long) digest.low64);
    return AC_OK;
}

ac_status
ac_captioned_list_read(ac_captioned_list *self, const char *folder, const char *what)
{
    ac_status st = AC_OK;
    ac_image_list images = { 0 };
    struct stat info;
    size_t n = strlen(folder);
    char *path = NULL;

    *self = (ac_captioned_list){ 0 };
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
    st = ac_image_list_read(&images, path);
    if (st != AC_OK) {
        ac_error_prefix(st, "%s", what);
        goto out;
    }
    AC_TRY(take_images(self, &images));
    for (int64_t i = 0; i < self->count; i++) {
        if (self->bad[i] == AC_GOOD)
            AC_TRY(read_sidecar(self, &images, i));
        end_image(self, i);
    }
    AC_TRY(look_for_orphans(self, path, n + 1));
    st = make_fingerprint(self, images.fingerprint);
out:
    ac_image_list_free(&images);
    free(path);
    if (st != AC_OK)
        ac_captioned_list_free(self);
    return st;
}

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
    const int order = memcmp(x->key, y->key, x->size < y->size ? x->size : y->size);

    if (order || x->size != y->size)
        return order ? order : x->size < y->size ? -1 : 1;
    return x->image < y->image ? -1 : x->image > y->image;
}

static size_t
stem_size(const char *name, size_t n)
{
    for (size_t i = n; i-- > 1 && name[i] != '/';)
        if (name[i] == '.' && name[i - 1] != '/')
            return i;
    return n;
}

/* The images of the file as a sorted list of images; places [count]: where each stands in the
 * file. */
static ac_status
list_images(ac_image_list *images, place *places, const ac_coco *coco, const char *folder)
{
    ac_status st = AC_OK;
    ac_buffer path = { 0 };
    XXH64_hash_t hash = 0;

    for (int64_t i = 0; i < coco->count; i++) {
        const char *name = ac_texts_at(&coco->file_names, i);
        places[i] = (place){ name, stem_size(name, ac_texts_size(&coco->file_names, i)), i };
    }
    if (coco->count)
        qsort(places, (size_t) coco->count, sizeof *places, compare_places);
    for (int64_t i = 0; i < coco->count; i++) {
        struct stat info;
        int64_t size;
        ac_buffer_reset(&path);
        ac_buffer_printf(&path, "%s/", folder);
        AC_TRY(ac_buffer_push(&path, ac_texts_at(&coco->file_names, places[i].image),
                              ac_texts_size(&coco->file_names, places[i].image)));
        AC_TRY(ac_texts_push(&images->keys, places[i].key, places[i].size));
        AC_TRY(ac_texts_push(&images->paths, path.data, path.size));
        size = stat(path.data, &info) == 0 ? (int64_t) info.st_size : -1;
        hash = XXH64(
            &size, sizeof size,
            XXH64(places[i].key, ac_texts_size(&coco->file_names, places[i].image), hash));
    }
    images->count = coco->count;
    snprintf(images->fingerprint, sizeof images->fingerprint, "%016llx",
             (unsigned long long) hash);
out:
    ac_buffer_free(&path);
    return st;
}

static ac_status
take_coco_captions(ac_captioned_list *self, const ac_coco *coco, int64_t i, int64_t image)
{
    ac_status st = AC_OK;

    for (int64_t k = coco->caption_offsets[image];
         self->bad[i] == AC_GOOD && k < coco->caption_offsets[image + 1]; k++)
        AC_TRY(push_caption(self, ac_texts_at(&coco->captions, k),
                            ac_texts_size(&coco->captions, k)));
    end_image(self, i);
out:
    return st;
}

ac_status
ac_captioned_list_read_coco(ac_captioned_list *self, const char *annotations,
                            const char *folder)
{
    ac_status st = AC_OK;
    ac_coco coco = { 0 };
    ac_image_list images = { 0 };
    place *places = NULL;
    struct stat info;

    *self = (ac_captioned_list){ 0 };
    if (stat(folder, &info) != 0 || !S_ISDIR(info.st_mode))
        AC_FAIL(AC_E_IO, "%s: there is no such folder of images (for %s)", folder, annotations);
    AC_TRY(ac_coco_read(&coco, annotations));
    if (coco.count == 0)
        AC_FAIL(AC_E_FORMAT, "%s: lists no image", annotations);
    AC_TRY(ac_alloc(&places, coco.count, sizeof *places));
    AC_TRY(list_images(&images, places, &coco, folder));
    AC_TRY(take_images(self, &images));
    for (int64_t i = 0; i < self->count; i++)
        AC_TRY(take_coco_captions(self, &coco, i, places[i].image));
    if (coco.unlisted) {
        char name[64];
        const int n =
            snprintf(name, sizeof name, "image_id %lld", (long long) coco.first_unlisted);
        AC_TRY(note_without_image(self, name, (size_t) n));
        self->without_image = coco.unlisted;
    }
    st = make_fingerprint(self, images.fingerprint);
out:
    ac_coco_free(&coco);
    ac_image_list_free(&images);
    free(places);
    if (st != AC_OK)
        ac_captioned_list_free(self);
    return st;
}

void
ac_captioned_list_free(ac_captioned_list *self)
{
    ac_texts_free(&self->keys);
    ac_texts_free(&self->paths);
    ac_texts_free(&self->captions);
    ac_texts_free(&self->names_without_image);
    free(self->bad);
    free(self->caption_offsets);
    *self = (ac_captioned_list){ 0 };
}
