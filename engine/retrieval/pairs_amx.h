/**
 * Integer dot products on CPUs with AMX: 32 queries against 32 entries at a time. A group of
 * the int8 index, [D / 4][16][4], is what the instruction wants of its second operand, as it
 * lies. Private to engine/retrieval.
 */
#ifndef AC_ENGINE_RETRIEVAL_PAIRS_AMX_H
#define AC_ENGINE_RETRIEVAL_PAIRS_AMX_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/retrieval/scan.h"

enum { AC_AMX_ROWS = 32, AC_AMX_STEP = 64 };

/** Has the kernel set in use AMX, and does it take vectors of width D? */
bool ac_amx_fits(int64_t D);

/** Bytes of a panel of 32 queries. */
static inline int64_t
ac_amx_panel_bytes(int64_t D)
{
    return AC_AMX_ROWS * D;
}

/** panel [D / 64][32][64]: the fine integers of `rows` <= 32 queries, within [-127, 127]; the
 * others become zeros. */
void ac_amx_panel(int8_t *panel, const ac_scan_query *queries, int rows, int64_t D);

/** A thread's tiles: before and after its calls of ac_amx_tile. */
void ac_amx_begin(void);
void ac_amx_end(void);

/** out [32, 32]: of a panel and the groups a and b. */
void ac_amx_tile(int32_t *out, const int8_t *panel, const void *a, const void *b, int64_t D);

/** masks [32]: bit j: entry j of the two groups may reach limits[r] with query r. facts: of
 * group a; group b follows. */
void ac_amx_select(uint32_t *masks, const int32_t *out, const ac_scan_facts *facts,
                   const ac_scan_query *queries, const float *limits, int rows);

#endif
