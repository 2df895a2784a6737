#include "io/source/coco.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/json_write.h"
#include "io/file/publish.h"
#include "io/source/coco_json.h"

/* An image's id and its place in the list, sorted by id. */
typedef struct entry {
    const char *id;
    size_t size;
    int64_t place;
} entry;

static int
compare_entries(const void *a, const void *b)
{
    const entry *x = a, *y = b;

    return ac_bytes_compare(x->id, x->size, y->id, y->size);
}

/* ---- values ---- */

/* An id as text: 7, 7.0 (as pandas writes it) and "7" are the same. false: it is none. */
static bool
read_id(char out[64], size_t *size, bool *is_number, const json_t *id)
{
    const double real = json_is_real(id) ? json_real_value(id) : 0.5;
    int n = -1;

    *is_number = !json_is_string(id);
    if (json_is_integer(id))
        n = snprintf(out, 64, "%lld", (long long) json_integer_value(id));
    else if (real == floor(real) && fabs(real) < 0x1p53)
        n = snprintf(out, 64, "%lld", (long long) real);
    else if (json_is_string(id) && json_string_length(id) > 0 &&
             strlen(json_string_value(id)) == json_string_length(id))
        n = snprintf(out, 64, "%s", json_string_value(id));
    *size = n > 0 ? (size_t) n : 0;
    return n > 0 && n < 64;
}

/* A caption that is text: with \u0000 it may have been half of a surrogate pair (coco_json.c).
 */
static bool
is_usable(const json_t *caption)
{
    return strlen(json_string_value(caption)) == json_string_length(caption);
}

static ac_status
note_unusable(ac_coco *self, const char *name)
{
    return self->unusable++ < AC_COCO_NAMES
               ? ac_texts_push(&self->unusable_names, name, strlen(name))
               : AC_OK;
}

/* The member `name` of the file, a list. */
static ac_status
need_list(json_t **out, const json_t *root, const char *name, const char *path)
{
    *out = json_object_get(root, name);
    if (json_is_array(*out))
        return AC_OK;
    return ac_error_set(AC_E_FORMAT,
                        "%s: no list \"%s\": is this one of COCO's captions_….json, or "
                        "Karpathy's dataset_….json?",
                        path, name);
}

static ac_status
allocate(ac_coco *self, int64_t most)
{
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&self->ids, most, sizeof *self->ids));
    AC_TRY(ac_alloc(&self->id_is_number, most, sizeof *self->id_is_number));
    AC_TRY(ac_alloc(&self->folder_sizes, most, sizeof *self->folder_sizes));
    st = ac_alloc(&self->caption_offsets, most + 1, sizeof *self->caption_offsets);
out:
    return st;
}

/* One more image, its file name in two parts. */
static ac_status
add_image(ac_coco *self, const char *id, size_t id_size, bool is_number, const char *folder,
          const json_t *name)
{
    const bool slash = *folder && folder[strlen(folder) - 1] != '/';
    ac_buffer whole = { 0 };
    char *end;
    ac_status st = AC_OK;

    AC_TRY(ac_buffer_printf(&whole, "%s%s", folder, slash ? "/" : ""));
    self->folder_sizes[self->count] = whole.size;
    AC_TRY(ac_buffer_push_text(&whole, json_string_value(name)));
    AC_TRY(ac_texts_push(&self->file_names, whole.data, whole.size));
    AC_TRY(ac_texts_push(&self->id_texts, id, id_size));
    self->ids[self->count] = strtoll(id, &end, 10);
    if (*end)
        self->ids[self->count] = 0;
    self->id_is_number[self->count++] = is_number;
out:
    ac_buffer_free(&whole);
    return st;
}

/* ---- COCO ---- */

static bool
is_name(const json_t *name)
{
    return json_is_string(name) && json_string_length(name) > 0 &&
           strlen(json_string_value(name)) == json_string_length(name);
}

static ac_status
read_images(ac_coco *self, const json_t *images, const char *path)
{
    size_t i;
    json_t *image;
    ac_status st = AC_OK;

    json_array_foreach(images, i, image)
    {
        const json_t *name = json_object_get(image, "file_name");
        char id[64];
        size_t size;
        bool is_number;
        if (!read_id(id, &size, &is_number, json_object_get(image, "id")) || !is_name(name))
            AC_FAIL(AC_E_FORMAT,
                    "%s: images[%zu] needs a number or text \"id\" and a text \"file_name\"",
                    path, i);
        AC_TRY(add_image(self, id, size, is_number, "", name));
    }
out:
    return st;
}

