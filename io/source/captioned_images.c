#include "io/source/captioned_images.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/checksum.h"
#include "io/file/json_write.h"
#include "io/file/path.h"
#include "io/file/publish.h"
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
    ac_texts ids;             /* [count]: COCO's, as JSON; or none */
    ac_texts details;         /* [count]: why it is bad, where more is known; may be empty */
} captioned;

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
    captioned *self = state;

    ac_image_files_free(&self->files);
    ac_texts_free(&self->captions);
    ac_texts_free(&self->details);
    free(self->bad);
    free(self->caption_offsets);
    ac_texts_free(&self->ids);
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

/* The lines of image i's .txt file. */
static ac_status
read_captions(captioned *self, int64_t i, ac_caption_notes *notes, ac_item_status *status)
{
    ac_buffer text = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_image_files_caption_text(&self->files, i, &text, status));
    for (size_t at = 0; status->reason == AC_GOOD && at < text.size; at++) {
        const char *line = text.data + at, *newline = memchr(line, '\n', text.size - at);
        const size_t n = newline ? (size_t) (newline - line) : text.size - at;
        AC_TRY(push_caption(self, line, n, notes));
        at += n;
    }
out:
    ac_buffer_free(&text);
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

/* .txt files that are no image's: those that lie beside none, and that no image elsewhere
 * shares or could share its name with. used [count of .txt files]. */
static ac_status
look_for_orphans(const captioned *self, ac_caption_notes *notes)
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
            AC_TRY(note_without_image(notes, name, n));
    }
out:
    free(used);
    return st;
}

