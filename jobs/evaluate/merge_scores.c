/* Scores that another program gave, such as SPICE's. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/log.h"
#include "io/file/text_file.h"
#include "io/source/caption_records.h"
#include "jobs/evaluate/results.h"

typedef struct merger {
    ac_scores *scores;
    const ac_evaluated *evaluated;
    const char *path;
    bool quiet;
} merger;

/* by_id: an object of scores. */
static ac_status
merge_column(const merger *self, const char *name, const json_t *by_id)
{
    const ac_caption_set *p = &self->evaluated->predictions;
    int64_t found = 0, without = 0, unusable = 0;
    ac_score_column *c;
    ac_status st = AC_OK;

    if (ac_scores_find(self->scores, name))
        AC_FAIL(AC_E_FORMAT, "%s: there is a score %s already", self->path, name);
    AC_TRY(ac_scores_add(self->scores, name, NULL, &c));
    for (int64_t i = 0; i < self->scores->items; i++) {
        const int64_t row = self->evaluated->prediction[i];
        const json_t *score =
            json_object_getn(by_id, ac_texts_at(&p->ids, row), ac_texts_size(&p->ids, row));
        c->values[i] = (double) NAN;
        if (!score) {
            without++;
        } else if (!json_is_number(score) || !isfinite(json_number_value(score))) {
            unusable++;
            found++;
        } else {
            c->values[i] = json_number_value(score);
            found++;
        }
    }
    if (!found)
        AC_FAIL(AC_E_FORMAT, "%s: %s: none of its ids is one of the predictions'", self->path,
                name);
    if ((without || unusable) && !self->quiet)
        ac_log(AC_LOG_WARNING,
               "%s: %s: %lld items have no score, %lld have one that is no number; they do not "
               "count in its mean",
               self->path, name, (long long) without, (long long) unusable);
out:
    return st;
}

/* pycocoevalcap's SPICE: [{"image_id", "scores": {"All": {"f"}}}] */
static ac_status
merge_list(const merger *self, const json_t *list)
{
    json_t *by_id = json_object(), *item;
    ac_buffer id = { 0 };
    size_t i;
    ac_status st = AC_OK;

    json_array_foreach(list, i, item)
    {
        char place[512];
        json_t *f =
            json_object_get(json_object_get(json_object_get(item, "scores"), "All"), "f");
        snprintf(place, sizeof place, "%s: [%zu]", self->path, i);
        AC_TRY(ac_caption_id(&id, json_object_get(item, "image_id"), place));
        if (!f)
            AC_FAIL(AC_E_FORMAT, "%s has no scores.All.f, as SPICE's output has", place);
        if (json_object_getn(by_id, id.data, id.size))
            AC_FAIL(AC_E_FORMAT, "%s: the id \"%s\" comes twice", place, id.data);
        if (json_object_setn(by_id, id.data, id.size, f) != 0)
            AC_FAIL(AC_E_NOMEM, "out of memory");
    }
    st = merge_column(self, "SPICE", by_id);
out:
    json_decref(by_id);
    ac_buffer_free(&id);
    return st;
}

/* Python's json writes numbers that JSON does not have: they are scores that are no numbers. */
static void
replace_words(char *text, size_t n)
{
    static const char *const words[] = { "-Infinity", "Infinity", "NaN" };
    bool quoted = false;

    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\\' && quoted) {
            i++;
            continue;
        }
        quoted = quoted != (text[i] == '"');
        for (size_t w = 0; !quoted && w < 3; w++) {
            const size_t m = strlen(words[w]);
            if (n - i < m || memcmp(text + i, words[w], m) != 0)
                continue;
            memset(text + i, ' ', m);
            memcpy(text + i, "[]", 2); /* no number, and no quote that would open a string */
            break;
        }
    }
}

ac_status
ac_results_merge_scores(ac_scores *scores, const ac_evaluated *evaluated, const char *path,
                        bool quiet)
{
    const merger m = { scores, evaluated, path, quiet };
    ac_buffer text = { 0 };
    json_error_t error;
    json_t *root = NULL, *value;
    const char *name;
    bool named = false;
    ac_status st = AC_OK;

    AC_TRY(ac_text_file_read(path, &text));
    replace_words(text.data, text.size);
    root = json_loadb(text.size ? text.data : "", text.size,
                      JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!root)
        AC_FAIL(AC_E_FORMAT, "%s: line %d: not JSON: %s", path, error.line, error.text);
    if (json_is_array(root)) {
        st = merge_list(&m, root);
        goto out;
    }
    if (!json_is_object(root))
        AC_FAIL(AC_E_FORMAT, "%s: neither a list nor an object", path);
    json_object_foreach(root, name, value) { named = named || json_is_object(value); }
    if (!named)
        AC_TRY(merge_column(&m, "SPICE", root));
    json_object_foreach(root, name, value)
    {
        if (named && !json_is_object(value))
            AC_FAIL(AC_E_FORMAT, "%s: \"%s\" is not {\"id\": score}", path, name);
        if (named)
            AC_TRY(merge_column(&m, name, value));
    }
out:
    json_decref(root);
    ac_buffer_free(&text);
    return st;
}
