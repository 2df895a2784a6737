#include "jobs/search/queries.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/text/unicode.h"
#include "io/file/json_write.h"
#include "io/file/path.h"

static void
query_free(ac_query *self)
{
    free(self->echo);
    free(self->value);
    free(self->error);
    *self = (ac_query){ 0 };
}

void
ac_queries_reset(ac_queries *self)
{
    for (int64_t i = 0; i < self->count; i++)
        query_free(&self->items[i]);
    self->count = 0;
}

void
ac_queries_drop_last(ac_queries *self)
{
    query_free(&self->items[--self->count]);
}

void
ac_queries_free(ac_queries *self)
{
    ac_queries_reset(self);
    free(self->items);
    free(self->vectors);
    *self = (ac_queries){ 0 };
}

void
ac_query_model_free(ac_query_model *self)
{
    ac_clip_model_free(&self->clip);
    self->towers = 0;
}

/* ---- from JSON ---- */

static ac_status __attribute__((format(printf, 2, 3)))
refuse(ac_query *q, const char *format, ...)
{
    va_list args;
    int n;

    q->kind = AC_QUERY_BAD;
    q->reason = AC_E_ARG;
    free(q->error);
    va_start(args, format);
    n = vasprintf(&q->error, format, args);
    va_end(args);
    if (n >= 0)
        return AC_OK;
    q->error = NULL;
    return ac_error_set(AC_E_NOMEM, "out of memory for a query");
}

/* What was asked, without the numbers of an embedding. */
static ac_status
set_echo(ac_query *q, const json_t *record)
{
    json_t *copy = record ? json_copy((json_t *) record) : json_null();
    const json_t *embedding = json_object_get(record, "embedding");

    if (json_is_array(embedding))
        json_object_set_new(copy, "embedding",
                            json_integer((json_int_t) json_array_size(embedding)));
    q->echo = json_dumps(copy, JSON_ENCODE_ANY | JSON_PRESERVE_ORDER);
    json_decref(copy);
    return q->echo ? AC_OK : ac_error_set(AC_E_NOMEM, "out of memory for a query");
}

static bool
is_blank(const char *text)
{
    const size_t n = strlen(text);

    for (size_t at = 0; at < n;)
        if (!ac_unicode_is_space(ac_utf8_next(text, n, &at)))
            return false;
    return true;
}

static ac_status
read_embedding(ac_query *q, float *y, const ac_archive *archive, const json_t *list)
{
    const size_t n = json_array_size(list);

    if ((int64_t) n != archive->D)
        return refuse(q, "an embedding of %zu numbers; the archive's have %lld", n,
                      (long long) archive->D);
    for (size_t d = 0; d < n; d++) {
        const json_t *x = json_array_get(list, d);
        y[d] = (float) json_number_value(x);
        if (!json_is_number(x) || !isfinite(y[d])) {
            memset(y, 0, n * sizeof *y);
            return refuse(q, "number %zu of the embedding is none that a float holds", d + 1);
        }
    }
    return AC_OK;
}

/* source NULL: of any. */
static ac_status
find_key(ac_query *q, const ac_archive *archive, const char *source)
{
    int64_t others;
    const ac_status st =
        ac_archive_find(archive, q->value, strlen(q->value), source, &q->row, &others);

    if (st != AC_OK)
        return st;
    if (q->row < 0)
        return archive->sources[0].is_cache
                   ? refuse(q, "the cache has no entry \"%s\"", q->value)
                   : refuse(q, "no image of the archive has the key \"%s\"%s%s", q->value,
                            source ? " in " : "", source ? source : "");
    if (others && !source)
        ac_log(AC_LOG_WARNING, "the key %s is in %lld sources: asked for that of %s", q->value,
               (long long) others + 1, archive->sources[archive->places[q->row].source].path);
    return AC_OK;
}

/* Members of a record. */
static const char *const names[] = { "", "text", "image", "key", "embedding" };

