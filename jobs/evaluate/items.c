#include "jobs/evaluate/items.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "io/file/checksum.h"
#include "io/file/map.h"

enum { NAMED = 5 }; /* ids in a message */

void
ac_evaluated_free(ac_evaluated *self)
{
    ac_caption_set_free(&self->predictions);
    ac_caption_set_free(&self->references);
    ac_caption_set_free(&self->training);
    ac_caption_set_free(&self->against);
    free(self->prediction);
    free(self->reference);
    free(self->other);
    free(self->image);
    *self = (ac_evaluated){ 0 };
}

/* ---- ids that are missing ---- */

typedef struct missing {
    int64_t count;
    int64_t rejected; /* so many may be missing: captions that a person rejected */
    ac_buffer names;  /* "a", "b", … */
} missing;

static void
add_missing(missing *self, const char *id, size_t n)
{
    if (self->count++ < NAMED)
        ac_buffer_printf(&self->names, "%s\"%.*s\"", self->count > 1 ? ", " : "",
                         n > 100 ? 100 : (int) n, id);
    else if (self->count == NAMED + 1)
        ac_buffer_push_text(&self->names, ", …");
}

/* Says it, and fails unless such ids are skipped. */
static ac_status
judge(const missing *self, const ac_config *config, const char *what)
{
    if (!self->count)
        return AC_OK;
    if (self->names.status != AC_OK)
        return self->names.status;
    if (self->count <= self->rejected) {
        ac_log(AC_LOG_INFO, "%lld %s: their captions were rejected (%s)",
               (long long) self->count, what, self->names.data);
        return AC_OK;
    }
    if (config->evaluate.missing == AC_MISSING_SKIP) {
        ac_log(AC_LOG_WARNING, "%lld %s: left out (%s)", (long long) self->count, what,
               self->names.data);
        return AC_OK;
    }
    return ac_error_set(AC_E_FORMAT, "%lld %s: %s. evaluate.missing=skip leaves them out",
                        (long long) self->count, what, self->names.data);
}

/* ---- matching ---- */

/* Numbers with other zeros before them, of predictions that nothing fits, where it is clear
 * which belong together: one prediction and one row of that number, which no other prediction
 * has. */
static ac_status
match_numbers(const ac_texts *ids, const ac_caption_set *set, int64_t *rows, int64_t *taken)
{
    int64_t *fits = NULL; /* [set->count]: predictions of the row's number */
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&fits, set->count, sizeof *fits));
    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = 0; i < ids->count; i++) {
            int64_t row;
            if (rows[i] >= 0)
                continue;
            row = ac_caption_set_find_number(set, ac_texts_at(ids, i), ac_texts_size(ids, i));
            if (row < 0 || (taken[row] && taken[row] != i + 1))
                continue;
            if (pass == 0) {
                fits[row]++;
            } else if (fits[row] == 1) {
                rows[i] = row;
                taken[row] = i + 1;
            }
        }
out:
    free(fits);
    return st;
}

/* rows[i]: where in `set` prediction i's id is; each row is taken once. */
static ac_status
match(const ac_evaluated *self, const ac_caption_set *set, const char *what, int64_t *rows,
      missing *without)
{
    const ac_texts *ids = &self->predictions.ids;
    int64_t *taken = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&taken, set->count, sizeof *taken));
    for (int64_t i = 0; i < ids->count; i++) {
        const int64_t row =
            ac_caption_set_find(set, ac_texts_at(ids, i), ac_texts_size(ids, i));
        rows[i] = row;
        if (row < 0)
            continue;
        if (taken[row]) {
            const int64_t first = taken[row] - 1;
            AC_FAIL(AC_E_FORMAT, "the predictions \"%.*s\" and \"%.*s\" both fit %s \"%.*s\"",
                    (int) ac_texts_size(ids, first), ac_texts_at(ids, first),
                    (int) ac_texts_size(ids, i), ac_texts_at(ids, i), what,
                    (int) ac_texts_size(&set->ids, row), ac_texts_at(&set->ids, row));
        }
        taken[row] = i + 1;
    }
    AC_TRY(match_numbers(ids, set, rows, taken));
    for (int64_t i = 0; i < ids->count; i++)
        if (rows[i] < 0)
            add_missing(without, ac_texts_at(ids, i), ac_texts_size(ids, i));
out:
    free(taken);
    return st;
}

/* Rows of the set that no prediction has. */
static ac_status
find_surplus(const ac_caption_set *set, const int64_t *rows, int64_t count, missing *surplus)
{
    bool *taken = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&taken, set->count, sizeof *taken));
    for (int64_t i = 0; i < count; i++)
        if (rows[i] >= 0)
            taken[rows[i]] = true;
    for (int64_t r = 0; r < set->count; r++)
        if (!taken[r])
            add_missing(surplus, ac_texts_at(&set->ids, r), ac_texts_size(&set->ids, r));