/* sorted [count], by id: no two are the same. */
static ac_status
sort_images(const ac_coco *self, entry *sorted, const char *path)
{
    for (int64_t i = 0; i < self->count; i++)
        sorted[i] =
            (entry){ ac_texts_at(&self->id_texts, i), ac_texts_size(&self->id_texts, i), i };
    if (self->count)
        qsort(sorted, (size_t) self->count, sizeof *sorted, compare_entries);
    for (int64_t k = 1; k < self->count; k++)
        if (compare_entries(&sorted[k], &sorted[k - 1]) == 0) {
            const int64_t a = sorted[k - 1].place, b = sorted[k].place;
            return ac_error_set(AC_E_FORMAT,
                                "%s: images[%lld] and images[%lld] have the same id, %.*s",
                                path, (long long) (a < b ? a : b), (long long) (a < b ? b : a),
                                (int) sorted[k].size, sorted[k].id);
        }
    return AC_OK;
}

static const entry *
find(const entry *sorted, int64_t count, const char *id, size_t size)
{
    const entry wanted = { .id = id, .size = size };

    return count ? bsearch(&wanted, sorted, (size_t) count, sizeof wanted, compare_entries)
                 : NULL;
}

/* kept [count × AC_COCO_MAX_CAPTIONS]: an image's first captions; found [count]: how many. */
static ac_status
read_annotations(ac_coco *self, const json_t *annotations, const entry *sorted,
                 const json_t **kept, int *found, const char *path)
{
    size_t i, size;
    json_t *annotation;
    char id[64], name[64];
    bool is_number;
    ac_status st = AC_OK;

    json_array_foreach(annotations, i, annotation)
    {
        const json_t *caption = json_object_get(annotation, "caption");
        const entry *image;
        if (!read_id(id, &size, &is_number, json_object_get(annotation, "image_id")) ||
            !json_is_string(caption))
            AC_FAIL(AC_E_FORMAT,
                    "%s: annotations[%zu] needs a number or text \"image_id\" and a text "
                    "\"caption\"",
                    path, i);
        image = find(sorted, self->count, id, size);
        if (!image) {
            if (self->unlisted++ == 0)
                memcpy(self->first_unlisted, id, sizeof id);
        } else if (!is_usable(caption)) {
            snprintf(name, sizeof name, "annotations[%zu]", i);
            AC_TRY(note_unusable(self, name));
        } else if (found[image->place] < AC_COCO_MAX_CAPTIONS) {
            kept[image->place * AC_COCO_MAX_CAPTIONS + found[image->place]++] = caption;
        }
    }
out:
    return st;
}

static ac_status
read_coco(ac_coco *self, const json_t *images, const json_t *annotations, const char *path)
{
    const int64_t most = (int64_t) json_array_size(images);
    entry *sorted = NULL;
    const json_t **kept = NULL;
    int *found = NULL;
    ac_status st = AC_OK;

    AC_TRY(allocate(self, most));
    AC_TRY(ac_alloc(&sorted, most, sizeof *sorted));
    AC_TRY(ac_alloc(&kept, most * AC_COCO_MAX_CAPTIONS, sizeof *kept));
    AC_TRY(ac_alloc(&found, most, sizeof *found));
    AC_TRY(read_images(self, images, path));
    AC_TRY(sort_images(self, sorted, path));
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
    free(sorted);
    free(kept);
    free(found);
    return st;
}

/* ---- Karpathy's splits ---- */

/* Is the word one of those that '+' joins? word NULL: are all of them words that splits have?
 */
static bool
is_in_split(const char *split, const char *word)
{
    static const char *const words[] = { "all", "train", "val", "test", "restval" };

    for (const char *p = split; *p || p == split;) {
        const size_t n = strcspn(p, "+");
        bool known = false;
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            known |= strlen(words[i]) == n && memcmp(words[i], p, n) == 0;
        if (word ? (strlen(word) == n && memcmp(word, p, n) == 0) ||
                       (n == 3 && memcmp(p, "all", 3) == 0)
                 : !known || (p[n] == '+' && !p[n + 1]))
            return word != NULL;
        p += n + (p[n] == '+');
    }
    return word == NULL;
}

