/* .knn files beside the images, as clip-grams wrote them: an image's entries, one per line,
 * best first. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "io/file/text_file.h"
#include "io/source/location.h"
#include "jobs/runtime/images.h"
#include "jobs/runtime/item_walk.h"
#include "jobs/caption/stages.h"

static size_t
folder_length(const char *path, size_t n)
{
    while (n && path[n - 1] != '/')
        n--;
    return n;
}

static ac_status
try_folder(const char *folder)
{
    ac_status st = ac_publish_try(folder);

    if (st != AC_OK && st != AC_E_NOMEM)
        st =
            ac_error_set(AC_E_IO,
                         "%s: .knn files cannot be written there (%s); set output.knn to false "
                         "(tags.jsonl and captions.jsonl have "
                         "the same entries), or give the images in a folder of yours",
                         folder, ac_error_message());
    return st;
}

/* The name NAME.knn beside the image; of a further page it is longer than the image's. */
static ac_status
check_name(const ac_image_source *images, int64_t i, const char *folder, ac_buffer *location)
{
    const size_t most = ac_publish_longest_name(folder);
    char *path = NULL, *name;
    ac_status st = AC_OK;

    ac_buffer_reset(location);
    AC_TRY(ac_image_source_locate(images, i, location));
    AC_TRY(ac_location_sidecar(location->data, location->size, ".knn", &path));
    name = path + folder_length(path, strlen(path));
    if (strlen(name) > most)
        AC_FAIL(
            AC_E_IO,
            "%s: a name of %zu bytes, which this file system does not take; set output.knn to "
            "false, or give the image a shorter name",
            path, strlen(name));
out:
    free(path);
    return st;
}

ac_status
ac_knn_check(const ac_image_source *images)
{
    ac_status st = AC_OK;
    ac_buffer location = { 0 };
    char *folder = NULL, *path = NULL;

    if (!images->type->file)
        AC_FAIL(AC_E_ARG,
                "output.knn writes files beside the images, but those of input.path are no "
                "files of their own; tags.jsonl and captions.jsonl have the same entries");
    for (int64_t i = 0; i < images->count; i++) {
        size_t n;
        free(path);
        AC_TRY(ac_image_source_file(images, i, &path));
        n = folder_length(path, strlen(path));
        if (!folder || strlen(folder) != n || memcmp(folder, path, n) != 0) {
            free(folder); /* keys are sorted: a folder's images mostly follow each other */
            folder = NULL;
            AC_TRY(ac_duplicate(&folder, n ? path : "./", n ? n : 2));
            AC_TRY(try_folder(folder));
        }
        AC_TRY(check_name(images, i, folder, &location));
    }
out:
    ac_buffer_free(&location);
    free(folder);
    free(path);
    return st;
}

static ac_status
write_image(const ac_shard_view *v, int64_t i, const char *root, ac_buffer *text)
{
    ac_status st = AC_OK;
    char *image = NULL, *path = NULL;

    ac_buffer_reset(text);
    for (int64_t k = i * v->K; k < (i + 1) * v->K; k++)
        if (v->ids[k] >= 0)
            ac_text_push_line(text, ac_texts_at(&v->entries, k), ac_texts_size(&v->entries, k));
    AC_TRY(text->status);
    AC_TRY(
        ac_location_join(root, ac_texts_at(&v->paths, i), ac_texts_size(&v->paths, i), &image));
    AC_TRY(ac_location_sidecar(image, strlen(image), ".knn", &path));
    st = ac_publish_file(path, text->size ? text->data : "", text->size);
out:
    free(image);
    free(path);
    return st;
}

/* ---- what an update leaves behind ---- */

static ac_status
remove_beside(const char *root, const ac_buffer *location)
{
    ac_status st = AC_OK;
    char *image = NULL, *path = NULL;

    AC_TRY(ac_location_join(root, location->data, location->size, &image));
    AC_TRY(ac_location_sidecar(image, strlen(image), ".knn", &path));
    if (unlink(path) != 0 && errno != ENOENT && errno != ENOTDIR)
        st = ac_error_set(ac_io_failure(errno),
                          "%s: is of an image that left, and cannot be removed: %s", path,
                          strerror(errno));
out:
    free(image);
    free(path);
    return st;
}

