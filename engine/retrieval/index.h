/**
 * The index of an exact search: a slice of a cache, and its entries rounded for the scan. Which
 * scan is the fastest is chosen by ac_topk_index_init (topk.h).
 */
#ifndef AC_ENGINE_RETRIEVAL_INDEX_H
#define AC_ENGINE_RETRIEVAL_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/status.h"

/** What the scan reads: entries rounded to int8 (a quarter of the bytes), to bfloat16 (half),
 * as they are, or rounded to int8 of which the upper 6 bits are read first. */
typedef enum ac_scan {
    AC_SCAN_AUTO = 0,
    AC_SCAN_INT8,
    AC_SCAN_BF16,
    AC_SCAN_FP32,
    AC_SCAN_INT6
} ac_scan;

enum { AC_TOPK_MAX_DIMENSION = 65536 };

/** A slice of a cache: entries [first, first + n). Borrows the embeddings: the exact step reads
 * them. Starts zeroed. */
typedef struct ac_topk_index {
    const float *embeddings; /* [n, D] */
    int64_t n, D, first;
    const struct ac_scan_kernel *kernel;
    size_t bytes;        /* of memory that the index itself holds, beside the embeddings */
    size_t packed_bytes; /* those of them that a scan reads: the packed entries */
    /* owned */
    float *centre; /* [D]; taken off the entries before they are rounded */
    double centre_norm;
    unsigned char *packed;               /* [groups] groups of 16 entries */
    float *scales, *errors, *norms;      /* [groups * 16] */
    float *coarse_errors, *coarse_norms; /* [groups * 16], or NULL */
    unsigned char *low;                  /* [groups * 16, low_bytes]: of int6, else NULL */
    int64_t low_bytes;
    int32_t *sums; /* [groups * 16] */
} ac_topk_index;

/** Every number finite? @param[out] bad_row  the first row with one that is not */
bool ac_embeddings_check(const float *x, int64_t n, int64_t D, int64_t *bad_row);

/**
 * With this kernel (scan.h) and no other. Shapes: embeddings [n, D], finite, borrowed until
 * ac_topk_index_free. Local; runs on OpenMP's threads.
 * @return AC_E_LIMIT where D is beyond AC_TOPK_MAX_DIMENSION
 */
AC_MUST_CHECK ac_status ac_topk_index_init_kernel(ac_topk_index *self, const float *embeddings,
                                                  int64_t n, int64_t D, int64_t first,
                                                  const struct ac_scan_kernel *kernel);
void ac_topk_index_free(ac_topk_index *self);

/** "int8 avx2": which scan runs on which instructions. */
const char *ac_topk_index_scan(const ac_topk_index *self);

/** "auto", "int8", "bf16", "fp32", "int6" -> the scan; false where it is none of them. */
bool ac_scan_from_name(const char *name, ac_scan *out);

#endif
