#include <hdf5.h>

#include "engine/base/memory.h"
#include "io/hdf5/h5.h"

/* A list would be read past the room for one. */
static bool
is_one(hid_t attribute)
{
    const hid_t space = H5Aget_space(attribute);
    const bool one = space >= 0 && H5Sget_simple_extent_npoints(space) == 1;

    if (space >= 0)
        H5Sclose(space);
    return one;
}

ac_status
ac_h5_read_int_attribute(const ac_h5_reader *self, const char *name, int64_t *value)
{
    hid_t a = H5Aopen(self->file, name, H5P_DEFAULT);
    bool good = a >= 0 && is_one(a) && H5Aread(a, H5T_NATIVE_INT64, value) >= 0;

    if (a >= 0)
        H5Aclose(a);
    return good ? AC_OK
                : ac_error_set(AC_E_FORMAT, "%s: has no number attribute %s", self->path, name);
}

ac_status
ac_h5_read_text_attribute(const ac_h5_reader *self, const char *name, char **value)
{
    hid_t a = H5Aopen(self->file, name, H5P_DEFAULT), type;
    ac_status st = AC_OK;

    *value = NULL;
    if (a < 0)
        return ac_error_set(AC_E_FORMAT, "%s: has no attribute %s", self->path, name);
    type = H5Aget_type(a);
    if (H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) > 0 || !is_one(a))
        st = ac_error_set(AC_E_FORMAT, "%s: attribute %s is not a text", self->path, name);
    else
        st = ac_alloc(value, (int64_t) H5Tget_size(type) + 1, 1);
    if (st == AC_OK && H5Aread(a, type, *value) < 0)
        st = ac_error_set(AC_E_FORMAT, "%s: attribute %s cannot be read", self->path, name);
    H5Tclose(type);
    H5Aclose(a);
    return st;
}
