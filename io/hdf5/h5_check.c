#include "io/hdf5/h5_check.h"

#include <hdf5.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "io/file/file_look.h"
#include "io/file/path.h"

enum { BLOCK_BYTES = 8 << 20 };

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

/* ---- sources of virtual datasets ---- */

/* The file that `name` means for the virtual file at `path`: beside it, or beside what a link
 * points to. HDF5 would look in the current folder too, where another run's may lie. */
static ac_status
source_path(char **out, const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    char *real = NULL;
    ac_status st = AC_OK;

    *out = NULL;
    if (strcmp(name, ".") == 0)
        return ac_duplicate(out, path, strlen(path));
    if (name[0] == '/')
        return ac_duplicate(out, name, strlen(name));
    AC_TRY(ac_path_format(out, "%.*s%s", slash ? (int) (slash - path) + 1 : 0, path, name));
    if (ac_file_is_there(*out) || !(real = realpath(path, NULL)) || !ac_file_is_there(real))
        goto out;
    free(*out);
    *out = NULL;
    st = ac_path_format(out, "%.*s%s", (int) (strrchr(real, '/') - real) + 1, real, name);
out:
    free(real);
    return st;
}

/* Does the source's dataset hold as much as is shown of it? */
static bool
covers(const ac_h5_reader *source, const char *dataset, hid_t shown)
{
    const hid_t set = H5Dopen2(source->file, dataset, H5P_DEFAULT);
    const hid_t space = set >= 0 ? H5Dget_space(set) : -1;
    const bool good = space >= 0 && shown >= 0 &&
                      H5Sget_simple_extent_npoints(space) >= H5Sget_select_npoints(shown);

    if (space >= 0)
        H5Sclose(space);
    if (set >= 0)
        H5Dclose(set);
    return good;
}

static ac_status
check_source(const char *path, const char *name, hid_t properties, size_t i)
{
    ac_status st = AC_OK;
    char file[PATH_MAX], dataset[256], *source_file = NULL;
    ac_h5_reader source = { 0 };
    hid_t shown = H5I_INVALID_HID;

    if (H5Pget_virtual_filename(properties, i, file, sizeof file) < 0 ||
        H5Pget_virtual_dsetname(properties, i, dataset, sizeof dataset) < 0)
        AC_FAIL(AC_E_FORMAT, "%s: dataset %s does not say what it shows: damaged", path, name);
    shown = H5Pget_virtual_vspace(properties, i);
    AC_TRY(source_path(&source_file, path, file));
    if (!ac_file_is_there(source_file))
        AC_FAIL(
            AC_E_FORMAT,
            "%s: dataset %s shows what is in %s, which is not there, so it reads as zeros: "
            "this file belongs in its run's folder (antarctic export RUN --format h5 writes "
            "one that may be moved)",
            path, name, source_file);
    AC_TRY(ac_h5_open(&source, source_file));
    if (!covers(&source, dataset, shown))
        st = ac_error_set(AC_E_FORMAT,
                          "%s: dataset %s shows more of %s than is in %s: not the file that "
                          "it was made from",
                          path, name, dataset, source_file);
out:
    if (shown >= 0)
        H5Sclose(shown);
    ac_h5_close(&source);
    free(source_file);
    return st;
}

/* Files that are open beside the sources: streams, the file itself, MPI's. */
enum { OTHER_FILES = 32 };

/* Counted up to `most` + 1. Sources come in the order of rows: of an updated run, back and
 * forth among few files. */
static int64_t
count_distinct(const ac_texts *names, int64_t most)
{
    int64_t count = 0;

    for (int64_t i = 0; i < names->count && count <= most; i++) {
        bool seen = false;
        for (int64_t k = i - 1; k >= 0 && !seen; k--)
            seen = ac_texts_size(names, k) == ac_texts_size(names, i) &&
                   memcmp(ac_texts_at(names, k), ac_texts_at(names, i),
                          ac_texts_size(names, i)) == 0;
        count += !seen;
    }
    return count;
}

/* HDF5 keeps each source of a virtual dataset open while the file is, and shows zeros for those
 * that it cannot open: are so many files allowed? */
static ac_status
check_open_files(const char *path, const char *name, hid_t properties, size_t count)
{
    struct rlimit files;
    ac_texts names = { 0 };
    int64_t most;
    ac_status st = AC_OK;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || count + OTHER_FILES <= files.rlim_cur)
        goto out;
    for (size_t i = 0; i < count; i++) {
        char file[PATH_MAX];
        if (H5Pget_virtual_filename(properties, i, file, sizeof file) >= 0)
            AC_TRY(ac_texts_push(&names, file, strlen(file)));
    }
    most = (int64_t) files.rlim_cur - OTHER_FILES;
    if (count_distinct(&names, most) > most)
        st = ac_error_set(
            AC_E_LIMIT,
            "%s: dataset %s shows what is in up to %zu files, all of which HDF5 keeps "
            "open, and this process may have %llu open files (ulimit -n): what "
            "cannot be opened would read as zeros; raise the limit, or read a "
            "file of antarctic export RUN --format h5, which needs no other",
            path, name, count, (unsigned long long) files.rlim_cur);
out:
    ac_texts_free(&names);
    return st;
}

static ac_status
check_sources_of(const char *path, hid_t file, const char *name)
{
    const hid_t set = H5Dopen2(file, name, H5P_DEFAULT);
    const hid_t properties = set >= 0 ? H5Dget_create_plist(set) : -1;
    size_t count = 0;
    ac_status st = AC_OK;

    if (properties >= 0 && H5Pget_layout(properties) == H5D_VIRTUAL)
        H5Pget_virtual_count(properties, &count);
    if (count)
        st = check_open_files(path, name, properties, count);
    for (size_t i = 0; i < count && st == AC_OK; i++)
        st = check_source(path, name, properties, i);
    if (properties >= 0)
        H5Pclose(properties);
    if (set >= 0)
        H5Dclose(set);
    return st;
}

ac_status
ac_h5_check_sources(const ac_h5_reader *file)
{
    ac_status st = AC_OK;

    for (int64_t i = 0; i < file->names.count && st == AC_OK; i++)
        st = check_sources_of(file->path, (hid_t) file->file, ac_texts_at(&file->names, i));
    return st;
}

/* ---- all of a file ---- */

ac_status
ac_h5_check(const char *path, int64_t *datasets)
{
    ac_h5_reader file = { 0 };
    ac_status st = AC_OK;

    *datasets = 0;
    AC_TRY(ac_h5_open_joined(&file, path));
    AC_TRY(ac_h5_check_sources(&file)); /* what is not there would be read as zeros */
    for (int64_t i = 0; i < file.names.count; i++, ++*datasets)
        AC_TRY(check_dataset(path, (hid_t) file.file, ac_texts_at(&file.names, i)));
out:
    ac_h5_close(&file);
    return st;
}
