#include "io/source/coco.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "engine/base/text.h"
#include "io/file/json_value.h"
#include "io/file/json_write.h"
#include "io/file/publish.h"
#include "io/source/coco_json.h"

/* ---- values ---- */

/* An image's id as the file has it. */
typedef struct image_id {
    char text[64];
    size_t size;
    bool is_number;
} image_id;

/* 7, 7.0 (as pandas writes it) and "7" are the same. false: it is none. */
static bool
read_id(image_id *out, const json_t *id)
{
    const double real = json_is_real(id) ? json_real_value(id) : 0.5;
    const size_t room = sizeof out->text;
    int n = -1;

    out->is_number = !json_is_string(id);
    if (json_is_integer(id))
        n = snprintf(out->text, room, "%lld", (long long) json_integer_value(id));
    else if (real == floor(real) && fabs(real) < 0x1p53)
        n = snprintf(out->text, room, "%lld", (long long) real);
    else if (json_is_string(id) && json_string_length(id) > 0 &&
             strlen(json_string_value(id)) == json_string_length(id))
        n = snprintf(out->text, room, "%s", json_string_value(id));
    out->size = n > 0 ? (size_t) n : 0;
    return n > 0 && (size_t) n < room;
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
need_list(ac_coco_list *out, ac_coco_json *file, const char *name)
{
    if (ac_coco_list_begin(out, file, name))
        return AC_OK;
    return ac_error_set(AC_E_FORMAT,
                        "%s: no list \"%s\": is this one of COCO's captions_….json, or "
                        "Karpathy's dataset_….json?",
                        file->path, name);
}

/* What the file says of an image: its id under one name, and neither captions nor what is made
 * of them. */
static ac_status
push_metadata(ac_coco *self, const image_id *id, const json_t *image)
{
    static const char *const others[] = { "id", "image_id", "sentences", "sentids" };
    ac_buffer text = { 0 };
    const char *name;
    json_t *value;
    ac_status st = AC_OK;

    ac_buffer_push_text(&text, "{\"image_id\": ");
    if (id->is_number)
        ac_buffer_push(&text, id->text, id->size);
    else
        ac_json_string(&text, id->text, id->size);
    json_object_foreach((json_t *) (uintptr_t) image, name, value)
    {
        size_t other = 0;
        while (other < sizeof others / sizeof *others && strcmp(name, others[other]) != 0)
            other++;
        if (other < sizeof others / sizeof *others)
            continue;
        ac_buffer_push_text(&text, ", ");
        ac_json_text(&text, name);
        ac_buffer_push_text(&text, ": ");
        AC_TRY(ac_json_push(&text, value));
    }
    AC_TRY(ac_buffer_push_text(&text, "}"));
    st = ac_spilled_texts_push(&self->metadata, text.data, text.size);
out:
    ac_buffer_free(&text);
    return st;
}

/* One more image of the file, its file name in two parts. */
static ac_status
add_image(ac_coco *self, const image_id *id, const char *folder, const json_t *name,
          const json_t *entry)
{
    const bool slash = *folder && folder[strlen(folder) - 1] != '/';
    ac_coco_image image = { 0 };
    ac_buffer whole = { 0 };
    char *end;
    ac_status st = AC_OK;

    AC_TRY(ac_buffer_printf(&whole, "%s%s", folder, slash ? "/" : ""));
    if (whole.size > UINT32_MAX)
        AC_FAIL(AC_E_LIMIT, "a folder's name of %zu bytes", whole.size);
    image.folder_size = (uint32_t) whole.size;
    AC_TRY(ac_buffer_push_text(&whole, json_string_value(name)));
    AC_TRY(ac_spilled_texts_push(&self->file_names, whole.data, whole.size));
    AC_TRY(ac_spilled_texts_push(&self->id_texts, id->text, id->size));
    AC_TRY(push_metadata(self, id, entry));
    image.id = strtoll(id->text, &end, 10);
    if (*end)
        image.id = 0;
    AC_TRY(ac_spill_push(&self->images, &image, sizeof image));
    self->count++;
out:
    ac_buffer_free(&whole);
    return st;
}

/* One more caption of the image, which has less than it may have. */
static ac_status
add_caption(ac_coco *self, int64_t i, const json_t *caption)
{
    ac_coco_image *image = ac_coco_image_at(self, i);

    image->captions[image->caption_count++] = self->captions.count;
    return ac_spilled_texts_push(&self->captions, json_string_value(caption),
                                 json_string_length(caption));
}

/* ---- ids ---- */

static int
compare_ids(const void *a, const void *b, void *of)
{
    const ac_coco *self = of;
    const int64_t i = *(const int64_t *) a, k = *(const int64_t *) b;
    size_t m, n;
    const char *x = ac_spilled_texts_at(&self->id_texts, i, &m),
               *y = ac_spilled_texts_at(&self->id_texts, k, &n);
    const int order = ac_bytes_compare(x, m, y, n);

    return order ? order : (i > k) - (i < k);
}

/* Two images have the same id: of those that have, the first by id are named. */
static ac_status
name_same_ids(ac_coco *self, const char *path)
{
    ac_spill order = { .folder = self->images.folder };
    const int64_t *sorted;
    ac_status st = AC_OK;

    for (int64_t i = 0; i < self->count; i++)
        AC_TRY(ac_spill_push(&order, &i, sizeof i));
    qsort_r(order.data, (size_t) self->count, sizeof(int64_t), compare_ids, self);
    sorted = (const int64_t *) (const void *) order.data;
    for (int64_t k = 1; k < self->count; k++) {
        size_t m, n;
        const char *a = ac_spilled_texts_at(&self->id_texts, sorted[k - 1], &m),
                   *b = ac_spilled_texts_at(&self->id_texts, sorted[k], &n);
        if (ac_bytes_compare(a, m, b, n) == 0)
            AC_FAIL(AC_E_FORMAT, "%s: images[%lld] and images[%lld] have the same id, %.*s",
                    path, (long long) sorted[k - 1], (long long) sorted[k], (int) n, b);
    }
out:
    ac_spill_free(&order);
    return st;
}

/* Images by their ids: places + 1 in an open table, 0 where none is. */
typedef struct id_table {
    ac_spill places; /* int64_t [size], of which at most half are taken */
    uint64_t size;
} id_table;

static int64_t *
look_up(const id_table *self, const ac_coco *coco, const char *id, size_t size)
{
    int64_t *places = (int64_t *) (void *) self->places.data;

    for (uint64_t at = XXH3_64bits(id, size);; at++) {
        int64_t *place = &places[at & (self->size - 1)];
        size_t n;
        const char *other = *place ? ac_spilled_texts_at(&coco->id_texts, *place - 1, &n) : "";
        if (!*place || (n == size && memcmp(other, id, n) == 0))
            return place;
    }
}

static ac_status
table_init(id_table *self, ac_coco *coco, const char *path)
{
    ac_status st = AC_OK;

    self->places.folder = coco->images.folder;
    for (self->size = 16; self->size < 2 * (uint64_t) coco->count;)
        self->size *= 2;
    AC_TRY(ac_spill_reserve(&self->places, self->size * sizeof(int64_t)));
    for (int64_t i = 0; i < coco->count; i++) {
        size_t n;
        const char *id = ac_spilled_texts_at(&coco->id_texts, i, &n);
        int64_t *place = look_up(self, coco, id, n);
        if (*place)
            AC_TRY(name_same_ids(coco, path));
        *place = i + 1;
    }
out:
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
read_images(ac_coco *self, ac_coco_json *file)
{
    ac_coco_list list = { 0 };
    const json_t *image;
    image_id id;
    ac_status st = AC_OK;

    AC_TRY(need_list(&list, file, "images"));
    for (size_t i = 0; (image = ac_coco_list_next(&list)); i++) {
        const json_t *name = json_object_get(image, "file_name");
        if (!read_id(&id, json_object_get(image, "id")) || !is_name(name))
            AC_FAIL(AC_E_FORMAT,
                    "%s: images[%zu] needs a number or text \"id\" and a text \"file_name\"",
                    file->path, i);
        AC_TRY(add_image(self, &id, "", name, image));
    }
out:
    ac_coco_list_end(&list);
    return st;
}

/* An image's first captions. */
static ac_status
read_annotations(ac_coco *self, ac_coco_json *file, const id_table *ids)
{
    ac_coco_list list = { 0 };
    const json_t *annotation;
    image_id id;
    char name[64];
    ac_status st = AC_OK;

    AC_TRY(need_list(&list, file, "annotations"));
    for (size_t i = 0; (annotation = ac_coco_list_next(&list)); i++) {
        const json_t *caption = json_object_get(annotation, "caption");
        int64_t image;
        if (!read_id(&id, json_object_get(annotation, "image_id")) || !json_is_string(caption))
            AC_FAIL(AC_E_FORMAT,
                    "%s: annotations[%zu] needs a number or text \"image_id\" and a text "
                    "\"caption\"",
                    file->path, i);
        image = *look_up(ids, self, id.text, id.size) - 1;
        if (image < 0) {
            if (self->unlisted++ == 0)
                memcpy(self->first_unlisted, id.text, sizeof id.text);
        } else if (!is_usable(caption)) {
            snprintf(name, sizeof name, "annotations[%zu]", i);
            AC_TRY(note_unusable(self, name));
        } else if (ac_coco_image_at(self, image)->caption_count < AC_COCO_MAX_CAPTIONS) {
            AC_TRY(add_caption(self, image, caption));
        }
    }
out:
    ac_coco_list_end(&list);
    return st;
}

static ac_status
read_coco(ac_coco *self, ac_coco_json *file)
{
    ac_coco_list annotations = { 0 };
    id_table ids = { 0 };
    ac_status st = AC_OK;

    AC_TRY(need_list(&annotations, file, "annotations"));
    AC_TRY(read_images(self, file));
    AC_TRY(table_init(&ids, self, file->path));
    st = read_annotations(self, file, &ids);
out:
    ac_spill_free(&ids.places);
    return st;
}

/* ---- Karpathy's splits ---- */

/* Is the word one of those that '+' joins, or all of them? */
static bool
is_in_split(const char *split, const char *word)
{
    for (const char *p = split; *p || p == split;) {
        const size_t n = strcspn(p, "+");
        if ((strlen(word) == n && memcmp(word, p, n) == 0) ||
            (n == 3 && memcmp(p, "all", 3) == 0))
            return true;
        p += n + (p[n] == '+');
    }
    return false;
}

static ac_status
count_split(ac_coco *self, const char *name)
{
    const size_t n = strlen(name);
    int64_t k = 0;
    ac_status st = AC_OK;

    while (k < self->splits.count && !ac_texts_is(&self->splits, k, name, n))
        k++;
    if (k == AC_COCO_NAMES)
        return AC_OK;
    if (k == self->splits.count)
        AC_TRY(ac_texts_push(&self->splits, name, n));
    self->split_counts[k]++;
out:
    return st;
}

void
ac_coco_print_splits(const ac_coco *self, ac_buffer *out)
{
    for (int64_t k = 0; k < self->splits.count; k++)
        ac_buffer_printf(out, "%s%.*s %lld", k ? ", " : "",
                         (int) ac_texts_size(&self->splits, k), ac_texts_at(&self->splits, k),
                         (long long) self->split_counts[k]);
}

/* Words that nobody's splits have are a mistake; the file may have others than Karpathy's. */
static ac_status
check_split(const ac_coco *self, const char *split, const char *path)
{
    static const char *const words[] = { "all", "train", "val", "test", "restval" };
    ac_buffer present = { 0 };
    ac_status st = AC_OK;

    for (const char *p = split; *p || p == split;) {
        const size_t n = strcspn(p, "+");
        bool known = false;
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            known |= strlen(words[i]) == n && memcmp(words[i], p, n) == 0;
        for (int64_t k = 0; n && k < self->splits.count; k++)
            known |= ac_texts_is(&self->splits, k, p, n);
        if (!known || (p[n] == '+' && !p[n + 1])) {
            ac_coco_print_splits(self, &present);
            st = ac_error_set(AC_E_ARG,
                              "\"%s\" is not a split: all, or train, val, test, restval, "
                              "joined by +%s%s%s%s",
                              split, present.size ? "; " : "", present.size ? path : "",
                              present.size ? " has " : "", present.size ? present.data : "");
            break;
        }
        p += n + (p[n] == '+');
    }
    ac_buffer_free(&present);
    return st;
}

/* Of the last image. */
static ac_status
read_sentences(ac_coco *self, const json_t *sentences, size_t image, const char *path)
{
    size_t i;
    json_t *sentence;
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
        } else if (ac_coco_image_at(self, self->count - 1)->caption_count <
                   AC_COCO_MAX_CAPTIONS) {
            AC_TRY(add_caption(self, self->count - 1, raw));
        }
    }
out:
    return st;
}

