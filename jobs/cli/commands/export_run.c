#include "jobs/cli/commands/export_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/config/config.h"
#include "io/file/file_look.h"
#include "io/source/coco.h"
#include "io/file/csv_write.h"
#include "io/file/json_write.h"
#include "io/source/location.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "io/file/text_file.h"
#include "jobs/caption/fields.h"
#include "jobs/caption/record.h"
#include "jobs/caption/reviews.h"
#include "jobs/cli/commands/export_files.h"
#include "jobs/cli/commands/export_h5.h"
#include "jobs/cli/commands/export_review.h"
#include "jobs/cli/commands/export_samples.h"
#include "jobs/cli/commands/export_targets.h"
#include "jobs/cli/commands/export_xmp.h"
#include "jobs/job_table.h"
#include "jobs/runtime/images.h"
#include "jobs/runtime/run_view.h"
#include "jobs/runtime/run.h"

enum {
    MOST_NAMED = 20,
    MOST_DIGITS = 18
}; /* bad keys named one by one; digits that surely fit an int64_t */

typedef struct exporter {
    ac_run_view run;
    ac_item_walk walk; /* at the present image */
    ac_buffer text;
    ac_text_file file;
    const char *out;
    char *root; /* of the images' locations; NULL: not one input, or `out` is given */
    int64_t written, left_out;
    bool reviewed;      /* a person's captions count, and rejected ones are left out */
    ac_reviews reviews; /* the run's */
    ac_buffer scratch;
    int64_t review, rejected; /* of the present image, or -1; images left out */
    int64_t *ids;             /* COCO: [written] */
    int64_t ids_capacity;
    ac_texts captions;         /* COCO: [written] */
    ac_config config;          /* the run's, where it was read */
    ac_texts fields;           /* CSV: further columns */
    bool xmp;                  /* sidecars; else text files */
    ac_export_targets targets; /* of both */
    int64_t seen;              /* keys looked at */
    int64_t wanted[2];         /* the numbers of two keys, and (names) what they are */
    char *names[2];
} exporter;

static void
exporter_free(exporter *self)
{
    ac_run_view_close(&self->run);
    ac_item_walk_close(&self->walk);
    ac_buffer_free(&self->text);
    ac_text_file_abandon(&self->file);
    ac_texts_free(&self->captions);
    ac_export_targets_free(&self->targets);
    ac_reviews_free(&self->reviews);
    ac_buffer_free(&self->scratch);
    free(self->names[0]);
    free(self->names[1]);
    ac_texts_free(&self->fields);
    ac_config_free(&self->config);
    free(self->ids);
    free(self->root);
}

/* ---- one image in each format ---- */

/* The present image's caption. */
static void
caption_of(const exporter *self, int64_t i, const char **bytes, size_t *n)
{
    const ac_shard_view *v = self->walk.view;

    *bytes = ac_texts_at(&v->captions, i);
    *n = ac_texts_size(&v->captions, i);
    if (self->review >= 0)
        ac_reviews_caption(&self->reviews, self->review, v, i, bytes, n);
}

/* The digits that the key ends with; false: none, or more than fit. */
static bool
coco_id(const char *key, size_t n, int64_t *id)
{
    size_t first = n;

    while (first > 0 && key[first - 1] >= '0' && key[first - 1] <= '9')
        first--;
    while (first < n && key[first] == '0' && n - first > 1)
        first++;
    if (first == n || n - first > MOST_DIGITS)
        return false;
    for (*id = 0; first < n; first++)
        *id = 10 * *id + (key[first] - '0');
    return true;
}

/* A caption under its number; a key without one is named. */
static ac_status
take_coco(exporter *self, int64_t i)
{
    const ac_shard_view *v = self->walk.view;
    const char *key = ac_texts_at(&v->keys, i);
    const size_t n = ac_texts_size(&v->keys, i);
    const char *caption;
    size_t caption_bytes;
    ac_status st = AC_OK;
    int64_t id;

    if (!coco_id(key, n, &id)) {
        if (self->left_out++ < MOST_NAMED)
            ac_log(AC_LOG_WARNING,
                   "%.*s: the key ends with no number that could be a COCO image id; left out",
                   (int) n, key);
        return AC_OK;
    }
    AC_TRY(ac_grow(&self->ids, &self->ids_capacity, self->written + 1, sizeof *self->ids));
    self->ids[self->written++] = id;
    caption_of(self, i, &caption, &caption_bytes);
    st = ac_texts_push(&self->captions, caption, caption_bytes);
out:
    return st;
}

