#include "io/checkpoint/clip_preprocess.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/checkpoint/json_reader.h"
#include "io/file/file_look.h"
#include "io/file/path.h"

enum { DEFAULT_SIZE = 224 };

/* null is off. */
static bool
flag(ac_json_reader *r, const char *key, bool fallback)
{
    const json_t *j = json_object_get(r->object, key);

    if (j && !json_is_boolean(j) && !json_is_null(j))
        ac_json_reader_refuse(r, key, "is neither true nor false");
    return j ? json_is_true(j) : fallback;
}

/* One pixel count of a size, at least 1. */
static int64_t
pixels(ac_json_reader *r, const char *key, const json_t *j)
{
    if (json_is_integer(j) && json_integer_value(j) >= 1 &&
        json_integer_value(j) <= AC_MOST_SIDE)
        return json_integer_value(j);
    ac_json_reader_refuse(r, key, "does not hold numbers of pixels that make sense here");
    return 1;
}

/* {"height", "width"}, or a list of the two. False: another form. */
static bool
read_rectangle(ac_json_reader *r, const char *key, const json_t *j, int64_t *height,
               int64_t *width)
{
    const json_t *h = json_object_get(j, "height"), *w = json_object_get(j, "width");
    const bool list = json_is_array(j) && json_array_size(j) == 2;

    if (!list && !(h && w && json_object_size(j) == 2))
        return false;
    *height = pixels(r, key, list ? json_array_get(j, 0) : h);
    *width = pixels(r, key, list ? json_array_get(j, 1) : w);
    return true;
}

static void
read_size(ac_json_reader *r, ac_preprocess_recipe *out, bool siglip)
{
    const json_t *j = json_object_get(r->object, "size"),
                 *shortest = json_object_get(j, "shortest_edge"),
                 *square = json_object_get(r->object, "default_to_square");

    out->resize = siglip ? AC_RESIZE_EXACT : AC_RESIZE_SHORTEST;
    out->height = out->width = DEFAULT_SIZE;
    if (json_is_true(json_object_get(r->object, "use_square_size"))) {
        out->resize = AC_RESIZE_EXACT; /* KOSMOS-2's old key: the default size, squashed */
    } else if (json_is_integer(j)) {
        out->height = out->width = pixels(r, "size", j);
        out->resize = json_is_true(square) ? AC_RESIZE_EXACT : AC_RESIZE_SHORTEST;
    } else if (json_is_integer(shortest) && json_object_size(j) == 1) {
        out->resize = AC_RESIZE_SHORTEST;
        out->height = out->width = pixels(r, "size", shortest);
    } else if (read_rectangle(r, "size", j, &out->height, &out->width)) {
        out->resize = AC_RESIZE_EXACT;
    } else if (j) {
        ac_json_reader_refuse(r, "size",
                              "has another form than a number, {\"shortest_edge\"} or "
                              "{\"height\", \"width\"}, the forms that are supported");
    }
}

static void
read_filter(ac_json_reader *r, ac_preprocess_recipe *out)
{
    const json_t *j = json_object_get(r->object, "resample");

    out->resample = AC_RESAMPLE_BICUBIC;
    if (!j)
        return;
    if (!json_is_integer(j) || json_integer_value(j) < AC_RESAMPLE_NEAREST ||
        json_integer_value(j) > AC_RESAMPLE_HAMMING)
        ac_json_reader_refuse(r, "resample",
                              "is none of Pillow's filters (0 nearest, 1 lanczos, 2 bilinear, "
                              "3 bicubic, 4 box, 5 hamming)");
    else
        out->resample = (ac_resample) json_integer_value(j);
}

/* Must every image come out as S × S? */
static void
check_result(ac_json_reader *r, const ac_preprocess_recipe *recipe, bool crops)
{
    const json_t *j = json_object_get(r->object, "crop_size");
    int64_t height = DEFAULT_SIZE, width = DEFAULT_SIZE;

    if (crops) {
        if (json_is_integer(j))
            height = width = pixels(r, "crop_size", j);
        else if (j && !read_rectangle(r, "crop_size", j, &height, &width))
            ac_json_reader_refuse(r, "crop_size",
                                  "is neither a number nor {\"height\", \"width\"}");
        if (height != recipe->size || width != recipe->size)
            ac_json_reader_refuse(
                r, "crop_size",
                j ? "is not the model's image_size"
                  : "is missing, which means 224: not the model's image_size");
    } else if (recipe->resize != AC_RESIZE_EXACT) {
        ac_json_reader_refuse(
            r, recipe->resize == AC_RESIZE_NONE ? "do_resize" : "do_center_crop",
            "is off, so that images come out in sizes that the model does not "
            "take");
    } else if (recipe->height != recipe->size || recipe->width != recipe->size) {
        ac_json_reader_refuse(r, "size",
                              "is not the model's image_size, and do_center_crop is off");
    }
}

