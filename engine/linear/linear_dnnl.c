/* oneDNN (C API, versions 2 and 3): a matmul primitive for each of a few numbers of rows, over
 * weights in the layout it prefers.
 *
 * The caller's memory throughout: packed weights, and scratch for what a primitive needs
 * besides. Primitives are made when the layer is, for one thread, and run inside our OpenMP
 * loop, where Debian's OpenMP build of oneDNN opens no parallel region of its own; with
 * scratchpads of the caller's, threads may share a primitive. Rows are multiplied in groups of
 * the sizes in GROUPS, the last few padded with zero rows to the smallest group, because the
 * kernels treat rows left over differently. Results never lie contiguously, because oneDNN then
 * takes kernels whose sums depend on the number of rows (both measured in docs/adr/0201). */
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/linear/dnnl_api.h"
#include "engine/linear/linear_backend.h"

enum { SIZES = 5, LEAST = 6, MOST = 96, STRIP = AC_LINEAR_STRIP, GAP = 16 };

static const int64_t GROUPS[SIZES] = { MOST, 48, 24, 12, LEAST };

/* A strip of `columns`: all but the last strip of a layer are alike. */
typedef struct strip_plan {
    int64_t columns; /* 0: the layer has no such strip */
    ac_dnnl_layout weights, source[SIZES], result[SIZES];
    ac_dnnl_layout_view scratchpad[SIZES]; /* inside products_desc */
    dnnl_primitive_desc_t products_desc[SIZES];
    dnnl_primitive_t products[SIZES]; /* NULL: oneDNN has no fast one of this size for the
                                         layout of the weights */
    dnnl_primitive_t reorder;
    ac_dnnl_layout plain; /* [columns, in] floats, as the reorder reads them */
} strip_plan;

typedef struct plan {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    strip_plan strips[2]; /* full, last */
    size_t strip_bytes, scratchpad_bytes;
} plan;

#define DNNL_TRY(call)                                                                     \
    do {                                                                                   \
        dnnl_status_t dnnl_status = (call);                                                \
        if (dnnl_status != dnnl_success) {                                                 \
            st = ac_error_set(dnnl_status == dnnl_out_of_memory ? AC_E_NOMEM : AC_E_ARG,   \
                              "oneDNN refused a product of this shape and precision (%s, " \
                              "status %d); set compute.backend: native",                   \
                              #call, (int) dnnl_status);                                   \
            goto out;                                                                      \
        }                                                                                  \
    } while (0)

static dnnl_data_type_t
data_type(ac_precision precision)
{
    return precision == AC_PRECISION_BF16 ? dnnl_bf16 : dnnl_f32;
}

/* Do the rows of this group go through a buffer? Padded ones do, those of a layer of one strip,
 * whose rows lie without a gap, and those of a single column (see buffer_row). */
static bool
is_buffered(int group, int64_t columns, int64_t out)
{
    return GROUPS[group] == LEAST || columns == out || columns == 1;
}

/* Distance of rows of a buffered result. oneDNN 3.7 passes over the distance of rows of one
 * column, whose sums there do not depend on the number of rows either; 2.6 and 3.1 heed it, and
 * their sums depend on the number of rows without it. Of the versions between, 3.2 was tried.
 */
static int64_t
buffer_row(int64_t columns)
{
    const bool heeded =
        DNNL_VERSION_MAJOR < 3 || (DNNL_VERSION_MAJOR == 3 && DNNL_VERSION_MINOR < 3);

    return columns == 1 && !heeded ? 1 : columns + GAP;
}

/* The product of `rows` rows by the strip. `weights` with format any: oneDNN chooses. ldy:
 * distance of rows of the result. source, result: the caller's to destroy, after a failure too.
 */
static ac_status
describe(dnnl_primitive_desc_t *out, ac_dnnl_layout *source, ac_dnnl_layout *result,
         ac_dnnl_layout_view weights, dnnl_engine_t engine, ac_precision precision,
         int64_t rows, int64_t columns, int64_t in, int64_t ldy)
{
    dnnl_primitive_attr_t attributes = NULL;
    ac_status st = AC_OK;

    DNNL_TRY(dnnl_memory_desc_create_with_tag(source, 2, (dnnl_dims_t){ rows, in },
                                              data_type(precision), dnnl_ab));
    DNNL_TRY(dnnl_memory_desc_create_with_strides(result, 2, (dnnl_dims_t){ rows, columns },
                                                  dnnl_f32, (dnnl_dims_t){ ldy, 1 }));
    DNNL_TRY(dnnl_primitive_attr_create(&attributes));
    DNNL_TRY(dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user));
    DNNL_TRY(dnnl_matmul_primitive_desc_create(out, engine, *source, weights, NULL, *result,
                                               attributes));
out:
    dnnl_primitive_attr_destroy(attributes);
    return st;
}