/* Does any image tell its split? */
static void
look_for_splits(ac_coco *self, ac_coco_json *file)
{
    ac_coco_list list;
    const json_t *image;

    if (ac_coco_list_begin(&list, file, "images"))
        while (!self->has_splits && (image = ac_coco_list_next(&list)))
            self->has_splits = json_is_string(json_object_get(image, "split"));
    ac_coco_list_end(&list);
}

static ac_status
read_karpathy(ac_coco *self, ac_coco_json *file, const char *split)
{
    const char *path = file->path;
    ac_coco_list list = { 0 };
    id_table ids = { 0 };
    const json_t *image;
    image_id id;
    ac_status st = AC_OK;

    look_for_splits(self, file);
    AC_TRY(need_list(&list, file, "images"));
    for (size_t i = 0; (image = ac_coco_list_next(&list)); i++) {
        const json_t *name = json_object_get(image, "filename"),
                     *folder = json_object_get(image, "filepath"),
                     *number = json_object_get(image, "cocoid"),
                     *sentences = json_object_get(image, "sentences");
        const char *of = json_string_value(json_object_get(image, "split"));
        if (!read_id(&id, number ? number : json_object_get(image, "imgid")) ||
            !is_name(name) || (folder && !json_is_string(folder)) || !json_is_array(sentences))
            AC_FAIL(
                AC_E_FORMAT,
                "%s: images[%zu] needs a \"cocoid\" or \"imgid\", a text \"filename\" and a "
                "list \"sentences\"",
                path, i);
        if (of && *of)
            AC_TRY(count_split(self, of));
        /* where others have a split, an image without one is in none */
        if (self->has_splits && !is_in_split(split, of ? of : "")) {
            self->other_splits++;
            continue;
        }
        AC_TRY(add_image(self, &id, folder ? json_string_value(folder) : "", name, image));
        AC_TRY(read_sentences(self, sentences, i, path));
    }
    st = table_init(&ids, self, path);
out:
    ac_coco_list_end(&list);
    ac_spill_free(&ids.places);
    return st;
}