/* Images of that list of before which are no longer in the last one. */
static ac_status
remove_of_left(const ac_run *run, const char *root, int64_t generation)
{
    ac_item_list_reader before = { 0 }, now = { 0 };
    ac_listed_item old = { 0 }, item = { 0 };
    bool has_old, has_item;
    ac_status st = AC_OK;

    AC_TRY(ac_item_list_open(&before, run->folder, generation, &has_old));
    AC_TRY(ac_item_list_open(&now, run->folder, ac_manifest_last_generation(&run->manifest),
                             &has_item));
    if (!has_old || !has_item)
        goto out;
    AC_TRY(ac_item_list_next(&now, &item, &has_item));
    for (;;) {
        AC_TRY(ac_item_list_next(&before, &old, &has_old));
        if (!has_old)
            break;
        while (has_item && ac_listed_item_compare(&item, &old) < 0)
            AC_TRY(ac_item_list_next(&now, &item, &has_item));
        if (!has_item || ac_listed_item_compare(&item, &old) != 0)
            AC_TRY(remove_beside(root, &old.location));
    }
out:
    ac_item_list_close(&before);
    ac_item_list_close(&now);
    ac_listed_item_free(&old);
    ac_listed_item_free(&item);
    return st;
}

/* Rank 0: files beside images that left the input, or are rejected by now. Those of another
 * image with the same name are written afterwards. */
static ac_status
remove_stale(const ac_run *run, const char *root)
{
    const ac_item_walk_options options = { .folder = run->folder,
                                           .manifest = &run->manifest,
                                           .stages = run->stages,
                                           .parts = AC_VIEW_KEYS,
                                           .through = 1,
                                           .rejected = true };
    const int64_t last = ac_manifest_last_generation(&run->manifest);
    ac_item_walk walk = { 0 };
    ac_status st = AC_OK;
    bool found;

    for (int64_t g = 0; g < last; g++)
        AC_TRY(remove_of_left(run, root, g));
    if (last == 0)
        goto out;
    AC_TRY(ac_item_walk_open(&walk, &options));
    for (;;) {
        AC_TRY(ac_item_walk_next(&walk, &found));
        if (!found)
            break;
        AC_TRY(remove_beside(root, &walk.item.location));
    }
out:
    ac_item_walk_close(&walk);
    return st;
}

/* Each rank those of its shards. */
static ac_status
write_share(const ac_run *run, const char *root)
{
    const ac_item_walk_options options = { .folder = run->folder,
                                           .manifest = &run->manifest,
                                           .stages = run->stages,
                                           .parts = AC_VIEW_TABLES,
                                           .through = 1,
                                           .rows = true,
                                           .share = run->comm->rank,
                                           .shares = run->comm->size };
    ac_item_walk walk = { 0 };
    ac_buffer text = { 0 };
    ac_status st = AC_OK;
    bool found;

    AC_TRY(ac_item_walk_open(&walk, &options));
    for (;;) {
        AC_TRY(ac_item_walk_next(&walk, &found));
        if (!found)
            break;
        AC_TRY(write_image(walk.view, walk.row, root, &text));
    }
out:
    ac_item_walk_close(&walk);
    ac_buffer_free(&text);
    return st;
}

ac_status
ac_knn_write_all(const ac_run *run)
{
    char *root = NULL;
    ac_status st = ac_location_root(ac_images_place(run->config), &root);

    if (st == AC_OK && run->comm->rank == 0)
        st = remove_stale(run, root);
    AC_TRY(ac_agree_all(run->comm, st)); /* nothing is removed once a rank writes */
    st = ac_agree_all(run->comm, write_share(run, root));
out:
    free(root);
    return st;
}
