/* Captions in JSON: COCO's results and annotations, objects by id, JSON lines. */
#include "io/source/caption_set_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "io/file/json_value.h"
#include "io/file/line_reader.h"
#include "io/file/map.h"
#include "io/source/caption_records.h"
#include "io/source/caption_set_scan.h"

enum { PLACE_BYTES = 512 };

static const json_t *
first_of(const json_t *object, const char *const *names)
{
    const json_t *found = NULL;

    for (; *names && !found; names++)
        found = json_object_get(object, *names);
    return found;
}

static const json_t *
id_of(const json_t *object)
{
    return first_of(object, (const char *const[]){ "image_id", "key", "id", NULL });
}

/* A caption, as a text or pycocoevalcap's {"caption": …}. */
static const json_t *
caption_of(const json_t *value)
{
    return json_is_object(value) ? json_object_get(value, "caption") : value;
}

static ac_status
push_text(ac_caption_records *out, const ac_buffer *id, const json_t *caption,
          const char *place)
{
    caption = caption_of(caption);
    if (!json_is_string(caption))
        return ac_error_set(AC_E_FORMAT, "%s: a caption is a text", place);
    return ac_caption_records_push(out, id->data, id->size, "", 0, json_string_value(caption),
                                   json_string_length(caption));
}

/* One text, or a list of them. */
static ac_status
push_texts(ac_caption_records *out, const ac_buffer *id, const json_t *captions,
           const char *place)
{
    size_t i;
    json_t *caption;
    ac_status st = AC_OK;

    if (!json_is_array(captions))
        return push_text(out, id, captions, place);
    json_array_foreach(captions, i, caption) { AC_TRY(push_text(out, id, caption, place)); }
out:
    return st;
}

/* [{"image_id", "caption"}] */
static ac_status
read_results(ac_caption_records *out, const json_t *list, const char *path)
{
    ac_buffer id = { 0 };
    size_t i;
    json_t *item;
    ac_status st = AC_OK;

    out->format = "COCO results";
    json_array_foreach(list, i, item)
    {
        char place[PLACE_BYTES];
        snprintf(place, sizeof place, "%s: [%zu]", path, i);
        if (!json_is_object(item) || !id_of(item) || !json_object_get(item, "caption"))
            AC_FAIL(AC_E_FORMAT, "%s needs an \"image_id\" and a \"caption\"", place);
        AC_TRY(ac_caption_id(&id, id_of(item), place));
        AC_TRY(push_text(out, &id, json_object_get(item, "caption"), place));
    }
out:
    ac_buffer_free(&id);
    return st;
}

/* ---- annotations ---- */

/* "COCO_val2014_000000000042.jpg" without the extension, and without a folder. */
static size_t
stem_of(const char **name)
{
    const char *slash = strrchr(*name, '/'), *base = slash ? slash + 1 : *name,
               *dot = strrchr(base, '.');

    *name = base;
    return dot && dot != base ? (size_t) (dot - base) : strlen(base);
}

/* The file names of "images" by id, as a JSON object. */
static ac_status
names_by_id(json_t **out, const json_t *root, const char *path)
{
    ac_buffer id = { 0 };
    size_t i;
    json_t *item;
    ac_status st = AC_OK;

    if (!(*out = json_object()))
        return ac_error_set(AC_E_NOMEM, "out of memory");
    json_array_foreach(json_object_get(root, "images"), i, item)
    {
        char place[PLACE_BYTES];
        snprintf(place, sizeof place, "%s: images[%zu]", path, i);
        AC_TRY(ac_caption_id(&id, json_object_get(item, "id"), place));
        if (json_is_string(json_object_get(item, "file_name")) &&
            json_object_setn(*out, id.data, id.size, json_object_get(item, "file_name")) != 0)
            AC_FAIL(AC_E_NOMEM, "out of memory");
    }
out:
    ac_buffer_free(&id);
    return st;
}

static ac_status
read_annotations(ac_caption_records *out, const json_t *root, const char *path)
{
    ac_buffer id = { 0 };
    json_t *names = NULL, *item;
    size_t i;
    ac_status st = AC_OK;

    out->format = "COCO annotations";
    AC_TRY(names_by_id(&names, root, path));
    json_array_foreach(json_object_get(root, "annotations"), i, item)
    {
        const json_t *caption = json_object_get(item, "caption"), *file;
        const char *name = "";
        size_t name_bytes = 0;
        char place[PLACE_BYTES];

        snprintf(place, sizeof place, "%s: annotations[%zu]", path, i);
        if (!json_is_string(caption))
            AC_FAIL(AC_E_FORMAT, "%s needs a text \"caption\"", place);
        AC_TRY(ac_caption_id(&id, json_object_get(item, "image_id"), place));
        if ((file = json_object_getn(names, id.data, id.size))) {
            name = json_string_value(file);
            name_bytes = stem_of(&name);
        }
        AC_TRY(ac_caption_records_push(out, id.data, id.size, name, name_bytes,
                                       json_string_value(caption),
                                       json_string_length(caption)));
    }
out:
    ac_buffer_free(&id);
    json_decref(names);
    return st;
}

/* {"id": "caption"}, {"id": ["caption", …]} */
static ac_status
read_by_id(ac_caption_records *out, const json_t *object, const char *path)
{
    ac_buffer id = { 0 };
    const char *name;
    size_t n;
    json_t *captions;
    ac_status st = AC_OK;

    out->format = "captions by id";
    json_object_keylen_foreach((json_t *) (uintptr_t) object, name, n, captions)
    {
        char place[PLACE_BYTES];
        snprintf(place, sizeof place, "%s: \"%.*s\"", path, n > 200 ? 200 : (int) n, name);
        ac_buffer_reset(&id);
        AC_TRY(ac_buffer_push(&id, name, n));
        AC_TRY(push_texts(out, &id, captions, place));
    }
out:
    ac_buffer_free(&id);
    return st;
}