/* Captions of all images of the folder; what is wrong with them is the images' status. */
static ac_status
take_folder_captions(captioned *self, ac_caption_notes *notes)
{
    ac_status st = AC_OK;

    for (int64_t i = 0; i < self->files.count; i++) {
        ac_item_status status = { 0 };
        if (self->bad[i] == AC_GOOD) {
            AC_TRY(read_captions(self, i, notes, &status));
            self->bad[i] = (uint8_t) status.reason;
        }
        AC_TRY(ac_texts_push(&self->details, status.detail, strlen(status.detail)));
        end_image(self, i);
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
    AC_TRY(ac_image_files_find(&self->files, path, what, options, &out->passed_over, images));
    AC_TRY(begin_images(self));
    AC_TRY(take_folder_captions(self, notes));
    st = make_fingerprint(self, images, out->fingerprint);
out:
    free(path);
    return finish(out, self, st);
}

/* ---- COCO ---- */

/* An item, to be sorted: a page of an image of the file. */
typedef struct place {
    const char *name; /* of the file; not zero-terminated */
    size_t size, stem;
    int64_t image;
    int32_t page;
} place;

static int
compare_places(const void *a, const void *b)
{
    const place *x = a, *y = b;
    const int order =
        ac_image_key_compare(x->name, x->stem, x->page, y->name, y->stem, y->page);

    return order ? order : (x->image > y->image) - (x->image < y->image);
}

/* Where image i of the file lies: its name, or, where nothing lies there, the name without
 * Karpathy's folder. */
static ac_status
place_image(place *out, const ac_coco *coco, int64_t i, const char *root)
{
    const char *name = ac_texts_at(&coco->file_names, i);
    const size_t n = ac_texts_size(&coco->file_names, i), folder = coco->folder_sizes[i];
    char *path = NULL, *flat = NULL;
    ac_status st = AC_OK;

    *out = (place){ .name = name, .size = n, .image = i };
    if (folder) {
        AC_TRY(ac_path_format(&path, "%s%.*s", root, (int) n, name));
        AC_TRY(ac_path_format(&flat, "%s%.*s", root, (int) (n - folder), name + folder));
        if (access(path, F_OK) != 0 && access(flat, F_OK) == 0) {
            out->name += folder;
            out->size -= folder;
        }
    }
    out->stem = ac_location_stem(out->name, out->size);
out:
    free(path);
    free(flat);
    return st;
}

/* All items, sorted by key; *places [*count] is the caller's. */
static ac_status
place_images(place **places, int64_t *count, const ac_coco *coco, const char *root,
             bool all_pages)
{
    int64_t room = 0;
    char *path = NULL;
    ac_status st = AC_OK;

    for (int64_t i = 0; i < coco->count; i++) {
        int64_t pages = 1;
        place p;
        AC_TRY(place_image(&p, coco, i, root));
        if (all_pages) {
            free(path);
            AC_TRY(ac_path_format(&path, "%s%.*s", p.name[0] == '/' ? "" : root, (int) p.size,
                                  p.name));
            pages = ac_image_file_pages(path);
        }
        for (p.page = 0; p.page < pages; p.page++) {
            AC_TRY(ac_grow(places, &room, *count + 1, sizeof **places));
            (*places)[(*count)++] = p;
        }
    }
    qsort(*places, (size_t) *count, sizeof **places, compare_places);
out:
    free(path);
    return st;
}

/* The items in order. */
static ac_status
list_images(ac_image_files *files, const place *places, int64_t count, bool all_pages,
            char fingerprint[33])
{
    ac_status st = AC_OK;
    XXH64_hash_t hash = 0;
    char *path = NULL;

    files->absolute = true;
    if (all_pages)
        AC_TRY(ac_alloc(&files->pages, count, sizeof *files->pages));
    for (int64_t i = 0; i < count; i++) {
        struct stat info;
        int64_t size;
        if (all_pages)
            files->pages[i] = places[i].page;
        AC_TRY(ac_texts_push(&files->names, places[i].name, places[i].size));
        files->count++;
        free(path);
        AC_TRY(ac_image_files_path(files, i, &path));
        size = stat(path, &info) == 0 ? (int64_t) info.st_size : -1;
        hash = XXH64(places[i].name, places[i].size, hash);
        if (places[i].page)
            hash = XXH64(&places[i].page, sizeof places[i].page, hash);
        hash = XXH64(&size, sizeof size, hash);
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
    ac_buffer id = { 0 };
    ac_status st = AC_OK;

    for (int64_t k = coco->caption_offsets[image];
         self->bad[i] == AC_GOOD && k < coco->caption_offsets[image + 1]; k++)
        AC_TRY(push_caption(self, ac_texts_at(&coco->captions, k),
                            ac_texts_size(&coco->captions, k), notes));
    if (coco->id_is_number[image])
        AC_TRY(ac_buffer_push(&id, ac_texts_at(&coco->id_texts, image),
                              ac_texts_size(&coco->id_texts, image)));
    else
        AC_TRY(ac_json_string(&id, ac_texts_at(&coco->id_texts, image),
                              ac_texts_size(&coco->id_texts, image)));
    AC_TRY(ac_texts_push(&self->ids, id.data, id.size));
    end_image(self, i);
out:
    ac_buffer_free(&id);
    return st;
}

/* What the file holds beside its images' captions. */
static ac_status
take_coco_notes(ac_caption_notes *notes, ac_coco *coco, const ac_image_options *options)
{
    ac_status st = AC_OK;

    if (coco->unlisted) {
        char name[80];
        const int n = snprintf(name, sizeof name, "image_id %s", coco->first_unlisted);
        AC_TRY(note_without_image(notes, name, (size_t) n));
        notes->without_image = coco->unlisted;
    }
    notes->unusable_captions = coco->unusable;
    notes->names_unusable = coco->unusable_names;
    coco->unusable_names = (ac_texts){ 0 };
    notes->no_splits =
        !coco->has_splits && options->split && strcmp(options->split, "all") != 0;
out:
    return st;
}

ac_status
ac_captioned_coco_open(ac_image_source *out, const char *annotations, const char *folder,
                       const ac_image_options *options, ac_caption_notes *notes)
{
    ac_status st = AC_OK;
    ac_coco coco = { 0 };
    captioned *self = NULL;
    place *places = NULL;
    struct stat info;
    int64_t count = 0;
    char images[33];

    *out = (ac_image_source){ 0 };
    if (stat(folder, &info) != 0 || !S_ISDIR(info.st_mode))
        AC_FAIL(AC_E_IO, "%s: there is no such folder of images (for %s)", folder, annotations);
    AC_TRY(ac_coco_read_split(&coco, annotations, options->split ? options->split : "all"));
    if (coco.count == 0)
        AC_FAIL(AC_E_FORMAT, "%s: lists no image%s%s", annotations,
                coco.other_splits ? " of the split " : "",
                coco.other_splits ? options->split : "");
    AC_TRY(ac_alloc(&self, 1, sizeof *self));
    AC_TRY(ac_location_root(folder, &self->files.root));
    AC_TRY(place_images(&places, &count, &coco, self->files.root, options->all_pages));
    AC_TRY(list_images(&self->files, places, count, options->all_pages, images));
    AC_TRY(begin_images(self));
    for (int64_t i = 0; i < count; i++)
        AC_TRY(take_coco_captions(self, &coco, i, places[i].image, notes));
    AC_TRY(take_coco_notes(notes, &coco, options));
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
    return ac_image_files_key(&((const captioned *) state)->files, i, out);
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
    const int n = self->details.count ? (int) ac_texts_size(&self->details, i) : 0;

    if (self->bad[i] == AC_GOOD)
        return AC_OK;
    if (n)
        return ac_item_status_set(status, (ac_reject_reason) self->bad[i], "%.*s", n,
                                  ac_texts_at(&self->details, i));
    return ac_item_status_set(status, (ac_reject_reason) self->bad[i],
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

    return self->ids.count ? ac_buffer_printf(out, "{\"image_id\": %.*s}",
                                              (int) ac_texts_size(&self->ids, i),
                                              ac_texts_at(&self->ids, i))
                           : AC_OK;
}

static int64_t
page(const void *state, int64_t i)
{
    const ac_image_files *files = &((const captioned *) state)->files;

    return files->pages ? files->pages[i] : 0;
}

/* Behind the files: why each is bad, and each detail with a zero byte. */
static ac_status
pack(const void *state, ac_buffer *out)
{
    const captioned *self = state;
    ac_status st = AC_OK;

    AC_TRY(ac_image_files_pack(&self->files, out));
    AC_TRY(ac_buffer_push(out, self->bad, (size_t) self->files.count));
    for (int64_t i = 0; i < self->files.count; i++) {
        if (self->details.count)
            ac_buffer_push(out, ac_texts_at(&self->details, i),
                           ac_texts_size(&self->details, i));
        AC_TRY(ac_buffer_push(out, "", 1));
    }
out:
    return st;
}

static ac_status
unpack(void **state, const char *bytes, size_t n)
{
    captioned *self = NULL;
    const char *const end = bytes + n;
    size_t used;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&self, 1, sizeof *self));
    AC_TRY(ac_image_files_unpack(&self->files, bytes, n, &used));
    AC_CHECK(n - used >= 2 * (size_t) self->files.count);
    AC_TRY(ac_alloc(&self->bad, self->files.count, sizeof *self->bad));
    memcpy(self->bad, bytes + used, (size_t) self->files.count);
    bytes += used + (size_t) self->files.count;
    for (int64_t i = 0; i < self->files.count; i++) {
        const size_t size = strnlen(bytes, (size_t) (end - bytes));
        AC_CHECK(bytes + size < end);
        AC_TRY(ac_texts_push(&self->details, bytes, size));
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
    .pack = pack,
    .unpack = unpack,
    .free = free_state,
};