/* The layout oneDNN prefers for a strip's weights; the caller's to destroy. */
static ac_status
choose_layout(ac_dnnl_layout *weights, dnnl_engine_t engine, ac_precision precision,
              int64_t columns, int64_t in, int64_t out_columns)
{
    ac_dnnl_layout any = NULL, source = NULL, result = NULL;
    dnnl_primitive_desc_t product = NULL;
    ac_status st = AC_OK;

    DNNL_TRY(dnnl_memory_desc_create_with_tag(&any, 2, (dnnl_dims_t){ in, columns },
                                              data_type(precision), dnnl_format_tag_any));
    AC_TRY(describe(&product, &source, &result, any, engine, precision, MOST, columns, in,
                    is_buffered(0, columns, out_columns) ? buffer_row(columns) : out_columns));
    DNNL_TRY(dnnl_memory_desc_clone(
        weights, dnnl_primitive_desc_query_md(product, dnnl_query_weights_md, 0)));
out:
    dnnl_memory_desc_destroy(any);
    dnnl_memory_desc_destroy(source);
    dnnl_memory_desc_destroy(result);
    dnnl_primitive_desc_destroy(product);
    return st;
}

static size_t
strip_bytes(ac_precision precision, int64_t out, int64_t in)
{
    const int64_t columns = out < STRIP ? out : STRIP;
    const int threads = omp_get_max_threads();
    ac_dnnl_layout weights = NULL;
    dnnl_engine_t engine = NULL;
    size_t n = (size_t) (columns * in) * sizeof(float); /* where oneDNN refuses, init says so */

    omp_set_num_threads(1); /* blocking must not depend on the number of threads */
    if (dnnl_engine_create(&engine, dnnl_cpu, 0) == dnnl_success &&
        choose_layout(&weights, engine, precision, columns, in, out) == AC_OK)
        n = dnnl_memory_desc_get_size(weights);
    omp_set_num_threads(threads);
    dnnl_memory_desc_destroy(weights);
    dnnl_engine_destroy(engine);
    return ac_scratch_room(n);
}

static size_t
weight_bytes(ac_precision precision, int64_t out, int64_t in)
{
    const int64_t last = out % STRIP;

    return (size_t) (out / STRIP) * strip_bytes(precision, out < STRIP ? out : STRIP, in) +
           (last ? strip_bytes(precision, last, in) : 0);
}

static bool
is_fast(dnnl_primitive_desc_t product)
{
    const char *name = NULL;

    return dnnl_primitive_desc_query(product, dnnl_query_impl_info_str, 0, &name) ==
               dnnl_success &&
           name && strncmp(name, "ref", 3) != 0;
}

static ac_status
init_strip(strip_plan *self, plan *p, const ac_linear *layer, int64_t columns)
{
    const ac_precision precision = layer->compute.precision;
    const int64_t in = layer->in;
    dnnl_primitive_desc_t reorder = NULL;
    ac_status st = AC_OK;

    self->columns = columns;
    AC_TRY(choose_layout(&self->weights, p->engine, precision, columns, in, layer->out));
    for (int i = 0; i < SIZES; i++) {
        const int64_t ldy =
            is_buffered(i, columns, layer->out) ? buffer_row(columns) : layer->out;
        dnnl_primitive_desc_t *product = &self->products_desc[i];
        size_t scratchpad;
        AC_TRY(describe(product, &self->source[i], &self->result[i], self->weights, p->engine,
                        precision, GROUPS[i], columns, in, ldy));
        if (GROUPS[i] != LEAST && !is_fast(*product))
            continue;
        DNNL_TRY(dnnl_primitive_create(&self->products[i], *product));
        self->scratchpad[i] =
            dnnl_primitive_desc_query_md(*product, dnnl_query_scratchpad_md, 0);
        scratchpad = self->scratchpad[i] ? dnnl_memory_desc_get_size(self->scratchpad[i]) : 0;
        p->scratchpad_bytes =
            scratchpad > p->scratchpad_bytes ? scratchpad : p->scratchpad_bytes;
    }
    DNNL_TRY(dnnl_memory_desc_create_with_strides(&self->plain, 2, (dnnl_dims_t){ in, columns },
                                                  dnnl_f32, (dnnl_dims_t){ 1, in }));
    DNNL_TRY(dnnl_reorder_primitive_desc_create(&reorder, self->plain, p->engine, self->weights,
                                                p->engine, NULL));
    DNNL_TRY(dnnl_primitive_create(&self->reorder, reorder));
out:
    dnnl_primitive_desc_destroy(reorder);
    return st;
}