/* The image's fields of output.metadata and output.exif, a column each. */
static ac_status
push_csv_fields(exporter *self, int64_t i)
{
    const ac_texts *metadata = &self->walk.view->metadata;
    ac_buffer value = { 0 };
    ac_status st = AC_OK;

    for (int64_t f = 0; f < self->fields.count; f++) {
        ac_buffer_reset(&value);
        if (metadata->count)
            AC_TRY(ac_fields_push_plain(
                &value, ac_texts_at(metadata, i), ac_texts_size(metadata, i),
                ac_texts_at(&self->fields, f), ac_texts_size(&self->fields, f)));
        ac_buffer_push_char(&self->text, ',');
        ac_csv_push_field(&self->text, value.data ? value.data : "", value.size);
    }
out:
    ac_buffer_free(&value);
    return st;
}

static ac_status
push_csv(exporter *self, int64_t i)
{
    const ac_shard_view *v = self->walk.view;
    ac_status st = AC_OK;
    ac_buffer *out = &self->text;
    ac_review_status status;
    const char *caption;
    size_t n;

    if (v->captions.count) {
        ac_csv_push_field(out, ac_texts_at(&v->keys, i), ac_texts_size(&v->keys, i));
        ac_buffer_push_char(out, ',');
        caption_of(self, i, &caption, &n);
        ac_csv_push_field(out, caption, n);
        ac_buffer_push_char(out, ',');
        status = self->review < 0 ? AC_REVIEW_OPEN : self->reviews.status[self->review];
        if (v->clip_scores[i] == v->clip_scores[i] && /* not scored: an empty field */
            status != AC_REVIEW_EDITED)
            ac_json_float(out, v->clip_scores[i]);
        if (self->reviewed)
            ac_buffer_printf(out, ",%s", ac_review_words[status]);
        AC_TRY(push_csv_fields(self, i));
        ac_buffer_push_text(out, "\r\n");
    }
    for (int64_t k = i * v->K; !v->captions.count && k < (i + 1) * v->K && v->ids[k] >= 0;
         k++) {
        ac_record_push_csv(out, v, i, k);
        AC_TRY(push_csv_fields(self, i));
        ac_buffer_push_text(out, "\r\n");
    }
    self->written++;
out:
    return st == AC_OK ? self->text.status : st;
}

static ac_status
push_txt(exporter *self, int64_t i)
{
    const ac_shard_view *v = self->walk.view;
    const char *caption;
    size_t n;

    if (v->captions.count) {
        caption_of(self, i, &caption, &n);
        ac_text_push_line(&self->text, caption, n);
    }
    for (int64_t k = i * v->K; !v->captions.count && k < (i + 1) * v->K && v->ids[k] >= 0; k++)
        ac_text_push_line(&self->text, ac_texts_at(&v->entries, k),
                          ac_texts_size(&v->entries, k));
    return self->text.status;
}

static ac_status
push_xmp(exporter *self, int64_t i)
{
    const char *caption;
    size_t n;

    caption_of(self, i, &caption, &n);
    return ac_xmp_push(&self->text, caption, n);
}

/* ---- text files and sidecars ---- */

