#include "io/hdf5/h5_check.h"

#include <hdf5.h>
#include <stdlib.h>

#include "engine/base/memory.h"
#include "io/hdf5/h5.h"

enum { BLOCK_BYTES = 8 << 20 };

typedef struct checker {
    const char *path;
    int64_t datasets;
    ac_status st;
} checker;

/* All rows, a block at a time; false: some part cannot be read. */
static bool
read_rows(hid_t set, hid_t space, hid_t type, void *block, int rank, const hsize_t *dims,
          hsize_t rows_a_block)
{
    hsize_t start[AC_MAX_RANK] = { 0 }, count[AC_MAX_RANK];
    bool good = true;

    for (int i = 0; i < rank; i++)
        count[i] = dims[i];
    for (hsize_t row = 0; good && row < dims[0]; row += rows_a_block) {
        hid_t memory;
        start[0] = row;
        count[0] = dims[0] - row < rows_a_block ? dims[0] - row : rows_a_block;
        memory = H5Screate_simple(rank, count, NULL);
        good = H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
               H5Dread(set, type, memory, space, H5P_DEFAULT, block) >= 0;
        H5Sclose(memory);
    }
    return good;
}

static ac_status
check_dataset(const char *path, hid_t file, const char *name)
{
    ac_status st = AC_OK;
    const hid_t set = H5Dopen2(file, name, H5P_DEFAULT);
    hid_t space = -1, type = -1;
    hsize_t dims[AC_MAX_RANK] = { 0 };
    int64_t row, all = 0;
    void *block = NULL;
    int rank;

    if (set < 0)
        return ac_error_set(AC_E_FORMAT, "%s: dataset %s cannot be opened: damaged", path,
                            name);
    space = H5Dget_space(set);
    type = H5Dget_type(set);
    rank = H5Sget_simple_extent_ndims(space);
    if (rank < 1 || rank > AC_MAX_RANK || H5Tis_variable_str(type) > 0 ||
        H5Tdetect_class(type, H5T_VLEN) > 0 || H5Tget_size(type) == 0)
        goto out; /* nothing of ours */
    H5Sget_simple_extent_dims(space, dims, NULL);
    row = (int64_t) H5Tget_size(type);
    for (int i = rank - 1; i >= 0; i--) {
        const int64_t most = (int64_t) 1
                             << 48; /* an extent is a claim: its chunks need not be there */
        if (dims[i] > (hsize_t) most || __builtin_mul_overflow(row, (int64_t) dims[i], &all) ||
            all > most)
            AC_FAIL(AC_E_FORMAT, "%s: dataset %s claims to be larger than any memory: damaged",
                    path, name);
        row = i > 0 ? all : row;
    }
    if (dims[0] == 0 || row == 0)
        goto out;
    AC_TRY(ac_alloc(&block, row > BLOCK_BYTES ? row : BLOCK_BYTES, 1));
    if (!read_rows(set, space, type, block, rank, dims,
                   row > BLOCK_BYTES ? 1 : (hsize_t) (BLOCK_BYTES / row)))
        st = ac_error_set(AC_E_FORMAT, "%s: dataset %s cannot be read to its end: damaged",
                          path, name);
out:
    free(block);
    if (type >= 0)
        H5Tclose(type);
    if (space >= 0)
        H5Sclose(space);
    H5Dclose(set);
    return st;
}

static herr_t
visit(hid_t file, const char *name, const H5L_info_t *info, void *context)
{
    checker *self = context;
    H5O_info_t object;

    (void) info;
    if (H5Oget_info_by_name1(file, name, &object, H5P_DEFAULT) < 0) {
        self->st = ac_error_set(AC_E_FORMAT, "%s: object %s cannot be opened: damaged",
                                self->path, name);
        return 1;
    }
    if (object.type != H5O_TYPE_DATASET)
        return 0;
    self->st = check_dataset(self->path, file, name);
    self->datasets++;
    return self->st != AC_OK;
}

ac_status
ac_h5_check(const char *path, int64_t *datasets)
{
    ac_h5_reader file = { 0 };
    checker self = { .path = path };
    ac_status st = ac_h5_open(&file, path);

    *datasets = 0;
    if (st != AC_OK)
        return st;
    if (H5Literate(file.file, H5_INDEX_NAME, H5_ITER_INC, NULL, visit, &self) < 0 &&
        self.st == AC_OK)
        self.st = ac_error_set(AC_E_FORMAT, "%s: its datasets cannot be listed: damaged", path);
    ac_h5_close(&file);
    *datasets = self.datasets;
    return self.st;
}
