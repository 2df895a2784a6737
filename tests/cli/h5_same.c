/* h5_same A B: the same datasets with the same values, however they are stored. For
 * cli/update.sh. */
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/hdf5/h5_zstd.h"

typedef struct names {
    hid_t other;
    int count, different;
} names;

/* All bytes of a dataset, in its own type; free with free(). */
static unsigned char *
read_all(hid_t set, size_t *bytes)
{
    const hid_t space = H5Dget_space(set), type = H5Dget_type(set);
    const hid_t native = H5Tget_native_type(type, H5T_DIR_DEFAULT);
    unsigned char *data;

    *bytes = (size_t) H5Sget_simple_extent_npoints(space) * H5Tget_size(native);
    data = malloc(*bytes + 1);
    if (!data || H5Dread(set, native, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        abort();
    H5Tclose(native);
    H5Tclose(type);
    H5Sclose(space);
    return data;
}

static int
same_shape(hid_t a, hid_t b)
{
    const hid_t x = H5Dget_space(a), y = H5Dget_space(b);
    const int same = H5Sextent_equal(x, y) > 0;

    H5Sclose(x);
    H5Sclose(y);
    return same;
}

static herr_t
compare(hid_t group, const char *name, const H5L_info_t *info, void *context)
{
    names *self = context;
    const hid_t a = H5Dopen2(group, name, H5P_DEFAULT),
                b = H5Dopen2(self->other, name, H5P_DEFAULT);
    size_t m, n;
    unsigned char *x, *y;

    (void) info;
    self->count++;
    if (a < 0 || b < 0 || !same_shape(a, b)) {
        printf("%s: not there, or of another shape\n", name);
        self->different++;
        return 0;
    }
    x = read_all(a, &m);
    y = read_all(b, &n);
    if (m != n || memcmp(x, y, m) != 0) {
        printf("%s: other values\n", name);
        self->different++;
    }
    free(x);
    free(y);
    H5Dclose(a);
    H5Dclose(b);
    return 0;
}

static herr_t
count_one(hid_t group, const char *name, const H5L_info_t *info, void *context)
{
    (void) group;
    (void) name;
    (void) info;
    ++*(int *) context;
    return 0;
}

int
main(int argc, char **argv)
{
    names found = { 0 };
    int others = 0;
    hid_t a;

    if (argc != 3)
        return 2;
    setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1);
    if (ac_h5_zstd_register() != AC_OK)
        return 2;
    a = H5Fopen(argv[1], H5F_ACC_RDONLY, H5P_DEFAULT);
    found.other = H5Fopen(argv[2], H5F_ACC_RDONLY, H5P_DEFAULT);
    if (a < 0 || found.other < 0)
        return 2;
    if (H5Literate(a, H5_INDEX_NAME, H5_ITER_INC, NULL, compare, &found) < 0 ||
        H5Literate(found.other, H5_INDEX_NAME, H5_ITER_INC, NULL, count_one, &others) < 0)
        return 2;
    if (found.count != others || found.count == 0) {
        printf("%d datasets and %d\n", found.count, others);
        return 1;
    }
    return found.different ? 1 : 0;
}