/* OUT/KEY.txt, or the image's path with .txt; or .xmp. */
static ac_status
txt_path(const exporter *self, int64_t i, char **path)
{
    const ac_texts *keys = &self->walk.view->keys;
    const char *location = ac_texts_at(&self->walk.view->paths, i);
    const size_t n = ac_texts_size(&self->walk.view->paths, i);
    const char *extension = self->xmp ? ".xmp" : ".txt";
    char *image = NULL;
    ac_status st = AC_OK;

    *path = NULL;
    if (self->out)
        return ac_path_format(path, "%s/%.*s%s", self->out, (int) ac_texts_size(keys, i),
                              ac_texts_at(keys, i), extension);
    if (!self->root && !(n && location[0] == '/'))
        AC_FAIL(AC_E_ARG,
                "%s: its config has no input.path that the images lie in: give --out FOLDER",
                self->run.folder);
    AC_TRY(ac_location_join(self->root ? self->root : "", location, n, &image));
    st = ac_location_sidecar(image, strlen(image), extension, path);
out:
    free(image);
    return st;
}

static ac_status
write_txt(exporter *self, int64_t i, bool check_only)
{
    const ac_texts *keys = &self->walk.view->keys;
    ac_status st = AC_OK;
    char *path = NULL;
    bool same;

    if (self->out && ac_export_climbs(ac_texts_at(keys, i), ac_texts_size(keys, i)))
        AC_FAIL(
            AC_E_ARG,
            "%.*s: this key leads out of %s; without --out the file stands beside its image",
            (int) ac_texts_size(keys, i), ac_texts_at(keys, i), self->out);
    ac_buffer_reset(&self->text);
    AC_TRY(self->xmp ? push_xmp(self, i) : push_txt(self, i));
    AC_TRY(txt_path(self, i, &path));
    if (check_only)
        AC_TRY(ac_export_targets_add(&self->targets, self->seen++, path, &self->text));
    st = ac_export_check(path, self->text.data, self->text.size, &same);
    if (st == AC_E_ARG && self->xmp && ac_xmp_is_ours(path))
        st = AC_OK;
    AC_TRY(st);
    if (check_only || same)
        goto out;
    if (self->out)
        AC_TRY(ac_export_make_folder(path));
    AC_TRY(ac_publish_file(path, self->text.size ? self->text.data : "", self->text.size));
out:
    free(path);
    return st;
}

/* ---- over all images ---- */

typedef ac_status (*use_image)(exporter *self, int64_t i);

static ac_status
each_image(exporter *self, use_image use)
{
    ac_status st = AC_OK;
    bool found;

    self->rejected = 0;
    AC_TRY(ac_run_view_walk(&self->run, &self->walk, ac_run_view_parts(&self->run),
                            self->run.manifest.stage_count, true, false));
    for (;;) {
        AC_TRY(ac_item_walk_next(&self->walk, &found));
        if (!found)
            break;
        self->review = self->reviewed ? ac_reviews_of(&self->reviews, self->walk.view,
                                                      self->walk.row, &self->scratch)
                                      : -1;
        if (self->review >= 0 && self->reviews.status[self->review] == AC_REVIEW_REJECTED)
            self->rejected++;
        else
            AC_TRY(use(self, self->walk.row));
    }
out:
    ac_item_walk_close(&self->walk);
    return st;
}

static int
compare_ids(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;

    return (x > y) - (x < y);
}

/* Scorers take one caption per image. */
static ac_status
check_unique(const exporter *self)
{
    ac_status st = AC_OK;
    int64_t *sorted = NULL;

    AC_TRY(ac_alloc(&sorted, self->written, sizeof *sorted));
    if (self->written)
        memcpy(sorted, self->ids, (size_t) self->written * sizeof *sorted);
    qsort(sorted, (size_t) self->written, sizeof *sorted, compare_ids);
    for (int64_t i = 1; i < self->written; i++)
        if (sorted[i] == sorted[i - 1])
            AC_FAIL(AC_E_FORMAT,
                    "%s: two keys end with the number %lld, so these are not COCO's image ids; "
                    "csv and txt keep the keys",
                    self->run.folder, (long long) sorted[i]);
out:
    free(sorted);
    return st;
}

