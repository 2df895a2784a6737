/* COCO's annotations, or Karpathy's, and the folder of their images, as a source. */
#include "io/file/file_look.h"
#include "io/source/captioned_state.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "engine/base/memory.h"
#include "io/file/path.h"
#include "io/source/coco.h"
#include "io/source/found_files.h"
#include "io/source/location.h"

/* An item, to be sorted: a page of an image of the file. */
typedef struct place {
    const char *name; /* of the file; not zero-terminated */
    size_t size, stem;
    int64_t image;
    int32_t page;
} place;

/* All items, in files without a name where they are many. */
typedef struct place_list {
    ac_spill places; /* place, … */
    ac_spill order;  /* int64_t [count]: which is which, by key */
    int64_t count;
} place_list;

static const place *
place_at(const place_list *self, int64_t i)
{
    const int64_t *order = (const int64_t *) (const void *) self->order.data;

    return (const place *) (const void *) self->places.data + order[i];
}

static int
compare_places(const void *a, const void *b, void *of)
{
    const place *places = of, *x = &places[*(const int64_t *) a],
                *y = &places[*(const int64_t *) b];
    const int order =
        ac_image_key_compare(x->name, x->stem, x->page, y->name, y->stem, y->page);

    return order ? order : (x->image > y->image) - (x->image < y->image);
}

/* Where image i of the file lies: its name, or, where nothing lies there, the name without
 * Karpathy's folder. */
