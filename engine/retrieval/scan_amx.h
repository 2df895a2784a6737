/**
 * The int8 scan of many queries on CPUs with AMX: 32 queries against 32 entries at a time. A
 * group of the int8 index, [D / 4][16][4], is what the instruction wants of its second operand,
 * as it lies. The integers are those of the VNNI kernels. Private to engine/retrieval.
 */
#ifndef AC_ENGINE_RETRIEVAL_SCAN_AMX_H
#define AC_ENGINE_RETRIEVAL_SCAN_AMX_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/retrieval/scan.h"

enum { AC_AMX_ROWS = 32, AC_AMX_COLUMNS = 32, AC_AMX_STEP = 64 };

/** Has the kernel set in use AMX, and does it take this index? */
bool ac_amx_fits(const ac_scan_kernel *kernel, int64_t n, int64_t D);

/** Bytes of the panels of so many queries. */
static inline int64_t
ac_amx_panels_bytes(int64_t rows, int64_t D)
{
    return (rows + AC_AMX_ROWS - 1) / AC_AMX_ROWS * AC_AMX_ROWS * D;
}

/** panels [rows / 32][D / 64][32][64]: the fine integers of `rows` queries, within [-127, 127];
 * the last panel is padded with zeros. */
void ac_amx_panels(int8_t *panels, const ac_scan_query *queries, int64_t rows, int64_t D);

/** Queries that meet entries, and who takes what remains. Views. */
typedef struct ac_amx_scan {
    const ac_topk_index *index;
    const ac_scan_query *queries; /* [rows] */
    const int8_t *panels;
    const float *limits; /* [rows]; `take` may raise them */
    int64_t rows;
    void *context;
    /** Bit j of mask: entry first + j may reach limits[r] with query r; sums[j]: the dot
     * product of their integers. Entries past the index's end may be among them. */
    void (*take)(void *context, int64_t r, int64_t first, uint32_t mask, const int32_t *sums);
} ac_amx_scan;

/** All queries against groups [from, to) of the index, on this thread. out [32, 32]: scratch.
 */
void ac_amx_scan_groups(const ac_amx_scan *self, int64_t from, int64_t to, int32_t *out);

#endif
