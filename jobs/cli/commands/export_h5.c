#include "jobs/cli/commands/export_h5.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/memory.h"
#include "io/config/config.h"
#include "io/file/path.h"
#include "io/hdf5/h5_rows.h"
#include "io/hdf5/joined_file.h"

enum {
    FIRST = AC_JOINED_KEYS,
    PARTS = AC_JOINED_CANDIDATE_SCORES - AC_JOINED_KEYS + 1,
    BLOCK_BYTES = 4 << 20
};

typedef struct exporter {
    const ac_run_view *run;
    ac_h5_writer file;
    ac_h5_rows rows;
    int64_t counts[PARTS], bytes[PARTS], columns[PARTS]; /* over all shards; bytes: of texts */
    void *block;                                         /* BLOCK_BYTES, or one row */
    size_t block_bytes;
} exporter;

static void
exporter_free(exporter *self)
{
    ac_h5_rows_free(&self->rows);
    ac_h5_abandon(&self->file);
    free(self->block);
}

/* The stage of this run whose shards hold the part; -1: it has none. */
static int
stage_of(const exporter *self, int p)
{
    const ac_shard_kind kind = ac_datasets[ac_datasets[FIRST + p].source].kind;

    for (int s = 0; s < self->run->manifest.stage_count; s++)
        if (self->run->stages[s] && self->run->stages[s]->schema &&
            self->run->stages[s]->schema->kind == kind)
            return s;
    return -1;
}

static ac_status
open_shard(const exporter *self, ac_h5_reader *r, int stage, int64_t shard)
{
    char *path = NULL;
    ac_status st = ac_run_view_shard_path(self->run, stage, shard, &path);

    if (st == AC_OK)
        st = ac_h5_open(r, path);
    free(path);
    return st;
}

static bool
has_shard(const exporter *self, int64_t shard)
{
    return ac_run_view_has(self->run, shard, self->run->manifest.stage_count);
}

/* ---- sizes ---- */

static ac_status
measure_part(exporter *self, int p, const ac_h5_reader *r)
{
    int64_t rows, columns, bytes;
    ac_status st = AC_OK;

    AC_TRY(ac_joined_shape(r, ac_datasets[FIRST + p].source, &rows, &columns, &bytes));
    if (rows && self->counts[p] && columns != self->columns[p])
        AC_FAIL(AC_E_FORMAT, "%s: dataset %s has %lld columns, the shards before it %lld",
                r->path, ac_datasets[ac_datasets[FIRST + p].source].name, (long long) columns,
                (long long) self->columns[p]);
    self->columns[p] = columns > self->columns[p] ? columns : self->columns[p];
    self->counts[p] += rows;
    self->bytes[p] += bytes;
out:
    return st;
}

static ac_status
measure_shard(exporter *self, int64_t shard)
{
    ac_h5_reader r = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_run_view_check(self->run, shard));
    for (int s = 0; s < self->run->manifest.stage_count; s++) {
        AC_TRY(open_shard(self, &r, s, shard));
        for (int p = 0; p < PARTS; p++)
            if (stage_of(self, p) == s)
                AC_TRY(measure_part(self, p, &r));
        ac_h5_close(&r);
    }
out:
    ac_h5_close(&r);
    return st;
}

/* ---- copying ---- */

static ac_status
grow_block(exporter *self, int64_t row_bytes, int64_t *block_rows)
{
    const int64_t wanted = row_bytes > BLOCK_BYTES ? row_bytes : BLOCK_BYTES;
    ac_status st = AC_OK;

    *block_rows = row_bytes ? wanted / row_bytes : 1;
    if ((size_t) wanted <= self->block_bytes)
        return AC_OK;
    free(self->block);
    self->block = NULL;
    self->block_bytes = 0;
    st = ac_alloc(&self->block, wanted, 1);
    if (st == AC_OK)
        self->block_bytes = (size_t) wanted;
    return st;
}

/* Rows [first, first + rows) of the shard's dataset; base is added to each of offsets. */
static ac_status
copy_rows(exporter *self, const ac_h5_reader *r, const char *name, int64_t first, int64_t rows,
          int64_t base)
{
    int64_t most;
    ac_status st = AC_OK;

    AC_TRY(grow_block(self, self->rows.row_bytes, &most));
    for (int64_t end = first + rows; first < end;) {
        const int64_t n = end - first < most ? end - first : most;
        AC_TRY(ac_h5_read_rows(r, name, self->rows.dtype, first, n, self->rows.columns,
                               self->block));
        for (int64_t i = 0; base && i < n; i++)
            ((int64_t *) self->block)[i] += base;
        AC_TRY(ac_h5_rows_push(&self->rows, self->block, n));
        first += n;
    }
out:
    return st;
}