static ac_status
place_image(place *out, const ac_coco *coco, int64_t i, const char *root)
{
    const size_t folder = ac_coco_image_at(coco, i)->folder_size;
    size_t n;
    const char *name = ac_spilled_texts_at(&coco->file_names, i, &n);
    char *path = NULL, *flat = NULL;
    ac_status st = AC_OK;

    *out = (place){ .name = name, .size = n, .image = i };
    if (folder) {
        AC_TRY(ac_path_format(&path, "%s%.*s", root, (int) n, name));
        AC_TRY(ac_path_format(&flat, "%s%.*s", root, (int) (n - folder), name + folder));
        if (!ac_file_is_there(path) && ac_file_is_there(flat)) {
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

/* All items, sorted by key. folder: where files without a name lie. */
static ac_status
place_images(place_list *self, const ac_coco *coco, const char *root, bool all_pages,
             const char *folder)
{
    char *path = NULL;
    ac_status st = AC_OK;

    self->places.folder = self->order.folder = folder;
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
            AC_TRY(ac_spill_push(&self->order, &self->count, sizeof self->count));
            AC_TRY(ac_spill_push(&self->places, &p, sizeof p));
            self->count++;
        }
    }
    qsort_r(self->order.data, (size_t) self->count, sizeof(int64_t), compare_places,
            self->places.data);
out:
    free(path);
    return st;
}

/* The next item, into memory. */
static ac_status
list_image(ac_image_files *files, const place *p, ac_image_stamp stamp, bool all_pages)
{
    if (all_pages)
        files->pages[files->count] = p->page;
    files->stamps[files->count++] = stamp;
    return ac_texts_push(&files->names, p->name, p->size);
}

/* The next item, for the index. */
static ac_status
find_image(ac_found_files *found, const place *p, ac_image_stamp stamp)
{
    const int64_t at = (int64_t) found->files.size;
    const ac_found_file file = { .stamp = stamp,
                                 .page = p->page,
                                 .key_size = (uint32_t) p->stem,
                                 .name_size = (uint32_t) p->size };
    ac_status st = AC_OK;

    AC_TRY(ac_spill_push(&found->order, &at, sizeof at));
    AC_TRY(ac_spill_push(&found->files, &file, sizeof file));
    AC_TRY(ac_spill_push(&found->files, p->name, p->size));
    AC_TRY(ac_spill_push(&found->files, "\0", 2)); /* and no path */
    st = ac_spill_push(&found->files, "\0\0\0\0\0\0\0", -found->files.size % sizeof(int64_t));
    found->count++;
out:
    return st;
}

/* The items in order. */
static ac_status
list_images(ac_captioned *self, const place_list *places, const ac_image_options *options,
            char fingerprint[33])
{
    const int64_t count = places->count;
    const bool large = options->index && count >= AC_IMAGE_FILES_LARGE;
    ac_image_files *files = &self->files;
    ac_found_files found = { .files.folder = self->folder, .order.folder = self->folder };
    ac_status st = AC_OK;
    XXH64_hash_t hash = 0;
    char *path = NULL;

    files->absolute = true;
    if (options->all_pages && !large)
        AC_TRY(ac_alloc(&files->pages, count, sizeof *files->pages));
    if (!large)
        AC_TRY(ac_alloc(&files->stamps, count, sizeof *files->stamps));
    for (int64_t i = 0; i < count; i++) {
        const place *p = place_at(places, i);
        ac_image_stamp stamp = { -1, -1 };
        struct stat info;
        int64_t size;
        free(path);
        AC_TRY(ac_path_format(&path, "%s%.*s", p->name[0] == '/' ? "" : files->root,
                              (int) p->size, p->name));
        if (ac_file_stat(path, &info) == 0)
            stamp = (ac_image_stamp){ (int64_t) info.st_size,
                                      (int64_t) info.st_mtim.tv_sec * 1000000000 +
                                          info.st_mtim.tv_nsec };
        AC_TRY(large ? find_image(&found, p, stamp)
                     : list_image(files, p, stamp, options->all_pages));
        size = stamp.size;
        hash = XXH64(p->name, p->size, hash);
        if (p->page)
            hash = XXH64(&p->page, sizeof p->page, hash);
        hash = XXH64(&size, sizeof size, hash);
    }
    snprintf(fingerprint, 33, "%016llx", (unsigned long long) hash);
    files->count = count;
    if (large)
        st = ac_image_files_write_index(files, options->index, &found);
out:
    ac_spill_free(&found.files);
    ac_spill_free(&found.order);
    free(path);
    return st;
}

static ac_status
take_coco_captions(ac_captioned *self, const ac_coco *coco, int64_t i, int64_t number,
                   ac_caption_notes *notes)
{
    const ac_coco_image *image = ac_coco_image_at(coco, number);
    const char *text;
    size_t n;
    ac_status st = AC_OK;

    for (int k = 0; self->bad[i] == AC_GOOD && k < image->caption_count; k++) {
        text = ac_spilled_texts_at(&coco->captions, image->captions[k], &n);
        AC_TRY(ac_captioned_push(self, text, n, notes));
    }
    text = ac_spilled_texts_at(&coco->metadata, number, &n);
    AC_TRY(ac_spilled_texts_push(&self->metadata, text, n));
    ac_captioned_end_image(self, i);
out:
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
        AC_TRY(ac_caption_notes_without_image(notes, name, (size_t) n));
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

/* A file that was read as a whole is many small values: the C library keeps what they took
 * unless it is asked. */
static void
give_back_memory(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

static ac_status
lists_none(const ac_coco *coco, const char *annotations, const char *split)
{
    ac_buffer present = { 0 };
    ac_status st;

    if (!coco->other_splits)
        return ac_error_set(AC_E_FORMAT, "%s: lists no image", annotations);
    ac_coco_print_splits(coco, &present);
    st = ac_error_set(AC_E_FORMAT, "%s: lists no image of the split %s; it has %s", annotations,
                      split, present.size ? present.data : "none");
    ac_buffer_free(&present);
    return st;
}

ac_status
ac_captioned_coco_open(ac_image_source *out, const char *annotations, const char *folder,
                       const ac_image_options *options, ac_caption_notes *notes)
{
    ac_status st = AC_OK;
    ac_coco coco = { 0 };
    ac_captioned *self = NULL;
    place_list places = { 0 };
    struct stat info;
    char images[33];

    *out = (ac_image_source){ 0 };
    if (ac_file_stat(folder, &info) != 0 || !S_ISDIR(info.st_mode))
        AC_FAIL(AC_E_IO, "%s: there is no such folder of images (for %s)", folder, annotations);
    AC_TRY(ac_captioned_new(&self, options));
    AC_TRY(ac_coco_read_split(&coco, annotations, options->split ? options->split : "all",
                              self->folder));
    if (coco.count == 0)
        AC_TRY(lists_none(&coco, annotations, options->split));
    AC_TRY(ac_location_root(folder, &self->files.root));
    AC_TRY(place_images(&places, &coco, self->files.root, options->all_pages, self->folder));
    AC_TRY(list_images(self, &places, options, images));
    AC_TRY(ac_captioned_begin(self));
    for (int64_t i = 0; i < places.count; i++)
        AC_TRY(take_coco_captions(self, &coco, i, place_at(&places, i)->image, notes));
    AC_TRY(take_coco_notes(notes, &coco, options));
    AC_TRY(ac_captioned_fingerprint(self, images, out->fingerprint));
    if (options->texts)
        st = ac_captioned_share(self, options->texts);
out:
    ac_coco_free(&coco);
    ac_spill_free(&places.places);
    ac_spill_free(&places.order);
    give_back_memory();
    return ac_captioned_finish(out, self, st);
}