static ac_status
export_coco(exporter *self)
{
    ac_status st = AC_OK;

    if (self->run.manifest.stage_count < 3)
        AC_FAIL(AC_E_ARG, "%s: a run of %s has no captions; COCO results need a caption run",
                self->run.folder, self->run.manifest.job);
    AC_TRY(each_image(self, take_coco));
    if (self->left_out && !self->written)
        AC_FAIL(AC_E_FORMAT,
                "%s: no key ends with a number, so there are no COCO image ids; csv and txt "
                "keep the keys",
                self->run.folder);
    AC_TRY(check_unique(self));
    AC_TRY(ac_coco_results_write(self->out, self->ids, &self->captions, self->written));
    if (self->left_out)
        st = ac_error_set(
            AC_E_BAD_ITEMS,
            "%lld of %lld images have keys without a number and were left out of %s",
            (long long) self->left_out, (long long) (self->left_out + self->written),
            self->out);
out:
    return st;
}

/* The names of the columns, which follow from the first image's table. */
static ac_status
push_csv_head(exporter *self)
{
    ac_buffer *out = &self->text;

    ac_buffer_reset(out);
    if (self->run.manifest.stage_count > 2)
        ac_buffer_push_text(out, self->reviewed ? "key,caption,clip_score,reviewed"
                                                : "key,caption,clip_score");
    else
        ac_record_push_csv_head(out, self->walk.view);
    for (int64_t f = 0; f < self->fields.count; f++) {
        ac_buffer_push_char(out, ',');
        ac_csv_push_field(out, ac_texts_at(&self->fields, f), ac_texts_size(&self->fields, f));
    }
    if (ac_buffer_push_text(out, "\r\n") == AC_OK)
        ac_text_file_write(&self->file, out->data, out->size);
    return out->status;
}

static ac_status
write_csv(exporter *self, int64_t i)
{
    if (self->seen++ == 0 && push_csv_head(self) != AC_OK)
        return self->text.status;
    ac_buffer_reset(&self->text);
    if (push_csv(self, i) == AC_OK && self->text.size)
        ac_text_file_write(&self->file, self->text.data, self->text.size);
    return self->text.status;
}

/* The run's own. */
static ac_status
read_config(exporter *self)
{
    char *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&path, "%s/config.yaml", self->run.folder));
    AC_TRY(ac_config_init(&self->config));
    st = ac_config_read(&self->config, path);
out:
    free(path);
    return st;
}

static ac_status
export_csv(exporter *self)
{
    ac_status st = AC_OK;

    AC_TRY(read_config(self));
    AC_TRY(ac_fields_names(&self->config, &self->fields));
    AC_TRY(ac_text_file_create(&self->file, self->out));
    AC_TRY(each_image(self, write_csv));
    if (self->seen == 0) /* no image: the head alone */
        AC_TRY(push_csv_head(self));
    st = ac_text_file_commit(&self->file);
out:
    return st;
}

static ac_status
check_one_txt(exporter *self, int64_t i)
{
    return write_txt(self, i, true);
}

static ac_status
write_one_txt(exporter *self, int64_t i)
{
    self->written++;
    return write_txt(self, i, false);
}

/* Where the images lie. */
static ac_status
find_root(exporter *self)
{
    char *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&path, "%s/tars/input.path.index", self->run.folder));
    if (ac_file_is_there(path))
        AC_FAIL(AC_E_ARG,
                "%s: its images are members of tars, beside which no file can lie: give --out "
                "FOLDER",
                self->run.folder);
    AC_TRY(read_config(self));
    if (ac_images_place(&self->config))
        st = ac_location_root(ac_images_place(&self->config), &self->root);
out:
    free(path);
    return st;
}

static ac_status
name_one(exporter *self, int64_t i)
{
    const ac_texts *keys = &self->walk.view->keys;
    ac_status st = AC_OK;

    for (int n = 0; n < 2 && st == AC_OK; n++)
        if (self->seen == self->wanted[n] && !self->names[n])
            st = ac_duplicate(&self->names[n], ac_texts_at(keys, i),
                              (size_t) ac_texts_size(keys, i));
    self->seen++;
    return st;
}

/* Each file once. */
static ac_status
refuse_clash(exporter *self)
{
    ac_status st = AC_OK;

    ac_export_targets_clash(&self->targets, &self->wanted[0], &self->wanted[1]);
    if (self->wanted[0] < 0)
        return AC_OK;
    self->seen = 0;
    AC_TRY(each_image(self, name_one));
    st = ac_error_set(
        AC_E_ARG,
        "the keys \"%s\" and \"%s\" would have the same file (or one a folder where "
        "the other has a file); nothing is written. csv keeps both",
        self->names[0] ? self->names[0] : "", self->names[1] ? self->names[1] : "");
out:
    return st;
}