ac_status
ac_captions_read_json(ac_caption_records *out, const char *path)
{
    ac_map map = { 0 };
    json_error_t error;
    json_t *root = NULL;
    size_t mark;
    bool understood;
    ac_status st = AC_OK;

    AC_TRY(ac_map_open(&map, path));
    mark = map.size >= 3 && memcmp(map.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    AC_TRY(ac_captions_scan_json(out, map.size ? (const char *) map.data + mark : "",
                                 map.size - mark, &understood));
    if (understood)
        goto out;
    root = ac_json_parse(map.size ? (const char *) map.data + mark : "", map.size - mark,
                         JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!root)
        AC_FAIL(AC_E_FORMAT, "%s: line %d: not JSON: %s", path, error.line, error.text);
    if (json_is_array(root))
        st = read_results(out, root, path);
    else if (json_is_array(json_object_get(root, "annotations")))
        st = read_annotations(out, root, path);
    else if (json_is_object(root))
        st = read_by_id(out, root, path);
    else
        st = ac_error_set(AC_E_FORMAT, "%s: neither a list nor an object", path);
out:
    json_decref(root);
    ac_map_close(&map);
    return st;
}

/* ---- JSON lines ---- */

/* By how much the best candidate's score is above the second's. */
static double
margin_of(const json_t *candidates)
{
    double best = -INFINITY, second = -INFINITY;
    size_t i;
    json_t *c;

    json_array_foreach(candidates, i, c)
    {
        const json_t *score = json_object_get(c, "clip_score");
        const double x = json_is_number(score) ? json_number_value(score) : -INFINITY;
        if (x > best) {
            second = best;
            best = x;
        } else if (x > second) {
            second = x;
        }
    }
    return isinf(second) ? (double) NAN : best - second;
}

static ac_status
push_table(ac_caption_records *out, const json_t *record, const char *place)
{
    const int64_t record_number = out->ids.count - 1;
    size_t i;
    json_t *entry;
    ac_status st = AC_OK;

    AC_TRY(
        ac_grow(&out->margins, &out->margin_capacity, record_number + 1, sizeof *out->margins));
    out->margins[record_number] = margin_of(json_object_get(record, "candidates"));
    json_array_foreach(json_object_get(record, "table"), i, entry)
    {
        const json_t *text = json_object_get(entry, "entry");
        if (!json_is_string(text))
            AC_FAIL(AC_E_FORMAT, "%s: table[%zu] needs a text \"entry\"", place, i);
        AC_TRY(ac_grow(&out->entry_ids, &out->id_capacity, out->entries.count + 1,
                       sizeof *out->entry_ids));
        out->entry_ids[out->entries.count] = json_integer_value(json_object_get(entry, "id"));
        AC_TRY(ac_texts_push(&out->entries, json_string_value(text), json_string_length(text)));
    }
    AC_TRY(
        ac_grow(&out->entry_ends, &out->capacity, record_number + 1, sizeof *out->entry_ends));
    out->entry_ends[record_number] = out->entries.count;
out:
    return st;
}

static ac_status
read_line(ac_caption_records *out, const json_t *record, ac_buffer *id, const char *place)
{
    const json_t *captions =
        first_of(record, (const char *const[]){ "caption", "captions", "references", NULL });
    const json_t *review = out->reviewed ? json_object_get(record, "reviewed") : NULL;
    const int64_t before = out->ids.count;
    ac_status st = AC_OK;

    if (!json_is_object(record) || !id_of(record) || !captions)
        AC_FAIL(AC_E_FORMAT, "%s needs a \"key\" and a \"caption\"", place);
    AC_TRY(ac_caption_id(id, id_of(record), place));
    if (review && !json_object_get(review, "caption")) {
        out->rejected++;
        return AC_OK;
    }
    AC_TRY(push_texts(out, id, review ? json_object_get(review, "caption") : captions, place));
    if (json_is_array(json_object_get(record, "table"))) {
        if (out->ids.count != before + 1 || (before && !out->has_tables))
            AC_FAIL(AC_E_FORMAT, "%s: a table without one caption, or after lines without one",
                    place);
        out->has_tables = true;
        AC_TRY(push_table(out, record, place));
    } else if (out->has_tables) {
        AC_FAIL(AC_E_FORMAT, "%s: no \"table\", which the lines before have", place);
    }
out:
    return st;
}

ac_status
ac_captions_read_lines(ac_caption_records *out, const char *path)
{
    ac_line_reader reader = { 0 };
    ac_buffer id = { 0 };
    const char *line;
    size_t n;
    ac_status st = AC_OK;

    if (!out->format)
        out->format = "JSON lines";
    AC_TRY(ac_line_reader_open(&reader, path));
    for (long long number = 1;; number++) {
        json_error_t error;
        json_t *record;
        char place[PLACE_BYTES];

        AC_TRY(ac_line_reader_next(&reader, &line, &n));
        if (!line)
            break;
        snprintf(place, sizeof place, "%s: line %lld", path, number);
        if (strspn(line, " \t\r") < n) {
            record = ac_json_parse(line, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
            st = record ? read_line(out, record, &id, place)
                        : ac_error_set(AC_E_FORMAT, "%s: not JSON: %s", place, error.text);
            json_decref(record);
            AC_TRY(st);
        }
    }
out:
    ac_line_reader_close(&reader);
    ac_buffer_free(&id);
    return st;
}