out:
    free(taken);
    return st;
}

static ac_status
match_references(ac_evaluated *self, const ac_config *config)
{
    missing without = { 0 }, surplus = { .rejected = self->predictions.rejected };
    ac_status st = AC_OK;

    AC_TRY(match(self, &self->references, "the references", self->reference, &without));
    AC_TRY(find_surplus(&self->references, self->reference, self->count, &surplus));
    self->without_reference = without.count;
    self->without_prediction = surplus.count;
    if (without.count && surplus.count && without.names.status == AC_OK &&
        surplus.names.status == AC_OK && config->evaluate.missing != AC_MISSING_SKIP)
        AC_FAIL(
            AC_E_FORMAT,
            "%lld predictions without references: %s; %lld references without a prediction: "
            "%s. evaluate.missing=skip leaves them out",
            (long long) without.count, without.names.data, (long long) surplus.count,
            surplus.names.data);
    AC_TRY(judge(&without, config, "predictions without references"));
    AC_TRY(judge(&surplus, config, "references without a prediction"));
out:
    ac_buffer_free(&without.names);
    ac_buffer_free(&surplus.names);
    return st;
}

static ac_status
match_others(ac_evaluated *self, const ac_config *config)
{
    missing without = { 0 };
    ac_status st = AC_OK;

    AC_TRY(match(self, &self->against, "the other prediction", self->other, &without));
    self->without_other = without.count;
    AC_TRY(judge(&without, config, "predictions that evaluate.against does not have"));
out:
    ac_buffer_free(&without.names);
    return st;
}

/* The prediction of the image's key; -1: none. number: by the key's number, whatever zeros
 * stand before it. */
static int64_t
find_prediction(const ac_evaluated *self, const ac_buffer *key, bool number)
{
    int64_t row;

    if (number)
        return ac_caption_set_find_number(&self->predictions, key->data, key->size);
    row = ac_caption_set_find(&self->predictions, key->data, key->size);
    if (row >= 0 || !self->has_references)
        return row;
    row = ac_caption_set_find(&self->references, key->data, key->size); /* by its name there */
    return row < 0 ? -1
                   : ac_caption_set_find(&self->predictions,
                                         ac_texts_at(&self->references.ids, row),
                                         ac_texts_size(&self->references.ids, row));
}

/* Images know no ids but their keys: each looks for its caption. number: those that found none,
 * by their numbers, for predictions without an image. A second image of a number is an error as
 * it is of an id. */
static ac_status
look_for_captions(ac_evaluated *self, const ac_image_source *images, bool *found, bool number)
{
    ac_buffer key = { 0 };
    ac_status st = AC_OK;

    for (int64_t m = 0; m < images->count; m++) {
        int64_t row;
        if (found[m])
            continue;
        AC_TRY(ac_image_source_key(images, m, &key));
        row = find_prediction(self, &key, number);
        if (row < 0 || (number && self->image[row] >= 0 && found[self->image[row]]))
            continue;
        if (self->image[row] >= 0)
            AC_FAIL(AC_E_FORMAT, "two images fit the prediction \"%.*s\"; the second is %s",
                    (int) ac_texts_size(&self->predictions.ids, row),
                    ac_texts_at(&self->predictions.ids, row), key.data);
        self->image[row] = m;
        found[m] = !number;
    }
out:
    ac_buffer_free(&key);
    return st;
}

static ac_status
match_images(ac_evaluated *self, const ac_config *config, const ac_image_source *images)
{
    missing without = { 0 };
    bool *found = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&found, images->count, sizeof *found));
    for (int64_t i = 0; i < self->count; i++)
        self->image[i] = -1;
    AC_TRY(look_for_captions(self, images, found, false));
    AC_TRY(look_for_captions(self, images, found, true));
    self->surplus_images = images->count;
    for (int64_t i = 0; i < self->count; i++)
        if (self->image[i] < 0)
            add_missing(&without, ac_texts_at(&self->predictions.ids, i),
                        ac_texts_size(&self->predictions.ids, i));
        else
            self->surplus_images--;
    self->without_image = without.count;
    if (self->surplus_images)
        ac_log(AC_LOG_INFO, "%lld of %lld images have no caption and are not scored",
               (long long) self->surplus_images, (long long) images->count);
    AC_TRY(judge(&without, config, "predictions without an image"));
out:
    free(found);
    ac_buffer_free(&without.names);
    return st;
}

