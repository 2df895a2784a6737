/* How many items make up a shard of an image dataset. */
#include <stdlib.h>
#include <sys/stat.h>

#include "io/file/file_look.h"
#include "io/source/tar_images.h"
#include "jobs/ingest/stage.h"

enum { SAMPLE = 1024, MOST_ITEMS = 1000000 };

/* Bytes of one item; of one that cannot be read, 0. */
static ac_status
bytes_of(const ac_image_source *images, int64_t i, ac_buffer *bytes, int64_t *n)
{
    struct stat info;
    ac_item_status status;
    char *path = NULL;
    ac_status st = AC_OK;

    *n = ac_tar_images_bytes(images, i);
    if (*n >= 0)
        return AC_OK;
    *n = 0;
    if (images->type->file) {
        AC_TRY(ac_image_source_file(images, i, &path));
        *n = ac_file_stat(path, &info) == 0 && S_ISREG(info.st_mode) ? (int64_t) info.st_size
                                                                     : 0;
        goto out;
    }
    AC_TRY(ac_image_source_read(images, i, bytes, &status));
    *n = (int64_t) bytes->size;
out:
    free(path);
    return st;
}

/* The mean size of items that lie evenly in the source. */
static ac_status
mean_bytes(const ac_image_source *images, double *mean)
{
    const int64_t count = images->count < SAMPLE ? images->count : SAMPLE;
    ac_buffer bytes = { 0 };
    double sum = 0;
    ac_status st = AC_OK;

    for (int64_t k = 0; k < count; k++) {
        int64_t n;
        AC_TRY(bytes_of(images, k * images->count / count, &bytes, &n));
        sum += (double) n;
    }
    *mean = sum > (double) count ? sum / (double) count : 1;
out:
    ac_buffer_free(&bytes);
    return st;
}

/* Does the key have another value than its default? */
static bool
is_given(int64_t value, int64_t fallback)
{
    return value != 0 && value != fallback;
}

ac_status
ac_ingest_shard_items(const ac_config *config, const ac_image_source *images,
                      const ac_preprocess_recipe *recipe, int64_t *items)
{
    ac_config defaults = { 0 };
    int64_t bytes = config->ingest.shard_bytes;
    double mean, fit;
    ac_status st = AC_OK;

    AC_TRY(ac_config_init(&defaults));
    bytes = bytes ? bytes : defaults.ingest.shard_bytes;
    *items = MOST_ITEMS;
    if (is_given(config->output.shard_items, defaults.output.shard_items)) {
        *items = config->output.shard_items;
        if (!is_given(bytes, defaults.ingest.shard_bytes))
            goto out;
    }
    if (config->ingest.store == AC_STORE_PIXELS)
        mean = (double) (recipe->size * recipe->size * 3);
    else
        AC_TRY(mean_bytes(images, &mean));
    fit = (double) bytes / mean;
    if (fit < (double) *items)
        *items = fit < 1 ? 1 : (int64_t) fit;
out:
    ac_config_free(&defaults);
    return st;
}
