#include "io/hdf5/h5_list.h"

#include <hdf5.h>
#include <stdio.h>

typedef struct listing {
    ac_h5_visit visit;
    void *context;
    ac_status status;
} listing;

static void
describe_type(ac_h5_item *item, hid_t type)
{
    const H5T_class_t kind = H5Tget_class(type);
    const size_t bits = 8 * H5Tget_size(type);

    if (kind == H5T_STRING)
        snprintf(item->type, sizeof item->type, "text");
    else if (kind == H5T_FLOAT || kind == H5T_INTEGER)
        snprintf(item->type, sizeof item->type, "%s%zu",
                 kind == H5T_FLOAT                   ? "F"
                 : H5Tget_sign(type) == H5T_SGN_NONE ? "U"
                                                     : "I",
                 bits);
    else
        snprintf(item->type, sizeof item->type, "other");
}

static void
describe_space(ac_h5_item *item, hid_t space)
{
    hsize_t dims[H5S_MAX_RANK];

    item->rank = H5Sget_simple_extent_ndims(space);
    if (item->rank < 0 || item->rank > AC_MAX_RANK ||
        H5Sget_simple_extent_dims(space, dims, NULL) < 0)
        item->rank = 0;
    for (int d = 0; d < item->rank; d++)
        item->shape[d] = (int64_t) dims[d];
}

static herr_t
visit(listing *l, ac_h5_item *item, hid_t type, hid_t space)
{
    describe_type(item, type);
    describe_space(item, space);
    H5Tclose(type);
    H5Sclose(space);
    l->status = l->visit(l->context, item);
    return l->status == AC_OK ? 0 : 1;
}

static herr_t
visit_attribute(hid_t file, const char *name, const H5A_info_t *info, void *context)
{
    ac_h5_item item = { .name = name, .is_attribute = true };
    const hid_t a = H5Aopen(file, name, H5P_DEFAULT);
    herr_t result = 0;

    (void) info;
    if (a >= 0) {
        result = visit(context, &item, H5Aget_type(a), H5Aget_space(a));
        H5Aclose(a);
    }
    return result;
}

static void
visit_dataset(hid_t file, const char *name, listing *l)
{
    ac_h5_item item = { .name = name };
    const hid_t d = H5Dopen2(file, name, H5P_DEFAULT);

    if (d >= 0) {
        visit(l, &item, H5Dget_type(d), H5Dget_space(d));
        H5Dclose(d);
    }
}

ac_status
ac_h5_list(const ac_h5_reader *self, ac_h5_visit visit_item, void *context)
{
    listing l = { visit_item, context, AC_OK };
    hsize_t at = 0;

    if (H5Aiterate2(self->file, H5_INDEX_NAME, H5_ITER_INC, &at, visit_attribute, &l) < 0)
        return ac_error_set(AC_E_FORMAT, "%s: its attributes cannot be read: damaged",
                            self->path);
    for (int64_t i = 0; i < self->names.count && l.status == AC_OK; i++)
        visit_dataset((hid_t) self->file, ac_texts_at(&self->names, i), &l);
    return l.status;
}