/* ---- the file ---- */

static void
reset(ac_coco *self, const char *folder)
{
    ac_coco_free(self);
    self->images.folder = folder;
    ac_spilled_texts_init(&self->id_texts, folder);
    ac_spilled_texts_init(&self->file_names, folder);
    ac_spilled_texts_init(&self->captions, folder);
    ac_spilled_texts_init(&self->metadata, folder);
}

static ac_status
read_file(ac_coco *self, ac_coco_json *file, const char *split)
{
    ac_coco_list images = { 0 };
    bool karpathy;
    ac_status st = AC_OK;

    AC_TRY(need_list(&images, file, "images"));
    karpathy = !ac_coco_json_has(file, "annotations") &&
               json_object_get(ac_coco_list_next(&images), "sentences");
    st = karpathy ? read_karpathy(self, file, split) : read_coco(self, file);
out:
    ac_coco_list_end(&images);
    return st;
}

ac_status
ac_coco_read_split(ac_coco *self, const char *path, const char *split, const char *folder)
{
    ac_coco_json file = { 0 };
    ac_status st = AC_OK;

    *self = (ac_coco){ 0 };
    reset(self, folder);
    AC_TRY(ac_coco_json_open(&file, path));
    if (!file.doubtful)
        st = read_file(self, &file, split);
    /* what is no JSON is said first, wherever it stands */
    if (file.doubtful || ((st == AC_OK || st == AC_E_FORMAT) && !ac_coco_json_check(&file))) {
        reset(self, folder);
        AC_TRY(ac_coco_json_read_whole(&file));
        st = read_file(self, &file, split);
    }
    AC_TRY(st);
    st = check_split(self, split, path);
out:
    ac_coco_json_close(&file);
    if (st != AC_OK)
        ac_coco_free(self);
    return st;
}

ac_status
ac_coco_read(ac_coco *self, const char *path)
{
    return ac_coco_read_split(self, path, "all", NULL);
}

void
ac_coco_free(ac_coco *self)
{
    ac_spill_free(&self->images);
    ac_spilled_texts_free(&self->id_texts);
    ac_spilled_texts_free(&self->file_names);
    ac_spilled_texts_free(&self->captions);
    ac_spilled_texts_free(&self->metadata);
    ac_texts_free(&self->unusable_names);
    ac_texts_free(&self->splits);
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
