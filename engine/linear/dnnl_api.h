/**
 * oneDNN's C API as version 3 has it, also over version 2: there a layout was a struct, and a
 * product was described before it was made. Private to engine/linear.
 */
#ifndef AC_LINEAR_DNNL_API_H
#define AC_LINEAR_DNNL_API_H

#include <oneapi/dnnl/dnnl.h>

#if DNNL_VERSION_MAJOR >= 3

typedef dnnl_memory_desc_t ac_dnnl_layout;            /* owned; NULL: none */
typedef const_dnnl_memory_desc_t ac_dnnl_layout_view; /* another's */

#else

#include <stdlib.h>

typedef dnnl_memory_desc_t *ac_dnnl_layout;
typedef const dnnl_memory_desc_t *ac_dnnl_layout_view;

static inline dnnl_status_t
dnnl_memory_desc_create_with_tag(ac_dnnl_layout *out, int n, const dnnl_dims_t dims,
                                 dnnl_data_type_t type, dnnl_format_tag_t tag)
{
    *out = (ac_dnnl_layout) calloc(1, sizeof **out);
    return *out ? dnnl_memory_desc_init_by_tag(*out, n, dims, type, tag) : dnnl_out_of_memory;
}

static inline dnnl_status_t
dnnl_memory_desc_create_with_strides(ac_dnnl_layout *out, int n, const dnnl_dims_t dims,
                                     dnnl_data_type_t type, const dnnl_dims_t strides)
{
    *out = (ac_dnnl_layout) calloc(1, sizeof **out);
    return *out ? dnnl_memory_desc_init_by_strides(*out, n, dims, type, strides)
                : dnnl_out_of_memory;
}

static inline dnnl_status_t
dnnl_memory_desc_clone(ac_dnnl_layout *out, ac_dnnl_layout_view from)
{
    *out = (ac_dnnl_layout) calloc(1, sizeof **out);
    if (!*out)
        return dnnl_out_of_memory;
    **out = *from;
    return dnnl_success;
}

static inline dnnl_status_t
dnnl_memory_desc_destroy(ac_dnnl_layout layout)
{
    free(layout);
    return dnnl_success;
}

static inline dnnl_status_t
dnnl_matmul_primitive_desc_create(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                  ac_dnnl_layout_view source, ac_dnnl_layout_view weights,
                                  ac_dnnl_layout_view bias, ac_dnnl_layout_view result,
                                  const_dnnl_primitive_attr_t attributes)
{
    dnnl_matmul_desc_t product;
    const dnnl_status_t st = dnnl_matmul_desc_init(&product, source, weights, bias, result);

    return st == dnnl_success
               ? dnnl_primitive_desc_create(out, &product, attributes, engine, NULL)
               : st;
}

#endif

#endif
