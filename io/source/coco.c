#include "io/source/coco.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "io/file/json_write.h"
#include "io/file/map.h"
#include "io/file/publish.h"

/* An image's id and its place in the file, sorted by id. */
typedef struct entry {
    int64_t id, place;
} entry;

static int
compare_entries(const void *a, const void *b)
{
    const entry *x = a, *y = b;

    return x->id < y->id ? -1 : x->id > y->id;
}

static const entry *
find(const entry *sorted, int64_t count, int64_t id)
{
    const entry wanted = { .id = id };

    return count ? bsearch(&wanted, sorted, (size_t) count, sizeof wanted, compare_entries)
                 : NULL;
}

/* The member `name` of the file, a list. */
static ac_status
need_list(json_t **out, const json_t *root, const char *name, const char *path)
{
    *out = json_object_get(root, name);
    if (json_is_array(*out))
        return AC_OK;
    return ac_error_set(
        AC_E_FORMAT, "%s: no list \"%s\": is this one of COCO's captions_….json?", path, name);
}

static ac_status
read_images(ac_coco *self, const json_t *images, entry *sorted, const char *path)
{
    ac_status st = AC_OK;
    size_t i;
    json_t *image;

    json_array_foreach(images, i, image)
    {
        const json_t *id = json_object_get(image, "id"),
                     *name = json_object_get(image, "file_name");
        if (!json_is_integer(id) || !json_is_string(name))
            AC_FAIL(AC_E_FORMAT,
                    "%s: images[%zu] needs a number \"id\" and a text \"file_name\"", path, i);
        self->ids[i] = json_integer_value(id);
        AC_TRY(ac_texts_push(&self->file_names, json_string_value(name),
                             json_string_length(name)));
        sorted[i] = (entry){ self->ids[i], (int64_t) i };
    }
    if (self->count)
        qsort(sorted, (size_t) self->count, sizeof *sorted, compare_entries);
    for (int64_t k = 1; k < self->count; k++)
        if (sorted[k].id == sorted[k - 1].id)
            AC_FAIL(AC_E_FORMAT, "%s: images[%lld] and images[%lld] have the same id, %lld",
                    path, (long long) sorted[k - 1].place, (long long) sorted[k].place,
                    (long long) sorted[k].id);
out:
    return st;
}

/* kept [count × AC_COCO_MAX_CAPTIONS]: an image's first captions; found [count]: how many. */
static ac_status
read_annotations(ac_coco *self, const json_t *annotations, const entry *sorted,
                 const json_t **kept, int *found, const char *path)
{
    size_t i;
    json_t *annotation;

    json_array_foreach(annotations, i, annotation)
    {
        const json_t *id = json_object_get(annotation, "image_id"),
                     *caption = json_object_get(annotation, "caption");
        const entry *image;
        if (!json_is_integer(id) || !json_is_string(caption))
            return ac_error_set(
                AC_E_FORMAT,
                "%s: annotations[%zu] needs a number \"image_id\" and a text \"caption\"", path,
                i);
        image = find(sorted, self->count, json_integer_value(id));
        if (!image) {
            if (self->unlisted++ == 0)
                self->first_unlisted = json_integer_value(id);
            continue;
        }
        if (found[image->place] < AC_COCO_MAX_CAPTIONS)
            kept[image->place * AC_COCO_MAX_CAPTIONS + found[image->place]++] = caption;
    }
    return AC_OK;
}

static ac_status
load(json_t **out, const char *path)
{
    ac_map map;
    json_error_t error;
    ac_status st = ac_map_open(&map, path);
    const size_t mark =
        st == AC_OK && map.size >= 3 && memcmp(map.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

    if (st != AC_OK)
        return st;
    *out = json_loadb(map.size ? (const char *) map.data + mark : "", map.size - mark,
                      JSON_REJECT_DUPLICATES, &error);
    ac_map_close(&map);
    return *out ? AC_OK
                : ac_error_set(AC_E_FORMAT, "%s: line %d: not JSON: %s", path, error.line,
                               error.text);
}

ac_status
ac_coco_read(ac_coco *self, const char *path)
{
    ac_status st = AC_OK;
    json_t *root = NULL, *images = NULL, *annotations = NULL;
    entry *sorted = NULL;
    const json_t **kept = NULL;
    int *found = NULL;

    *self = (ac_coco){ 0 };
    AC_TRY(load(&root, path));
    AC_TRY(need_list(&images, root, "images", path));
    AC_TRY(need_list(&annotations, root, "annotations", path));
    self->count = (int64_t) json_array_size(images);
    AC_TRY(ac_alloc(&self->ids, self->count, sizeof *self->ids));
    AC_TRY(ac_alloc(&self->caption_offsets, self->count + 1, sizeof *self->caption_offsets));
    AC_TRY(ac_alloc(&sorted, self->count, sizeof *sorted));
    AC_TRY(ac_alloc(&kept, self->count * AC_COCO_MAX_CAPTIONS, sizeof *kept));
    AC_TRY(ac_alloc(&found, self->count, sizeof *found));
    AC_TRY(read_images(self, images, sorted, path));
    AC_TRY(read_annotations(self, annotations, sorted, kept, found, path));
    for (int64_t i = 0; i < self->count; i++) {
        for (int k = 0; k < found[i]; k++) {
            const json_t *caption = kept[i * AC_COCO_MAX_CAPTIONS + k];
            AC_TRY(ac_texts_push(&self->captions, json_string_value(caption),
                                 json_string_length(caption)));
        }
        self->caption_offsets[i + 1] = self->captions.count;
    }
out:
    json_decref(root);
    free(sorted);
    free(kept);
    free(found);
    if (st != AC_OK)
        ac_coco_free(self);
    return st;
}

void
ac_coco_free(ac_coco *self)
{
    free(self->ids);
    free(self->caption_offsets);
    ac_texts_free(&self->file_names);
    ac_texts_free(&self->captions);
    *self = (ac_coco){ 0 };
}

ac_status
ac_coco_results_write(const char *path, const int64_t *ids, const ac_texts *captions,
                      int64_t count)
{
    ac_buffer text = { 0 };
    ac_status st;

    ac_buffer_push_text(&text, "[");
    for (int64_t i = 0; i < count; i++) {
        ac_buffer_printf(&text, "%s{\"image_id\": %lld, \"caption\": ", i ? ",\n " : "",
                         (long long) ids[i]);
        ac_json_string(&text, ac_texts_at(captions, i), ac_texts_size(captions, i));
        ac_buffer_push_char(&text, '}');
    }
    st = ac_buffer_push_text(&text, "]\n");
    if (st == AC_OK)
        st = ac_publish_file(path, text.data, text.size);
    ac_buffer_free(&text);
    return st;
}