/* The one member that says what is asked for; one that is null says nothing. */
static ac_status
read_record(ac_query *q, float *y, const ac_archive *archive, const json_t *record)
{
    const json_t *value = NULL;
    int kinds = 0;
    ac_status st = AC_OK;

    for (int k = AC_QUERY_TEXT; k <= AC_QUERY_EMBEDDING; k++)
        if (json_object_get(record, names[k]) &&
            !json_is_null(json_object_get(record, names[k]))) {
            value = json_object_get(record, names[k]);
            q->kind = (ac_query_kind) k;
            kinds++;
        }
    if (kinds != 1)
        return refuse(q, "a query has one of \"text\", \"image\", \"key\" and \"embedding\"%s",
                      kinds ? ", not several" : "");
    if (q->kind == AC_QUERY_EMBEDDING)
        return json_is_array(value) ? read_embedding(q, y, archive, value)
                                    : refuse(q, "\"embedding\" is a list of numbers");
    if (!json_is_string(value))
        return refuse(q, "\"%s\" is a text", names[q->kind]);
    if (strlen(json_string_value(value)) != json_string_length(value))
        return refuse(q, "\"%s\" holds a zero byte", names[q->kind]);
    if (q->kind != AC_QUERY_KEY && is_blank(json_string_value(value)))
        return refuse(q, "a query of nothing: \"%s\" is empty", names[q->kind]);
    AC_TRY(ac_duplicate(&q->value, json_string_value(value), json_string_length(value)));
    if (q->kind == AC_QUERY_KEY)
        st = find_key(q, archive, json_string_value(json_object_get(record, "source")));
out:
    return st;
}

/* Room for another one; *y [D]: its vector, zeros. */
static ac_status
reserve(ac_queries *self, int64_t D, float **y)
{
    ac_status st = AC_OK;

    AC_TRY(ac_grow(&self->items, &self->capacity, self->count + 1, sizeof *self->items));
    AC_TRY(ac_grow(&self->vectors, &self->vector_capacity, (self->count + 1) * D,
                   sizeof *self->vectors));
    *y = self->vectors + self->count * D;
    memset(*y, 0, (size_t) D * sizeof **y);
out:
    return st;
}

ac_status
ac_queries_add_name(ac_queries *self, const ac_archive *archive, ac_query_kind kind,
                    const char *name)
{
    ac_query q = { .row = -1, .kind = kind };
    ac_buffer echo = { 0 };
    float *y;
    ac_status st = AC_OK;

    AC_TRY(reserve(self, archive->D, &y));
    ac_buffer_push_text(&echo, "{");
    ac_json_field(&echo, names[kind], name, strlen(name));
    AC_TRY(ac_buffer_push_text(&echo, "}"));
    AC_TRY(ac_duplicate(&q.echo, echo.data, echo.size));
    AC_TRY(ac_duplicate(&q.value, name, strlen(name)));
    if (kind == AC_QUERY_KEY)
        AC_TRY(find_key(&q, archive, NULL));
    self->items[self->count++] = q;
    q = (ac_query){ 0 };
out:
    ac_buffer_free(&echo);
    query_free(&q);
    return st;
}

ac_status
ac_queries_add(ac_queries *self, const ac_archive *archive, const json_t *record,
               int64_t number)
{
    ac_query q = { .row = -1 };
    float *y;
    ac_status st = AC_OK;

    AC_TRY(reserve(self, archive->D, &y));
    AC_TRY(set_echo(&q, json_is_object(record) ? record : NULL));
    if (json_is_object(record))
        AC_TRY(read_record(&q, y, archive, record));
    else
        AC_TRY(refuse(&q, "line %lld is not a JSON object", (long long) number));
    self->items[self->count++] = q;
    return AC_OK;
out:
    query_free(&q);
    return st;
}

/* ---- embedding ---- */

/* A cache knows the text tower, runs the whole model. */
static ac_status
check_model(const ac_archive *archive, const ac_query_model *model)
{
    const ac_clip_model *clip = &model->clip;
    const ac_archive_source *first = &archive->sources[0];

    if (first->is_cache)
        return ac_cache_check_model(&first->cache, clip->text_fingerprint, clip->path,
                                    clip->net.config.projection_dim);
    if (clip->net.config.projection_dim != archive->D)
        return ac_error_set(
            AC_E_ARG, "%s makes embeddings of width %lld; those of %s have %lld", clip->path,
            (long long) clip->net.config.projection_dim, first->path, (long long) archive->D);
    for (int i = 0; i < archive->source_count; i++) {
        const char *hash = ac_archive_source_model(&archive->sources[i]);
        if (strcmp(hash, clip->fingerprint) != 0 && strcmp(hash, clip->image_fingerprint) != 0)
            return ac_error_set(AC_E_ARG,
                                "%s is not the model that embedded %s: its hash is %s "
                                "(without its vocabulary %s), the run's %s",
                                clip->path, archive->sources[i].path, clip->fingerprint,
                                clip->image_fingerprint, hash);
    }
    return AC_OK;
}