static void
free_strip(strip_plan *self)
{
    for (int i = 0; i < SIZES; i++) {
        dnnl_primitive_destroy(self->products[i]);
        dnnl_primitive_desc_destroy(self->products_desc[i]);
        dnnl_memory_desc_destroy(self->source[i]);
        dnnl_memory_desc_destroy(self->result[i]);
    }
    dnnl_primitive_destroy(self->reorder);
    dnnl_memory_desc_destroy(self->weights);
    dnnl_memory_desc_destroy(self->plain);
}

static void
free_plan(ac_linear *layer)
{
    plan *p = layer->plan;

    if (!p)
        return;
    for (int s = 0; s < 2; s++)
        free_strip(&p->strips[s]);
    dnnl_stream_destroy(p->stream);
    dnnl_engine_destroy(p->engine);
    free(p);
    layer->plan = NULL;
}

static ac_status
init(ac_linear *layer)
{
    const int threads = omp_get_max_threads();
    const int64_t last = layer->out % STRIP;
    plan *p = NULL;
    ac_status st = AC_OK;

    if (layer->compute.precision == AC_PRECISION_INT8)
        return ac_error_set(AC_E_ARG, "compute.precision: int8 is not one of compute.backend: "
                                      "onednn; use native or auto");
    if (layer->compute.precision == AC_PRECISION_BF16 &&
        dnnl_get_effective_cpu_isa() < dnnl_cpu_isa_avx512_core)
        return ac_error_set(AC_E_ARG, "compute.precision: bf16 with compute.backend: onednn "
                                      "needs a CPU with AVX-512; use native or auto");
    AC_TRY(ac_alloc(&p, 1, sizeof *p));
    layer->plan = p;
    omp_set_num_threads(1); /* blocking must not depend on the number of threads */
    DNNL_TRY(dnnl_engine_create(&p->engine, dnnl_cpu, 0));
    DNNL_TRY(dnnl_stream_create(&p->stream, p->engine, dnnl_stream_default_flags));
    if (layer->out >= STRIP)
        AC_TRY(init_strip(&p->strips[0], p, layer, STRIP));
    if (last)
        AC_TRY(init_strip(&p->strips[1], p, layer, last));
    p->strip_bytes = layer->out >= STRIP
                         ? ac_scratch_room(dnnl_memory_desc_get_size(p->strips[0].weights))
                         : 0;
out:
    omp_set_num_threads(threads);
    return st; /* ac_linear_init frees the plan */
}

static const strip_plan *
strip_at(const plan *p, int64_t columns)
{
    return columns == p->strips[0].columns ? &p->strips[0] : &p->strips[1];
}

/* Run a primitive on these arguments; `argument[i]` names memory of `layout[i]` at `data[i]`.
 */
static void
run(const plan *p, dnnl_primitive_t primitive, int n, const int *argument,
    const ac_dnnl_layout_view *layout, void *const *data)
{
    dnnl_exec_arg_t arguments[4];

    for (int i = 0; i < n; i++) {
        arguments[i].arg = argument[i];
        AC_CHECK(dnnl_memory_create(&arguments[i].memory, layout[i], p->engine, data[i]) ==
                 dnnl_success);
    }
    AC_CHECK(dnnl_primitive_execute(primitive, p->stream, n, arguments) == dnnl_success);
    for (int i = 0; i < n; i++)
        dnnl_memory_destroy(arguments[i].memory);
}

