#include "jobs/cli/commands/export_h5.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/memory.h"
#include "io/config/config.h"
#include "io/file/file_look.h"
#include "io/file/path.h"
#include "io/hdf5/h5_rows.h"
#include "io/hdf5/joined_file.h"
#include "jobs/runtime/row_pieces.h"

enum {
    FIRST = AC_JOINED_KEYS,
    PARTS = AC_JOINED_CANDIDATE_SCORES - AC_JOINED_KEYS + 1,
    BLOCK_BYTES = 4 << 20
};

enum { MOST_OPEN = 8 };

/* A file of a shard that stays open: pieces of few shards follow each other. */
typedef struct open_file {
    ac_h5_reader h5;
    int stage;
    int64_t shard, used; /* used: when last; 0: not open */
} open_file;

typedef struct exporter {
    const ac_run_view *run;
    ac_row_pieces pieces;
    open_file files[MOST_OPEN];
    int64_t clock;
    ac_h5_writer file;
    ac_h5_rows rows;
    int64_t counts[PARTS], bytes[PARTS], columns[PARTS]; /* over all shards; bytes: of texts */
    void *block;                                         /* BLOCK_BYTES, or one row */
    size_t block_bytes;
} exporter;

static void
exporter_free(exporter *self)
{
    for (int f = 0; f < MOST_OPEN; f++)
        ac_h5_close(&self->files[f].h5);
    ac_row_pieces_free(&self->pieces);
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
open_shard(exporter *self, int stage, int64_t shard, const ac_h5_reader **r)
{
    open_file *at = &self->files[0];
    char *path = NULL;
    ac_status st = AC_OK;

    for (int f = 0; f < MOST_OPEN; f++) {
        open_file *file = &self->files[f];
        if (file->used && file->stage == stage && file->shard == shard) {
            at = file;
            break;
        }
        at = file->used < at->used ? file : at;
    }
    if (!at->used || at->stage != stage || at->shard != shard) {
        ac_h5_close(&at->h5);
        at->used = 0;
        AC_TRY(ac_run_view_shard_path(self->run, stage, shard, &path));
        AC_TRY(ac_h5_open(&at->h5, path));
        at->stage = stage;
        at->shard = shard;
    }
    at->used = ++self->clock;
    *r = &at->h5;
out:
    free(path);
    return st;
}

/* ---- what is to be copied ---- */

/* Of a part, what a piece has: rows of its dataset, and bytes of its texts. */
typedef struct range {
    int64_t first, rows, first_byte, bytes, columns;
} range;

/* offsets[i] of a dataset of offsets. */
static ac_status
read_offset(const ac_h5_reader *r, ac_dataset_id id, int64_t i, int64_t *offset)
{
    char name[AC_DATASET_NAME_BYTES];

    ac_dataset_stored_name(id, true, name);
    return ac_h5_read_rows(r, name, AC_I64, i, 1, 0, offset);
}

/* Rows of candidates are found by the images' offsets, entries are as many for each image. */
static ac_status
find_range(const exporter *self, int p, const ac_h5_reader *r, const ac_row_piece *piece,
           range *out)
{
    const ac_dataset_id source = ac_datasets[FIRST + p].source;
    const int64_t images = self->run->manifest.stages[0].shards[piece->shard].rows;
    int64_t all, bytes, end;
    ac_status st = AC_OK;

    AC_TRY(ac_joined_shape(r, source, &all, &out->columns, &bytes));
    out->first = piece->row;
    end = piece->row + piece->rows;
    if (source == AC_CAPTIONS_CANDIDATES || source == AC_CAPTIONS_CANDIDATE_CLIP_SCORES ||
        source == AC_CAPTIONS_CANDIDATE_SCORES) {
        AC_TRY(read_offset(r, AC_CAPTIONS_CANDIDATE_OFFSETS, out->first, &out->first));
        AC_TRY(read_offset(r, AC_CAPTIONS_CANDIDATE_OFFSETS, end, &end));
    } else if (source == AC_TABLES_ENTRIES && images) {
        out->first *= all / images;
        end *= all / images;
    }
    out->rows = end - out->first;
    if (out->first < 0 || out->rows < 0 || end > all)
        AC_FAIL(AC_E_FORMAT, "%s: dataset %s has %lld rows, and fewer than its shard", r->path,
                ac_datasets[source].name, (long long) all);
    out->first_byte = out->bytes = 0;
    if (ac_datasets[source].content == AC_CONTENT_NUMBERS)
        goto out;
    AC_TRY(read_offset(r, source, out->first, &out->first_byte));
    AC_TRY(read_offset(r, source, end, &out->bytes));
    out->bytes -= out->first_byte;
out:
    return st;
}

static ac_status
measure_part(exporter *self, int p, const ac_h5_reader *r, const ac_row_piece *piece)
{
    range x;
    ac_status st = AC_OK;

    AC_TRY(find_range(self, p, r, piece, &x));
    if (x.rows && self->counts[p] && x.columns != self->columns[p])
        AC_FAIL(AC_E_FORMAT, "%s: dataset %s has %lld columns, the shards before it %lld",
                r->path, ac_datasets[ac_datasets[FIRST + p].source].name, (long long) x.columns,
                (long long) self->columns[p]);
    self->columns[p] = x.columns > self->columns[p] ? x.columns : self->columns[p];
    self->counts[p] += x.rows;
    self->bytes[p] += x.bytes;
out:
    return st;
}

static ac_status
measure_piece(exporter *self, const ac_row_piece *piece)
{
    const ac_h5_reader *r;
    ac_status st = AC_OK;

    for (int p = 0; p < PARTS; p++) {
        if (stage_of(self, p) < 0)
            continue;
        AC_TRY(open_shard(self, stage_of(self, p), piece->shard, &r));
        AC_TRY(measure_part(self, p, r, piece));
    }
out:
    return st;
}

/* The files of all shards that there are, before one is opened. */
static ac_status
find_pieces(exporter *self)
{
    const ac_run_view *run = self->run;
    const ac_item_walk_options options = { .folder = run->folder,
                                           .manifest = &run->manifest,
                                           .stages = run->stages,
                                           .parts = AC_VIEW_KEYS,
                                           .through = run->manifest.stage_count,
                                           .rows = true };
    ac_status st = AC_OK;

    for (int64_t shard = 0; shard < run->manifest.shard_count; shard++)
        if (ac_run_view_has(run, shard, run->manifest.stage_count))
            AC_TRY(ac_run_view_check(run, shard));
    st = ac_row_pieces_find(&self->pieces, &options);
out:
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

/* One dataset, from all shards. */
static ac_status
write_dataset(exporter *self, int p, bool offsets)
{
    const ac_dataset *d = &ac_datasets[FIRST + p];
    const int64_t rows = offsets                          ? self->counts[p] + 1
                         : d->content == AC_CONTENT_TEXTS ? self->bytes[p]
                                                          : self->counts[p];
    char name[AC_DATASET_NAME_BYTES], source[AC_DATASET_NAME_BYTES];
    const ac_h5_reader *r;
    int64_t base = 0;
    range x;
    ac_status st = AC_OK;

    ac_dataset_stored_name((ac_dataset_id) (FIRST + p), offsets, name);
    ac_dataset_stored_name(d->source, offsets, source);
    AC_TRY(ac_h5_rows_begin(&self->rows, &self->file, name, offsets ? AC_I64 : d->dtype, rows,
                            self->columns[p]));
    if (offsets)
        AC_TRY(ac_h5_rows_push(&self->rows, &base, 1));
    for (int64_t i = 0; i < self->pieces.count; i++) {
        const ac_row_piece *piece = &self->pieces.list[i];
        AC_TRY(open_shard(self, stage_of(self, p), piece->shard, &r));
        AC_TRY(find_range(self, p, r, piece, &x));
        if (offsets) {
            AC_TRY(copy_rows(self, r, source, x.first + 1, x.rows, base - x.first_byte));
            base += x.bytes;
        } else if (d->content == AC_CONTENT_TEXTS) {
            AC_TRY(copy_rows(self, r, source, x.first_byte, x.bytes, 0));
        } else {
            AC_TRY(copy_rows(self, r, source, x.first, x.rows, 0));
        }
    }
    st = ac_h5_rows_end(&self->rows);
out:
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
    if (ac_file_stat(folder, &there) == 0 && ac_file_stat(run->folder, &own) == 0 &&
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
    AC_TRY(find_pieces(&e));
    for (int64_t i = 0; i < e.pieces.count; i++)
        AC_TRY(measure_piece(&e, &e.pieces.list[i]));
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
