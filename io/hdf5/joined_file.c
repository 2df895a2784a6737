#include "io/hdf5/joined_file.h"

#include <stdlib.h>

#include "engine/base/memory.h"

enum { BLOCK_ROWS = 1 << 16 };

ac_status
ac_joined_shape(const ac_h5_reader *file, ac_dataset_id id, int64_t *rows, int64_t *columns,
                int64_t *bytes)
{
    char name[AC_DATASET_NAME_BYTES];
    int64_t none;
    ac_status st = AC_OK;

    *columns = 0;
    if (!bytes)
        bytes = &none;
    *bytes = 0;
    if (ac_datasets[id].content == AC_CONTENT_NUMBERS)
        return ac_shard_shape(file, id, rows, ac_dataset_rank(id) == 2 ? columns : NULL);
    ac_dataset_stored_name(id, true, name);
    AC_TRY(ac_h5_shape(file, name, 1, rows));
    if (*rows < 1)
        AC_FAIL(AC_E_FORMAT, "%s: dataset %s is empty", file->path, name);
    --*rows;
    if (ac_datasets[id].content == AC_CONTENT_TEXTS) {
        ac_dataset_stored_name(id, false, name);
        st = ac_h5_shape(file, name, 1, bytes);
    }
out:
    return st;
}

/* Offsets of `rows` rows that begin at 0, do not fall, and end at `end`. */
static ac_status
check_offsets(const ac_h5_reader *file, ac_dataset_id id, int64_t rows, int64_t end)
{
    char name[AC_DATASET_NAME_BYTES];
    int64_t *block = NULL, last = 0;
    ac_status st = AC_OK;

    ac_dataset_stored_name(id, true, name);
    AC_TRY(ac_alloc(&block, BLOCK_ROWS, sizeof *block));
    for (int64_t at = 0; at <= rows; at += BLOCK_ROWS) {
        const int64_t n = rows + 1 - at < BLOCK_ROWS ? rows + 1 - at : BLOCK_ROWS;
        AC_TRY(ac_h5_read_rows(file, name, AC_I64, at, n, 0, block));
        for (int64_t i = 0; i < n; last = block[i++])
            if (block[i] < last || (at + i == 0 && block[i] != 0))
                AC_FAIL(AC_E_FORMAT, "%s: dataset %s falls at %lld", file->path, name,
                        (long long) (at + i));
    }
    if (last != end)
        AC_FAIL(AC_E_FORMAT, "%s: dataset %s ends at %lld, not at %lld", file->path, name,
                (long long) last, (long long) end);
out:
    free(block);
    return st;
}

static ac_status
check_all(const ac_h5_reader *file)
{
    const bool has_tables = ac_shard_has(file, AC_JOINED_TABLE_IDS),
               has_captions = ac_shard_has(file, AC_JOINED_CAPTIONS);
    int64_t rows[AC_DATASETS] = { 0 }, columns = 0, bytes, per_image = 0;
    const ac_dataset_id last = has_captions ? AC_JOINED_CANDIDATE_SCORES
                               : has_tables ? AC_JOINED_TABLE_ENTRIES
                                            : AC_JOINED_THUMBNAILS;
    ac_status st = AC_OK;

    for (int d = AC_JOINED_KEYS; d <= (int) last; d++) {
        const ac_dataset_id id = (ac_dataset_id) d;
        int64_t expected = rows[AC_JOINED_KEYS];
        AC_TRY(ac_joined_shape(file, id, &rows[d], &columns, &bytes));
        if (ac_datasets[d].content == AC_CONTENT_TEXTS)
            AC_TRY(check_offsets(file, id, rows[d], bytes));
        if (id == AC_JOINED_TABLE_IDS)
            per_image = columns;
        if (id == AC_JOINED_TABLE_ENTRIES)
            expected *= per_image;
        if (id == AC_JOINED_KEYS || id == AC_JOINED_CANDIDATES)
            expected = rows[d];
        else if (id > AC_JOINED_CANDIDATES)
            expected = rows[AC_JOINED_CANDIDATES];
        if (rows[d] != expected || (id == AC_JOINED_TABLE_SCORES && columns != per_image))
            AC_FAIL(AC_E_FORMAT, "%s: dataset %s has %lld rows, not %lld as the others",
                    file->path, ac_datasets[d].name, (long long) rows[d], (long long) expected);
    }
    if (has_captions)
        st = check_offsets(file, AC_JOINED_CANDIDATE_OFFSETS, rows[AC_JOINED_KEYS],
                           rows[AC_JOINED_CANDIDATES]);
out:
    return st;
}

ac_status
ac_joined_check(const char *path)
{
    const ac_shard_schema *schema;
    ac_h5_reader file = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_h5_open_joined(&file, path));
    schema = ac_shard_schema_read(&file);
    if (schema && schema->kind == AC_SHARD_JOINED)
        st = check_all(&file);
out:
    ac_h5_close(&file);
    return st;
}