/* Leave out what has no references, or no other prediction to compare with. */
static void
keep_whole_items(ac_evaluated *self)
{
    int64_t kept = 0;

    for (int64_t i = 0; i < self->count; i++) {
        if ((self->has_references && self->reference[i] < 0) ||
            (self->has_against && self->other[i] < 0))
            continue;
        self->prediction[kept] = self->prediction[i];
        self->reference[kept] = self->reference[i];
        self->other[kept] = self->other[i];
        if (self->image)
            self->image[kept] = self->image[i];
        kept++;
    }
    self->count = kept;
}

/* ---- reading ---- */

static ac_status
read_set(ac_caption_set *set, bool *has, const char *path, ac_caption_set_use use,
         const char *key)
{
    ac_status st;

    if (!path)
        return AC_OK;
    st = ac_caption_set_read(set, path, use, key);
    if (st != AC_OK)
        return st;
    if (has)
        *has = true;
    ac_log(AC_LOG_INFO, "%s: %s, %lld ids, %lld captions", key, set->format,
           (long long) set->count, (long long) set->captions.count);
    if (set->rejected)
        ac_log(AC_LOG_INFO, "%s: %lld rejected captions are left out", key,
               (long long) set->rejected);
    if (set->blank_lines)
        ac_log(AC_LOG_INFO, "%s: %lld blank lines count for no caption", key,
               (long long) set->blank_lines);
    return AC_OK;
}

static ac_status
fingerprint(ac_evaluated *self, const ac_config *config, const ac_image_source *images)
{
    const char *files[] = { config->evaluate.idf, config->evaluate.merge_scores };
    ac_buffer all = { 0 };
    ac_status st = AC_OK;

    ac_buffer_printf(&all, "%s|%s|%s|%s|%s", self->predictions.fingerprint,
                     self->references.fingerprint, self->training.fingerprint,
                     self->against.fingerprint, images ? images->fingerprint : "");
    for (int i = 0; i < 2; i++) {
        char hex[33] = "";
        if (files[i]) {
            ac_map map;
            AC_TRY(ac_map_open(&map, files[i]));
            ac_checksum_bytes(map.size ? (const void *) map.data : "", map.size, hex);
            ac_map_close(&map);
        }
        ac_buffer_printf(&all, "|%s", hex);
    }
    AC_TRY(all.status);
    ac_checksum_bytes(all.data, all.size, self->fingerprint);
out:
    ac_buffer_free(&all);
    return st;
}

ac_status
ac_evaluated_read(ac_evaluated *self, const ac_config *config, const ac_image_source *images)
{
    ac_status st = AC_OK;

    AC_TRY(read_set(&self->predictions, NULL, config->evaluate.predictions,
                    config->evaluate.reviewed ? AC_CAPTIONS_REVIEWED : AC_CAPTIONS_ONE_EACH,
                    "evaluate.predictions"));
    AC_TRY(read_set(&self->references, &self->has_references, config->evaluate.references,
                    AC_CAPTIONS_SEVERAL, "evaluate.references"));
    AC_TRY(read_set(&self->training, &self->has_training, config->evaluate.training_captions,
                    AC_CAPTIONS_SEVERAL, "evaluate.training_captions"));
    AC_TRY(read_set(&self->against, &self->has_against, config->evaluate.against,
                    AC_CAPTIONS_ONE_EACH, "evaluate.against"));
    self->count = self->predictions.count;
    AC_TRY(ac_alloc(&self->prediction, self->count, sizeof *self->prediction));
    AC_TRY(ac_alloc(&self->reference, self->count, sizeof *self->reference));
    AC_TRY(ac_alloc(&self->other, self->count, sizeof *self->other));
    for (int64_t i = 0; i < self->count; i++) {
        self->prediction[i] = i;
        self->reference[i] = self->other[i] = -1;
    }
    if (self->has_references)
        AC_TRY(match_references(self, config));
    if (self->has_against)
        AC_TRY(match_others(self, config));
    if (images) {
        AC_TRY(ac_alloc(&self->image, self->count, sizeof *self->image));
        AC_TRY(match_images(self, config, images));
    }
    keep_whole_items(self);
    if (!self->count)
        AC_FAIL(AC_E_FORMAT,
                "no prediction has references: are the ids of the same kind? The "
                "first prediction is \"%.*s\", the first reference \"%.*s\"",
                (int) ac_texts_size(&self->predictions.ids, 0),
                ac_texts_at(&self->predictions.ids, 0),
                (int) ac_texts_size(&self->references.ids, 0),
                ac_texts_at(&self->references.ids, 0));
    for (int64_t i = 0; i < self->count; i++)
        self->empty_captions +=
            ac_texts_size(&self->predictions.captions, self->prediction[i]) == 0;
    st = fingerprint(self, config, images);
out:
    return st;
}