bool
ac_query_model_is_open_for(const ac_query_model *self, const ac_query *query)
{
    switch (query->kind) {
    case AC_QUERY_TEXT: return (self->towers & AC_CLIP_TEXT) && self->clip.has_tokenizer;
    case AC_QUERY_IMAGE: return self->towers & AC_CLIP_VISION;
    default: return true;
    }
}

/* The text tower is always opened: with its vocabulary the model can be compared with any run
 * or cache. */
static ac_status
open_model(const ac_archive *archive, ac_query_model *model, unsigned towers, bool texts)
{
    ac_clip_options o = model->options;
    ac_status st = AC_OK;

    towers |= AC_CLIP_TEXT;
    if ((model->towers & towers) == towers && (!texts || model->clip.has_tokenizer))
        return AC_OK;
    towers |= model->towers;
    ac_query_model_free(model);
    o.model = model->given ? model->given : ac_archive_model_path(archive);
    o.towers = towers;
    o.need_tokenizer = texts;
    if (!model->given && !archive->sources[0].is_cache && !o.model_config)
        o.model_config = archive->sources[0].config.clip.model_config;
    if (!o.model || !*o.model)
        return ac_error_set(AC_E_ARG, "%s does not say which model embedded it: --model DIR",
                            archive->sources[0].path);
    AC_TRY(ac_clip_model_open(&model->clip, &o));
    model->towers = towers;
    st = check_model(archive, model);
out:
    return st;
}

static ac_status
embed_texts(ac_queries *self, const ac_archive *archive, ac_query_model *model)
{
    const size_t bytes = (size_t) archive->D * sizeof(float);
    ac_texts texts = { 0 };
    float *y = NULL;
    int64_t cut = 0;
    ac_status st = AC_OK;

    for (int64_t i = 0; i < self->count; i++)
        if (self->items[i].kind == AC_QUERY_TEXT)
            AC_TRY(ac_texts_push(&texts, self->items[i].value, strlen(self->items[i].value)));
    if (texts.count == 0)
        goto out;
    AC_TRY(open_model(archive, model, AC_CLIP_TEXT, true));
    AC_TRY(ac_alloc_aligned(&y, texts.count * archive->D, sizeof *y));
    AC_TRY(ac_clip_model_embed_texts(&model->clip, y, &texts, 0, texts.count, "", &cut));
    for (int64_t i = 0, at = 0; i < self->count; i++)
        if (self->items[i].kind == AC_QUERY_TEXT)
            memcpy(self->vectors + i * archive->D, y + at++ * archive->D, bytes);
    if (cut)
        ac_log(AC_LOG_WARNING, "%lld quer%s longer than CLIP's context, and truncated",
               (long long) cut, cut == 1 ? "y was" : "ies were");
out:
    ac_texts_free(&texts);
    free(y);
    return st;
}

static ac_status
embed_images(ac_queries *self, const ac_archive *archive, ac_query_model *model)
{
    ac_status st = AC_OK;

    for (int64_t i = 0; i < self->count; i++) {
        ac_query *q = &self->items[i];
        if (q->kind != AC_QUERY_IMAGE)
            continue;
        AC_TRY(open_model(archive, model, AC_CLIP_VISION, false));
        st = ac_clip_model_embed_file(&model->clip, self->vectors + i * archive->D, q->value,
                                      model->max_pixels);
        if (st == AC_E_FORMAT || st == AC_E_IO || st == AC_E_ARG) {
            const ac_status reason = st;
            st = refuse(q, "%s", ac_error_message());
            q->reason = reason;
        }
        AC_TRY(st);
    }
out:
    return st;
}

ac_status
ac_queries_embed(ac_queries *self, const ac_archive *archive, ac_query_model *model)
{
    const ac_status st = embed_texts(self, archive, model);

    return st == AC_OK ? embed_images(self, archive, model) : st;
}

ac_status
ac_query_model_check(ac_query_model *self, const ac_archive *archive)
{
    return archive->mixed ? open_model(archive, self, AC_CLIP_TEXT, false) : AC_OK;
}
