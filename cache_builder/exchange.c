#include "cache_builder/exchange.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache_builder/import_files.h"
#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "io/file/checksum.h"
#include "io/checkpoint/npz.h"
#include "io/file/file_look.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "io/file/text_file.h"

enum { IMPORT_SHARD_ROWS = 4096 };

/* Foreign embeddings: the files, in order, as one matrix. */
typedef struct parts {
    ac_import_files files;
    ac_npy *arrays; /* [files.count] */
    int64_t rows, dimension;
} parts;

static void
parts_free(parts *self)
{
    for (int64_t i = 0; self->arrays && i < self->files.count; i++)
        ac_npy_close(&self->arrays[i]);
    free(self->arrays);
    ac_import_files_free(&self->files);
    *self = (parts){ 0 };
}

static ac_status
open_parts(parts *self, const ac_cache *identity, const char *array)
{
    ac_status st = AC_OK;

    self->dimension = identity->dimension;
    AC_TRY(ac_alloc(&self->arrays, self->files.count, sizeof *self->arrays));
    for (int64_t i = 0; i < self->files.count; i++) {
        const ac_tensor *t = &self->arrays[i].tensor;
        AC_TRY(ac_npz_is(self->files.paths[i])
                   ? ac_npz_open(&self->arrays[i], self->files.paths[i], array)
                   : ac_npy_open(&self->arrays[i], self->files.paths[i]));
        if (t->rank != 2 || (t->dtype != AC_F32 && t->dtype != AC_F16 && t->dtype != AC_F64))
            AC_FAIL(AC_E_FORMAT,
                    "%s: embeddings are floats of two dimensions, this is %s of %d",
                    self->files.paths[i], ac_dtype_name(t->dtype), t->rank);
        if (t->shape[1] != self->dimension)
            AC_FAIL(AC_E_FORMAT,
                    "%s: its rows have %lld values, embeddings of the CLIP model %s have %lld: "
                    "made by another model",
                    self->files.paths[i], (long long) t->shape[1], identity->model_path,
                    (long long) self->dimension);
        self->rows += t->shape[0];
    }
out:
    return st;
}

/* ---- import ---- */

/* Rows [first, first + count) -> y [count, D]; each must be finite. off: those not of unit
 * length, counted. */
static ac_status
read_rows(const parts *self, int64_t first, int64_t count, float *y, int64_t *off)
{
    const int64_t D = self->dimension;
    int64_t begin = 0;

    for (int64_t i = 0; i < self->files.count && count;
         begin += self->arrays[i++].tensor.shape[0]) {
        const ac_tensor *t = &self->arrays[i].tensor;
        const int64_t from = first - begin;
        int64_t rows = t->shape[0] - from;
        if (rows <= 0)
            continue;
        rows = rows < count ? rows : count;
        ac_tensor_read(t, y, from * D, rows * D);
        for (int64_t r = 0; r < rows; r++) {
            double squares = 0;
            for (int64_t d = 0; d < D; d++)
                squares += (double) y[r * D + d] * (double) y[r * D + d];
            if (!isfinite(squares))
                return ac_error_set(AC_E_FORMAT,
                                    "%s: row %lld holds a number that is not finite",
                                    self->files.paths[i], (long long) (from + r));
            *off += fabs(squares - 1) > 0.01;
        }
        y += rows * D;
        first += rows;
        count -= rows;
    }
    return AC_OK;
}

static ac_status
write_shards(ac_cache *cache, const parts *p, const ac_texts *entries,
             ac_compression compression, const char *folder)
{
    ac_status st = AC_OK;
    float *rows = NULL;
    char *path = NULL;
    int64_t off = 0;

    AC_TRY(ac_alloc_aligned(&rows, IMPORT_SHARD_ROWS * p->dimension, sizeof(float)));
    for (int64_t first = 0; first < entries->count; first += IMPORT_SHARD_ROWS) {
        const int64_t left = entries->count - first;
        ac_cache_shard shard = { .rows = left < IMPORT_SHARD_ROWS ? left : IMPORT_SHARD_ROWS };
        AC_TRY(read_rows(p, first, shard.rows, rows, &off));
        AC_TRY(ac_cache_shard_path(&path, folder, cache->shard_count));
        AC_TRY(ac_cache_shard_write(path, entries, first, shard.rows, rows, p->dimension,
                                    compression, shard.checksum));
        AC_TRY(ac_cache_add_shards(cache, &shard, 1));
        free(path);
        path = NULL;
    }
    if (off)
        ac_log(
            AC_LOG_WARNING,
            "%lld embeddings are not of unit length (by more than 0.5 %%): they are stored as "
            "they are, and score by it",
            (long long) off);
out:
    free(rows);
    free(path);
    return st;
}

static ac_status
make_folder(const char *folder)
{
    char *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&path, "%s/manifest.json", folder));
    if (ac_file_is_there(path))
        AC_FAIL(
            AC_E_ARG,
            "%s: this folder holds a cache or run already; give another folder, or remove it",
            folder);
    free(path);
    AC_TRY(ac_path_format(&path, "%s/shards", folder));
    if ((mkdir(folder, 0777) != 0 && errno != EEXIST) ||
        (mkdir(path, 0777) != 0 && errno != EEXIST))
        st = ac_error_set(ac_io_failure(errno), "%s: the folder cannot be made: %s", path,
                          strerror(errno));
out:
    free(path);
    return st;
}

/* What stood before each entry when it was embedded: as the caller says, else as args.txt does.
 */