/* Three numbers, or one for all three; missing: what is there. */
static void
read_colour(ac_json_reader *r, const char *key, float out[3])
{
    const json_t *j = json_object_get(r->object, key);

    if (!j)
        return;
    for (size_t c = 0; c < 3; c++) {
        const json_t *one = json_is_array(j) ? json_array_get(j, c) : j;
        if (!json_is_number(one) || (json_is_array(j) && json_array_size(j) != 3))
            ac_json_reader_refuse(r, key, "is neither a number nor a list of three");
        out[c] = (float) json_number_value(one);
        if (!isfinite(out[c]) || (out[c] == 0 && strcmp(key, "image_std") == 0))
            ac_json_reader_refuse(r, key, "holds a number that makes no sense here");
    }
}

static void
read_numbers(ac_json_reader *r, ac_preprocess_recipe *out)
{
    const json_t *factor = json_object_get(r->object, "rescale_factor");

    if (!flag(r, "do_rescale", true))
        out->rescale = 1;
    else if (factor && !json_is_number(factor))
        ac_json_reader_refuse(r, "rescale_factor", "is not a number, and do_rescale is on");
    else if (factor)
        out->rescale = json_number_value(factor);
    if (flag(r, "do_normalize", true)) {
        read_colour(r, "image_mean", out->mean);
        read_colour(r, "image_std", out->std);
        return;
    }
    for (int c = 0; c < 3; c++) {
        out->mean[c] = 0;
        out->std[c] = 1;
    }
}

/* do_convert_rgb, the names of classes and unknown keys change nothing for images that the
 * model can take. */
static ac_status
read_processor(ac_preprocess_recipe *out, const json_t *object, const char *path,
               const char *section, bool siglip)
{
    ac_json_reader r = { .object = object, .path = path, .section = section };

    if (!json_is_object(object))
        return ac_error_set(AC_E_FORMAT, "%s: %s%sis not an object", path, section,
                            *section ? " " : "");
    out->rgb_first = true;
    out->resize = AC_RESIZE_NONE;
    if (flag(&r, "do_resize", true)) {
        read_size(&r, out, siglip);
        read_filter(&r, out);
    }
    check_result(&r, out, flag(&r, "do_center_crop", !siglip));
    read_numbers(&r, out);
    if (json_is_true(json_object_get(object, "do_pad")))
        ac_json_reader_refuse(&r, "do_pad", "is on, which is not supported");
    return r.status;
}

/* SigLIP's published recipe, where no file says another. */
static ac_preprocess_recipe
usual_siglip(int64_t size)
{
    ac_preprocess_recipe r = ac_preprocess_openai(size);

    r.resize = AC_RESIZE_EXACT;
    r.rgb_first = true;
    for (int c = 0; c < 3; c++)
        r.mean[c] = r.std[c] = 0.5f;
    return r;
}

/* *out NULL: there is no such file. */
static ac_status
load(json_t **out, char **path, const char *folder, const char *name)
{
    *out = NULL;
    if (ac_path_format(path, "%s/%s", folder, name) != AC_OK)
        return AC_E_NOMEM;
    return !ac_file_is_there(*path) && errno == ENOENT ? AC_OK
                                                       : ac_json_reader_load(out, *path);
}

ac_status
ac_clip_preprocess_load(ac_preprocess_recipe *out, const char *folder, int64_t size,
                        bool siglip)
{
    static const char section[] = "image_processor";
    json_t *both = NULL, *alone = NULL;
    const json_t *nested;
    char *both_path = NULL, *alone_path = NULL;
    ac_status st = AC_OK;

    *out = siglip ? usual_siglip(size) : ac_preprocess_openai(size);
    AC_TRY(load(&both, &both_path, folder, "processor_config.json"));
    nested = json_object_get(both, section);
    if (nested && !json_is_null(nested)) {
        st = read_processor(out, nested, both_path, section, siglip);
        goto out;
    }
    AC_TRY(load(&alone, &alone_path, folder, "preprocessor_config.json"));
    if (alone)
        st = read_processor(out, alone, alone_path, "", siglip);
out:
    json_decref(both);
    json_decref(alone);
    free(both_path);
    free(alone_path);
    return st;
}