/* The shard's offsets behind those of the shards before, which end at *base. */
static ac_status
copy_offsets(exporter *self, int p, const ac_h5_reader *r, int64_t *base)
{
    const ac_dataset_id source = ac_datasets[FIRST + p].source;
    char name[AC_DATASET_NAME_BYTES];
    int64_t rows, columns, last = 0;
    ac_status st = AC_OK;

    ac_dataset_stored_name(source, true, name);
    AC_TRY(ac_joined_shape(r, source, &rows, &columns, NULL));
    AC_TRY(copy_rows(self, r, name, 1, rows, *base));
    AC_TRY(ac_h5_read_rows(r, name, AC_I64, rows, 1, 0, &last));
    *base += last;
out:
    return st;
}

/* One dataset, from all shards. */
static ac_status
write_dataset(exporter *self, int p, bool offsets)
{
    const ac_dataset *d = &ac_datasets[FIRST + p];
    const int64_t rows = offsets                          ? self->counts[p] + 1
                         : d->content == AC_CONTENT_TEXTS ? self->bytes[p]
                                                          : self->counts[p];
    char name[AC_DATASET_NAME_BYTES], source[AC_DATASET_NAME_BYTES];
    int64_t base = 0, n, columns, bytes;
    ac_h5_reader r = { 0 };
    ac_status st = AC_OK;

    ac_dataset_stored_name((ac_dataset_id) (FIRST + p), offsets, name);
    ac_dataset_stored_name(d->source, offsets, source);
    AC_TRY(ac_h5_rows_begin(&self->rows, &self->file, name, offsets ? AC_I64 : d->dtype, rows,
                            self->columns[p]));
    if (offsets)
        AC_TRY(ac_h5_rows_push(&self->rows, &base, 1));
    for (int64_t shard = 0; shard < self->run->manifest.shard_count; shard++) {
        if (!has_shard(self, shard))
            continue;
        AC_TRY(open_shard(self, &r, stage_of(self, p), shard));
        AC_TRY(ac_joined_shape(&r, d->source, &n, &columns, &bytes));
        AC_TRY(offsets ? copy_offsets(self, p, &r, &base)
                       : copy_rows(self, &r, source, 0,
                                   d->content == AC_CONTENT_TEXTS ? bytes : n, 0));
        ac_h5_close(&r);
    }
    st = ac_h5_rows_end(&self->rows);
out:
    ac_h5_close(&r);
    return st;
}

/* ---- the file ---- */

/* The run's own captions.h5 is part of the run, with a checksum in DONE. */
static ac_status
refuse_own(const ac_run_view *run, const char *out)
{
    const char *slash = strrchr(out, '/');
    char *folder = NULL;
    struct stat there, own;
    ac_status st = AC_OK;

    if (strcmp(slash ? slash + 1 : out, "captions.h5") != 0)
        return AC_OK;
    AC_TRY(ac_path_format(&folder, "%.*s", slash ? (int) (slash - out) + 1 : 1,
                          slash ? out : "."));
    if (stat(folder, &there) == 0 && stat(run->folder, &own) == 0 &&
        there.st_dev == own.st_dev && there.st_ino == own.st_ino)
        st = ac_error_set(AC_E_ARG, "--out %s is the run's own file: give another name", out);
out:
    free(folder);
    return st;
}

static ac_status
read_compression(const ac_run_view *run, ac_compression *out)
{
    ac_config config = { 0 };
    char *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&path, "%s/config.yaml", run->folder));
    AC_TRY(ac_config_init(&config));
    AC_TRY(ac_config_read(&config, path));
    *out = (ac_compression) config.output.compression;
out:
    ac_config_free(&config);
    free(path);
    return st;
}

ac_status
ac_export_h5(const ac_run_view *run, const char *out, int64_t *written)
{
    exporter e = { .run = run };
    ac_compression compression;
    char checksum[33];
    ac_status st = AC_OK;

    AC_TRY(refuse_own(run, out));
    AC_TRY(read_compression(run, &compression));
    AC_TRY(ac_h5_create(&e.file, out,
                        compression)); /* first: a folder that is not there is told */
    for (int64_t shard = 0; shard < run->manifest.shard_count; shard++)
        if (has_shard(&e, shard))
            AC_TRY(measure_shard(&e, shard));
    AC_TRY(ac_h5_write_text_attribute(&e.file, "content", ac_content_joined_alone));
    for (int p = 0; p < PARTS; p++) {
        if (stage_of(&e, p) < 0)
            continue;
        if (ac_datasets[FIRST + p].content != AC_CONTENT_OFFSETS)
            AC_TRY(write_dataset(&e, p, false));
        if (ac_datasets[FIRST + p].content != AC_CONTENT_NUMBERS)
            AC_TRY(write_dataset(&e, p, true));
    }
    AC_TRY(ac_h5_commit(&e.file, checksum));
    *written = e.counts[0];
out:
    exporter_free(&e);
    return st;
}