static ac_status
find_prefix(char **prefix, const ac_import_files *files, const char *given)
{
    char *told = NULL, *message = NULL;
    ac_status st = ac_import_files_prefix(files, &told);

    if (st == AC_E_FORMAT) { /* what is called args.txt need not be clip-grams' */
        AC_TRY(ac_duplicate(&message, ac_error_message(), strlen(ac_error_message())));
        if (!given)
            AC_FAIL(AC_E_FORMAT,
                    "%s: --prefix TEXT says what stood before each entry (\"\": nothing)",
                    message);
        ac_log(AC_LOG_WARNING, "%s: --prefix \"%s\" counts", message, given);
        st = AC_OK;
    }
    if (st != AC_OK)
        goto out;
    if (told && given && strcmp(told, given) != 0)
        ac_log(AC_LOG_WARNING, "args.txt tells the prefix \"%s\"; --prefix \"%s\" counts", told,
               given);
    else if (told && !given && *told)
        ac_log(AC_LOG_INFO, "the prefix \"%s\" is taken over from args.txt", told);
    if (told && !given) {
        *prefix = told;
        return AC_OK;
    }
    st = ac_duplicate(prefix, given ? given : "", given ? strlen(given) : 0);
out:
    free(message);
    free(told);
    return st;
}

ac_status
ac_cache_import(const ac_import *from, const ac_cache *identity, ac_compression compression,
                const char *folder)
{
    ac_cache cache = { 0 };
    ac_cache_source source = { .kind = "import" };
    ac_texts entries = { 0 };
    parts p = { 0 };
    char *beside = NULL, *prefix = NULL;
    const char *text = from->text;
    ac_status st = AC_OK;

    for (int64_t i = 0; i < from->count; i++)
        AC_TRY(ac_import_files_add(&p.files, from->embeddings[i]));
    if (p.files.count == 0)
        AC_FAIL(AC_E_FORMAT, "%s: lists no embeddings", from->embeddings[0]);
    ac_import_files_check_order(&p.files);
    if (!text)
        AC_TRY(ac_import_files_entries(&p.files, &beside));
    text = text ? text : beside;
    AC_TRY(find_prefix(&prefix, &p.files, from->prefix));
    AC_TRY(open_parts(&p, identity, from->array));
    AC_TRY(ac_cache_read_entries(text, &entries));
    if (entries.count != p.rows)
        AC_FAIL(
            AC_E_FORMAT,
            "%s has %lld lines, but %s%s has %lld rows: they must be of the same cache, one "
            "line per row",
            text, (long long) entries.count, from->embeddings[0], from->count > 1 ? " …" : "",
            (long long) p.rows);
    AC_TRY(make_folder(folder));
    AC_TRY(ac_cache_identity_set(&cache, identity->model, identity->model_path, prefix,
                                 identity->dimension));
    AC_TRY(write_shards(&cache, &p, &entries, compression, folder));
    source.path = (char *) (uintptr_t) text;
    source.entries = entries.count;
    AC_TRY(ac_file_checksum(text, source.input));
    AC_TRY(ac_cache_add_source(&cache, &source));
    st = ac_cache_save(&cache, folder);
out:
    ac_cache_close(&cache);
    ac_texts_free(&entries);
    parts_free(&p);
    free(beside);
    free(prefix);
    return st;
}

/* ---- export ---- */

static ac_status
export_shard(const ac_cache *self, int64_t shard, int64_t first, float *rows, ac_texts *entries,
             ac_text_file *text, ac_text_file *npy)
{
    const int64_t n = self->shards[shard].rows;
    ac_status st = AC_OK;

    AC_TRY(ac_cache_read_slice(self, first, n, rows, entries));
    for (int64_t i = 0; i < n; i++) {
        const char *entry = ac_texts_at(entries, i);
        const size_t size = ac_texts_size(entries, i);
        if (memchr(entry, '\n', size))
            AC_FAIL(AC_E_FORMAT,
                    "%s: entry %lld has a line feed in it: it cannot be a line of a text file",
                    self->folder, (long long) (first + i));
        ac_text_file_write(text, entry, size);
        ac_text_file_write(text, "\n", 1);
    }
    ac_text_file_write(npy, (const char *) rows, (size_t) (n * self->dimension) * sizeof *rows);
out:
    return st;
}

ac_status
ac_cache_export(const ac_cache *self, const char *folder)
{
    ac_text_file text = { 0 }, npy = { 0 };
    ac_texts entries = { 0 };
    char *text_path = NULL, *npy_path = NULL;
    float *rows = NULL;
    int64_t most = 0, first = 0;
    ac_status st = AC_OK;

    for (int64_t s = 0; s < self->shard_count; s++)
        most = self->shards[s].rows > most ? self->shards[s].rows : most;
    AC_TRY(ac_alloc_aligned(&rows, most * self->dimension, sizeof *rows));
    AC_TRY(ac_path_format(&text_path, "%s/postcache.txt", folder));
    AC_TRY(ac_path_format(&npy_path, "%s/postcache.npy", folder));
    AC_TRY(ac_text_file_create(&text, text_path));
    AC_TRY(
        ac_npy_begin(&npy, npy_path, AC_F32, 2, (int64_t[]){ self->entries, self->dimension }));
    for (int64_t s = 0; s < self->shard_count; first += self->shards[s++].rows)
        AC_TRY(export_shard(self, s, first, rows, &entries, &text, &npy));
    AC_TRY(ac_text_file_commit(&npy));
    st = ac_text_file_commit(&text);
out:
    ac_text_file_abandon(&text);
    ac_text_file_abandon(&npy);
    ac_texts_free(&entries);
    free(text_path);
    free(npy_path);
    free(rows);
    return st;
}
