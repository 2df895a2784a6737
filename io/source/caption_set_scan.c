#include "io/source/caption_set_scan.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "engine/base/memory.h"
#include "io/file/json_scan.h"

typedef struct scan {
    ac_json_scan json;
    ac_caption_records records;
    ac_buffer id, caption;
    ac_texts seen;  /* ids of an object, which come once */
    int64_t *table; /* [size]: + 1; 0: free */
    int64_t size;
    ac_status status;
} scan;

static void
scan_free(scan *self)
{
    ac_caption_records_free(&self->records);
    ac_buffer_free(&self->id);
    ac_buffer_free(&self->caption);
    ac_texts_free(&self->seen);
    free(self->table);
}

/* Every function says whether it went well; no memory is a failure too. */
static bool
went_well(scan *self, ac_status st)
{
    if (st != AC_OK)
        self->status = st;
    return st == AC_OK;
}

/* ---- ids that come once ---- */

static int64_t
place_of(const scan *self, const char *id, size_t n)
{
    for (uint64_t h = XXH3_64bits(id, n);; h++) {
        const int64_t at = (int64_t) (h & (uint64_t) (self->size - 1));
        if (!self->table[at] || ac_texts_is(&self->seen, self->table[at] - 1, id, n))
            return at;
    }
}

static bool
grow_table(scan *self)
{
    const int64_t size = self->size ? 2 * self->size : 1024;
    int64_t *table;

    if (!went_well(self, ac_alloc(&table, size, sizeof *table)))
        return false;
    free(self->table);
    self->table = table;
    self->size = size;
    for (int64_t i = 0; i < self->seen.count; i++)
        table[place_of(self, ac_texts_at(&self->seen, i), ac_texts_size(&self->seen, i))] =
            i + 1;
    return true;
}

static bool
is_new(scan *self)
{
    int64_t at;

    if (2 * (self->seen.count + 1) > self->size && !grow_table(self))
        return false;
    at = place_of(self, self->id.data, self->id.size);
    if (self->table[at])
        return false;
    if (!went_well(self, ac_texts_push(&self->seen, self->id.data, self->id.size)))
        return false;
    self->table[at] = self->seen.count;
    return true;
}

/* ---- objects by id ---- */

static bool
take_caption(scan *self)
{
    ac_buffer_reset(&self->caption);
    return ac_json_scan_string(&self->json, &self->caption) &&
           went_well(self,
                     ac_caption_records_push(&self->records, self->id.data, self->id.size, "",
                                             0, self->caption.data, self->caption.size));
}

static bool
take_captions(scan *self)
{
    if (!ac_json_scan_sign(&self->json, '['))
        return take_caption(self);
    if (ac_json_scan_sign(&self->json, ']'))
        return true;
    do
        if (!take_caption(self))
            return false;
    while (ac_json_scan_sign(&self->json, ','));
    return ac_json_scan_sign(&self->json, ']');
}

/* A list of this name is COCO's; and jansson takes no zero bytes in names. */
static bool
is_special(const ac_buffer *id)
{
    static const char coco[] = "annotations";

    return memchr(id->data, '\0', id->size) ||
           (id->size == sizeof coco - 1 && memcmp(id->data, coco, id->size) == 0);
}

static bool
take_by_id(scan *self)
{
    self->records.format = "captions by id";
    do {
        ac_buffer_reset(&self->id);
        if (!ac_json_scan_string(&self->json, &self->id) || is_special(&self->id) ||
            !ac_json_scan_sign(&self->json, ':') || !is_new(self) || !take_captions(self))
            return false;
    } while (ac_json_scan_sign(&self->json, ','));
    return ac_json_scan_sign(&self->json, '}');
}

/* ---- COCO's results ---- */

static bool
take_scalar(scan *self, ac_buffer *out)
{
    ac_buffer_reset(out);
    return ac_json_scan_string(&self->json, out) || ac_json_scan_whole(&self->json, out);
}

/* {"image_id": 1, "caption": "..."} and no other names */
static bool
take_result(scan *self)
{
    bool has_id = false, has_caption = false;
    const char *name;
    size_t n;

    if (!ac_json_scan_sign(&self->json, '{'))
        return false;
    do {
        if (!ac_json_scan_name(&self->json, &name, &n) || !ac_json_scan_sign(&self->json, ':'))
            return false;
        if (n == 8 && memcmp(name, "image_id", n) == 0 && !has_id)
            has_id = take_scalar(self, &self->id);
        else if (n == 7 && memcmp(name, "caption", n) == 0 && !has_caption &&
                 *self->json.at == '"')
            has_caption = take_scalar(self, &self->caption);
        else
            return false;
    } while (ac_json_scan_sign(&self->json, ','));
    return has_id && has_caption && ac_json_scan_sign(&self->json, '}') &&
           went_well(self,
                     ac_caption_records_push(&self->records, self->id.data, self->id.size, "",
                                             0, self->caption.data, self->caption.size));
}

static bool
take_results(scan *self)
{
    self->records.format = "COCO results";
    do
        if (!take_result(self))
            return false;
    while (ac_json_scan_sign(&self->json, ','));
    return ac_json_scan_sign(&self->json, ']');
}

ac_status
ac_captions_scan_json(ac_caption_records *out, const char *text, size_t n, bool *understood)
{
    scan self = { .json = ac_json_scan_begin(text, n) };

    *understood = (ac_json_scan_sign(&self.json, '{')   ? take_by_id(&self)
                   : ac_json_scan_sign(&self.json, '[') ? take_results(&self)
                                                        : false) &&
                  self.json.at == self.json.end;
    if (*understood) {
        self.records.reviewed = out->reviewed;
        ac_caption_records_free(out);
        *out = self.records;
        self.records = (ac_caption_records){ 0 };
    }
    scan_free(&self);
    return self.status;
}
