/** What an HDF5 file holds, for those who do not know it beforehand. */
#ifndef AC_IO_HDF5_H5_LIST_H
#define AC_IO_HDF5_H5_LIST_H

#include "io/hdf5/h5.h"

/** A dataset or attribute at the file's root. */
typedef struct ac_h5_item {
    const char *name;
    bool is_attribute;
    char type[16]; /* "F32", "I64", "U8" …, "text", "other" */
    int rank;
    int64_t shape[AC_MAX_RANK];
} ac_h5_item;

/** Called for each, attributes first, in the order of their names. Returning anything but AC_OK
 * ends the listing with it. */
typedef ac_status (*ac_h5_visit)(void *context, const ac_h5_item *item);

AC_MUST_CHECK ac_status ac_h5_list(const ac_h5_reader *self, ac_h5_visit visit, void *context);

#endif