/* Nothing is written before every file was looked at: a folder of somebody's captions stays as
 * it is. */
static ac_status
export_txt(exporter *self)
{
    ac_status st = AC_OK;

    if (!self->out)
        AC_TRY(find_root(self));
    self->targets.same_is_well = !self->out; /* links may show an image under two names */
    AC_TRY(each_image(self, check_one_txt));
    AC_TRY(refuse_clash(self));
    st = each_image(self, write_one_txt);
out:
    return st;
}

static ac_status
export_xmp(exporter *self)
{
    if (self->run.manifest.stage_count < 3)
        return ac_error_set(AC_E_ARG,
                            "%s: a run of %s has no captions; sidecars need a caption run",
                            self->run.folder, self->run.manifest.job);
    self->xmp = true;
    return export_txt(self);
}

static ac_status
export_h5(exporter *self)
{
    if (self->reviewed)
        return ac_error_set(AC_E_ARG, "--format h5 holds what was computed; --reviewed is for "
                                      "coco, csv, txt, xmp, webdataset");
    return ac_export_h5(&self->run, self->out, &self->written);
}

static ac_status
export_webdataset(exporter *self)
{
    return ac_export_samples(&self->run, self->reviewed ? &self->reviews : NULL, self->out,
                             &self->written, &self->rejected);
}

static ac_status
export_review(exporter *self)
{
    if (self->reviewed)
        return ac_error_set(AC_E_ARG, "--format review shows what was reviewed already; it "
                                      "takes no --reviewed");
    return ac_export_review(&self->run, self->out, &self->written);
}

ac_status
ac_export_run(const char *folder, const char *format, const char *out, bool reviewed)
{
    static const struct {
        const char *name;
        ac_status (*run)(exporter *self);
        int stages; /* that the run must have */
    } formats[] = { { "coco", export_coco, 2 },    { "csv", export_csv, 2 },
                    { "txt", export_txt, 2 },      { "xmp", export_xmp, 2 },
                    { "h5", export_h5, 1 },        { "webdataset", export_webdataset, 2 },
                    { "review", export_review, 2 } };
    exporter e = { .out = out, .reviewed = reviewed, .review = -1 };
    size_t f = 0;
    ac_status st = AC_OK;

    while (f < sizeof formats / sizeof *formats && strcmp(format, formats[f].name) != 0)
        f++;
    if (f == sizeof formats / sizeof *formats)
        AC_FAIL(AC_E_ARG,
                "--format: \"%s\" is none of coco, csv, txt, xmp, h5, webdataset, review",
                format);
    if (!out && strcmp(format, "txt") != 0 && strcmp(format, "xmp") != 0)
        AC_FAIL(AC_E_ARG,
                "--out is missing: the file (or, of webdataset, the folder) to write");
    AC_TRY(ac_run_view_open(&e.run, folder, ac_job_table));
    if (e.run.manifest.stage_count < formats[f].stages)
        AC_FAIL(AC_E_ARG, "%s: a run of %s has neither captions nor tables to export", folder,
                e.run.manifest.job);
    if (reviewed)
        AC_TRY(ac_review_check_run(&e.run));
    if (reviewed)
        AC_TRY(ac_reviews_open(&e.reviews, folder));
    if (!e.run.done)
        ac_log(AC_LOG_WARNING, "%s: this run is not finished; what is there is exported",
               folder);
    AC_TRY(formats[f].run(&e));
    ac_log(AC_LOG_INFO, "%lld images: %s", (long long) e.written,
           out     ? out
           : e.xmp ? "an .xmp beside each"
                   : "a .txt beside each");
    if (e.rejected)
        ac_log(AC_LOG_INFO, "%lld rejected captions are left out", (long long) e.rejected);
out:
    exporter_free(&e);
    return st;
}