static ac_status
read_sentences(ac_coco *self, const json_t *sentences, size_t image, const char *path)
{
    size_t i;
    json_t *sentence;
    int64_t taken = 0;
    char name[64];
    ac_status st = AC_OK;

    json_array_foreach(sentences, i, sentence)
    {
        const json_t *raw = json_object_get(sentence, "raw");
        if (!json_is_string(raw))
            AC_FAIL(AC_E_FORMAT, "%s: images[%zu].sentences[%zu] needs a text \"raw\"", path,
                    image, i);
        if (!is_usable(raw)) {
            snprintf(name, sizeof name, "images[%zu].sentences[%zu]", image, i);
            AC_TRY(note_unusable(self, name));
        } else if (taken < AC_COCO_MAX_CAPTIONS) {
            AC_TRY(ac_texts_push(&self->captions, json_string_value(raw),
                                 json_string_length(raw)));
            taken++;
        }
    }
    self->caption_offsets[self->count] = self->captions.count;
out:
    return st;
}

static ac_status
read_karpathy(ac_coco *self, const json_t *images, const char *split, const char *path)
{
    const int64_t most = (int64_t) json_array_size(images);
    entry *sorted = NULL;
    size_t i, size;
    json_t *image;
    ac_status st = AC_OK;

    AC_TRY(allocate(self, most));
    AC_TRY(ac_alloc(&sorted, most, sizeof *sorted));
    json_array_foreach(images, i, image) self->has_splits |=
        json_is_string(json_object_get(image, "split"));
    json_array_foreach(images, i, image)
    {
        const json_t *name = json_object_get(image, "filename"),
                     *folder = json_object_get(image, "filepath"),
                     *id = json_object_get(image, "cocoid"),
                     *sentences = json_object_get(image, "sentences");
        const char *of = json_string_value(json_object_get(image, "split"));
        char text[64];
        bool is_number;
        if (!read_id(text, &size, &is_number, id ? id : json_object_get(image, "imgid")) ||
            !is_name(name) || (folder && !json_is_string(folder)) || !json_is_array(sentences))
            AC_FAIL(
                AC_E_FORMAT,
                "%s: images[%zu] needs a \"cocoid\" or \"imgid\", a text \"filename\" and a "
                "list \"sentences\"",
                path, i);
        /* where others have a split, an image without one is in none */
        if (self->has_splits && !is_in_split(split, of ? of : "")) {
            self->other_splits++;
            continue;
        }
        AC_TRY(add_image(self, text, size, is_number, folder ? json_string_value(folder) : "",
                         name));
        AC_TRY(read_sentences(self, sentences, i, path));
    }
    st = sort_images(self, sorted, path);
out:
    free(sorted);
    return st;
}

/* ---- the file ---- */

ac_status
ac_coco_read_split(ac_coco *self, const char *path, const char *split)
{
    ac_status st = AC_OK;
    json_t *root = NULL, *images = NULL, *annotations = NULL;

    *self = (ac_coco){ 0 };
    if (!is_in_split(split, NULL))
        AC_FAIL(AC_E_ARG,
                "\"%s\" is not a split: all, or train, val, test, restval, joined by +", split);
    AC_TRY(ac_coco_json_read(&root, path));
    AC_TRY(need_list(&images, root, "images", path));
    if (!json_object_get(root, "annotations") &&
        json_object_get(json_array_get(images, 0), "sentences")) {
        st = read_karpathy(self, images, split, path);
        goto out;
    }
    AC_TRY(need_list(&annotations, root, "annotations", path));
    st = read_coco(self, images, annotations, path);
out:
    json_decref(root);
    if (st != AC_OK)
        ac_coco_free(self);
    return st;
}

ac_status
ac_coco_read(ac_coco *self, const char *path)
{
    return ac_coco_read_split(self, path, "all");
}

void
ac_coco_free(ac_coco *self)
{
    free(self->ids);
    free(self->id_is_number);
    free(self->folder_sizes);
    free(self->caption_offsets);
    ac_texts_free(&self->id_texts);
    ac_texts_free(&self->unusable_names);
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
