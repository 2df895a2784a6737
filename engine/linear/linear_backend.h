/** What a backend of linear layers provides. Private to engine/linear. */
#ifndef AC_LINEAR_LINEAR_BACKEND_H
#define AC_LINEAR_LINEAR_BACKEND_H

#include "engine/kernels/product.h"
#include "engine/linear/linear.h"

/* Weights are packed a strip of columns at a time; a tile never crosses a strip. */
enum { AC_LINEAR_STRIP = 512 };

/** A tile of a layer: rows of x times a block of columns. Called by one thread, no nested
 * parallelism. */
typedef struct ac_linear_tile {
    float *y;       /* its first element; rows `out` apart */
    const float *x; /* its first row; rows `in` apart */
    int64_t rows, column, columns;
    ac_activation activation;
    const float *residual; /* as y, or NULL */
    const float *next_x;   /* what the thread probably multiplies next: */
    int64_t next_rows;     /* for prefetching */
    bool again;            /* the same rows, and the same scratch, as in the tile before */
} ac_linear_tile;

typedef struct ac_linear_backend {
    /** Bytes of the packed weights, without the bias. */
    size_t (*weight_bytes)(ac_precision precision, int64_t out, int64_t in);
    /** AC_E_ARG where this CPU or backend lacks the precision. Sets self->plan if the backend
     * has one. */
    ac_status (*init)(ac_linear *self);
    void (*free)(ac_linear *self); /* may be NULL */
    /** Pack a strip: weight [columns, in] are rows [column, column + columns) of the layer's.
     * Several threads, one strip each. */
    void (*pack)(const ac_linear *self, void *packed, const float *weight, int64_t column,
                 int64_t columns);
    /** The size of tiles for M rows. May depend on `threads` only where the bits do not. A
     * backend that packs strips takes a *columns that divides AC_LINEAR_STRIP. */
    void (*tiling)(const ac_linear *self, int64_t M, int threads, int64_t *rows,
                   int64_t *columns);
    /** Scratch of one thread; NULL: none. */
    size_t (*tile_scratch_bytes)(const ac_linear *self);
    void (*tile)(const ac_linear *self, const ac_linear_tile *tile, void *scratch);
    bool finishes; /* tile calls ac_linear_finish_row for each row; else the product alone */
    /** After packing: AC_E_FORMAT naming a weight that cannot be packed. NULL: all can. */
    ac_status (*check)(const ac_linear *self, const ac_tensor *const *weights, int parts);
    /** The whole of ac_linear_forward, in place of tiling and tile, and its scratch; NULL: tile
     * by tile. */
    size_t (*forward_scratch_bytes)(const ac_linear *self, int64_t M);
    void (*forward)(const ac_linear *self, float *y, const float *x, const ac_linear_norm *norm,
                    float *normed, int64_t M, ac_activation activation, const float *residual,
                    ac_scratch *scratch);
    /** The whole of ac_linear_forward_pair, and its scratch; NULL: layer by layer. */
    size_t (*pair_scratch_bytes)(const ac_linear *first, const ac_linear *second, int64_t M);
    void (*forward_pair)(const ac_linear *first, const ac_linear *second, float *y,
                         const float *x, const ac_linear_norm *norm, float *normed, int64_t M,
                         ac_activation activation, const float *residual, ac_scratch *scratch);
} ac_linear_backend;

extern const ac_linear_backend ac_linear_native, ac_linear_int8, ac_linear_openblas;

/** Bias, activation and residual of row r of a tile. */
void ac_linear_finish_row(const ac_linear *self, const ac_linear_tile *tile, int64_t r);

/** native's tile with weights of `each` bytes, which `kernel` multiplies. */
void ac_linear_native_tile(const ac_linear *self, const ac_linear_tile *tile, void *scratch,
                           ac_product_kernel kernel, size_t each);

/** The stacked parts' biases, zeros where there are none. */
void ac_linear_read_biases(float *bias, const ac_tensor *const *weights,
                           const ac_tensor *const *biases, int parts);

#ifdef AC_HAVE_DNNL
extern const ac_linear_backend ac_linear_dnnl;
#endif

#endif