static void *
weights_of(const ac_linear *layer, const void *packed, int64_t column)
{
    const plan *p = layer->plan;

    return (char *) packed + (size_t) (column / STRIP) * p->strip_bytes;
}

static void
pack(const ac_linear *layer, void *packed, const float *weight, int64_t column, int64_t columns)
{
    const strip_plan *s = strip_at(layer->plan, columns);

    run(layer->plan, s->reorder, 2, (const int[]){ DNNL_ARG_FROM, DNNL_ARG_TO },
        (const ac_dnnl_layout_view[]){ s->plain, s->weights },
        (void *const[]){ (void *) weight, weights_of(layer, packed, column) });
}

static void
tiling(const ac_linear *layer, int64_t M, int threads, int64_t *rows, int64_t *columns)
{
    (void) layer;
    (void) M;
    (void) threads;
    *rows = MOST;
    *columns = STRIP;
}

/* The source as the primitive wants it, then a group's buffered result, then the primitive's
 * own scratch. */
static size_t
source_bytes(const ac_linear *layer)
{
    return layer->compute.precision == AC_PRECISION_BF16
               ? ac_scratch_room((size_t) (MOST * layer->in) * sizeof(uint16_t))
               : ac_scratch_room((size_t) (LEAST * layer->in) * sizeof(float));
}

static size_t
result_bytes(void)
{
    return ac_scratch_room(MOST * (STRIP + GAP) * sizeof(float));
}

static size_t
tile_scratch_bytes(const ac_linear *layer)
{
    const plan *p = layer->plan;

    return source_bytes(layer) + result_bytes() + ac_scratch_room(p->scratchpad_bytes);
}

/* Rows of x, and zero rows after them up to `group`, into the buffer. */
static void
copy_rows(const ac_linear *layer, void *buffer, const float *x, int64_t rows, int64_t group)
{
    const int64_t n = rows * layer->in, all = group * layer->in;

    if (layer->compute.precision == AC_PRECISION_FP32) {
        memcpy(buffer, x, (size_t) n * sizeof(float));
        memset((float *) buffer + n, 0, (size_t) (all - n) * sizeof(float));
    } else {
        uint16_t *to = buffer;
        for (int64_t i = 0; i < n; i++)
            to[i] = ac_f32_to_bf16(x[i]);
        memset(to + n, 0, (size_t) (all - n) * sizeof *to);
    }
}

static void
tile(const ac_linear *layer, const ac_linear_tile *t, void *scratch)
{
    const plan *p = layer->plan;
    const strip_plan *s = strip_at(p, t->columns);
    char *buffer = scratch;
    float *result = (float *) (void *) (buffer + source_bytes(layer));
    void *scratchpad = (char *) result + result_bytes();

    for (int64_t r = 0, done; r < t->rows; r += done) {
        const float *x = t->x + r * layer->in;
        float *y = t->y + r * layer->out;
        bool buffered;
        int i = 0;
        while (i < SIZES - 1 && (GROUPS[i] > t->rows - r || !s->products[i]))
            i++;
        done = t->rows - r < GROUPS[i] ? t->rows - r : GROUPS[i];
        buffered = is_buffered(i, t->columns, layer->out);
        if (i == SIZES - 1 || layer->compute.precision == AC_PRECISION_BF16) {
            copy_rows(layer, buffer, x, done, GROUPS[i]);
            x = (const float *) (const void *) buffer;
        }
        run(p, s->products[i], s->scratchpad[i] ? 4 : 3,
            (const int[]){ DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_SCRATCHPAD },
            (const ac_dnnl_layout_view[]){ s->source[i], s->weights, s->result[i],
                                           s->scratchpad[i] },
            (void *const[]){ (void *) x, weights_of(layer, layer->packed, t->column),
                             buffered ? result : y, scratchpad });
        for (int64_t k = 0; k < done && buffered; k++)
            memcpy(y + k * layer->out, result + k * buffer_row(t->columns),
                   (size_t) t->columns * sizeof(float));
    }
}

const ac_linear_backend ac_linear_dnnl = {
    .weight_bytes = weight_bytes,
    .init = init,
    .free = free_plan,
    .pack = pack,
    .tiling = tiling,
    .tile_scratch_bytes = tile_scratch_bytes,
    .tile = tile,
};
