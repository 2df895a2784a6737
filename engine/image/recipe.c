#include "engine/image/recipe.h"

ac_preprocess_recipe
ac_preprocess_openai(int64_t S)
{
    return (ac_preprocess_recipe){
        .resize = AC_RESIZE_SHORTEST,
        .height = S,
        .width = S,
        .resample = AC_RESAMPLE_BICUBIC,
        .size = S,
        .rescale = 1.0 / 255.0,
        .mean = { 0.48145466f, 0.4578275f, 0.40821073f },
        .std = { 0.26862954f, 0.26130258f, 0.27577711f },
    };
}

static bool
is_openai(const ac_preprocess_recipe *a)
{
    const ac_preprocess_recipe b = ac_preprocess_openai(a->size);
    bool same = a->resize == b.resize && a->height == b.height && a->resample == b.resample &&
                a->rescale == b.rescale;

    for (int c = 0; c < 3; c++)
        same = same && a->mean[c] == b.mean[c] && a->std[c] == b.std[c];
    return same;
}

void
ac_preprocess_describe(const ac_preprocess_recipe *self, ac_buffer *out)
{
    if (is_openai(self))
        return;
    ac_buffer_printf(out,
                     "preprocess resize %d %lld %lld filter %d rgb first %d crop %lld fill %d "
                     "rescale %.17g",
                     (int) self->resize, (long long) self->height, (long long) self->width,
                     (int) self->resample, self->rgb_first, (long long) self->size, self->fill,
                     self->rescale);
    for (int c = 0; c < 3; c++)
        ac_buffer_printf(out, " mean %.9g std %.9g", (double) self->mean[c],
                         (double) self->std[c]);
    ac_buffer_push_char(out, '\n');
}

void
ac_preprocess_print(const ac_preprocess_recipe *self, bool apply_exif, ac_buffer *out)
{
    static const char *const rules[] = { "not resized", "shortest side to", "longest side to",
                                         "squashed to" },
                             *const filters[] = { "nearest", "lanczos", "bilinear",
                                                  "bicubic", "box",     "hamming" };

    ac_buffer_push_text(out, rules[self->resize]);
    if (self->resize != AC_RESIZE_NONE)
        ac_buffer_printf(out, " %lld", (long long) self->height);
    if (self->resize == AC_RESIZE_EXACT)
        ac_buffer_printf(out, " x %lld", (long long) self->width);
    if (self->resize != AC_RESIZE_NONE)
        ac_buffer_printf(out, ", %s", filters[self->resample]);
    ac_buffer_printf(out, ", centre %lld", (long long) self->size);
    if (self->fill)
        ac_buffer_printf(out, ", filled with %d", self->fill);
    if (self->rgb_first)
        ac_buffer_push_text(out, ", RGB first");
    if (apply_exif)
        ac_buffer_push_text(out, ", turned by EXIF");
}
