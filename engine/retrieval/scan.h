/**
 * The cheap scan of the exact search: approximate scores of 16 entries against up to 6 queries
 * at a time, with a proven bound of their error. Private to engine/retrieval and its tests. The
 * bound and its proof: docs/adr/0501-exact-search.md.
 *
 * An entry c and a query q stand in the index as approximations c^ (of c minus the index's
 * centre m) and q^:
 *
 *     |score(q, c) - (q.m + scanned)|
 *         <= query.spread * error + query.slack * norm + query.constant
 *
 * with error >= |c - m - c^| and norm >= |c^| stored for each entry, both rounded up.
 *
 * A scan of int8 may have a coarse stage in front, in 7 bits, which is faster and has a wider
 * bound of the same form; groups that it cannot rule out for a query are scanned again at full
 * width.
 *
 * Memory: entries lie in groups of 16. A group is [D / 4][16][4] int8, [D][16] bfloat16, or,
 * for fp32, the caller's own rows. A panel of R queries is [D / 4][R][4] int16 or uint8, or
 * [D][R] fp32, so that one step of a kernel reads both in a row. D is rounded up to a multiple
 * of 4 with zeros (fp32: not rounded). int6 is described in scan_int6.c.
 */
#ifndef AC_ENGINE_RETRIEVAL_SCAN_H
#define AC_ENGINE_RETRIEVAL_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/status.h"
#include "engine/kernels/kernel_set.h"
#include "engine/retrieval/index.h"

enum {
    AC_SCAN_GROUP = 16,         /* entries */
    AC_SCAN_ROWS = 6,           /* queries: 6 rows of 16 columns fill AVX2's registers */
    AC_SCAN_STEP = 4,           /* elements of one entry that lie together in a group of int8 */
    AC_SCAN_COARSE_STEP = 8,    /* elements of one query that lie together in a coarse panel */
    AC_SCAN_INT6_ELEMENTS = 16, /* of one entry, in three lines of a group of int6 */
    AC_SCAN_INT6_HEAD = 64,     /* bytes before a query's integers in a panel of int6 */
    AC_SCAN_LOW_ELEMENTS = 256  /* whose lower 2 bits are one line */
};

/** A query rounded, and what the bound needs to know of them. */
typedef struct ac_scan_rounded {
    int16_t *integers;   /* q^ / scale [D rounded up to 4], borrowed; NULL: fp32 arithmetic */
    float scale;         /* 1 for fp32 arithmetic */
    float spread, slack; /* of the error, as above */
} ac_scan_rounded;

/** One query, ready to be scanned with. */
typedef struct ac_scan_query {
    const float *q; /* [D] */
    double base;    /* q.m */
    double constant;
    ac_scan_rounded fine, coarse;
    int32_t coarse_sum; /* of the coarse integers */
} ac_scan_query;

/** What stands beside each packed entry. Each [entries rounded up to 16]; views.
 */
typedef struct ac_scan_facts {
    float *scales;         /* of the integers; 1 for others */
    float *errors, *norms; /* |c - m - c^| and |c^|, rounded up */
    float *coarse_errors,
        *coarse_norms;  /* the same of elements with fewer bits; NULL without a coarse stage */
    int32_t *sums;      /* of the integers */
    unsigned char *low; /* [, low_bytes]: the lower bits of int6; or NULL */
    int64_t low_bytes;
} ac_scan_facts;

/** The coarse stage: entries in 7 bits, made from the packed 8 when a group is expanded. */
typedef struct ac_scan_coarse {
    int32_t query_max;
    int64_t dimension_max; /* beyond it sums could overflow, and the stage is left out */
    void (*panel)(void *panel, const ac_scan_query *queries, int rows, int64_t D);
    void (*expand)(void *tile, const void *group, int64_t D);
    void (*tile)(int32_t *out, const void *tile, const void *panel, int64_t D,
                 int rows); /* out [rows, 16] */
    /* Bit j of masks [rows]: by the coarse bound, entry j may reach limits[r]. */
    void (*select)(uint32_t *masks, const int32_t *out, const ac_scan_facts *facts,
                   const ac_scan_query *queries, const float *limits, int rows);
    /* The dot product of entry j of a packed group with a query's fine integers. */
    int32_t (*fine_one)(const void *group, const int16_t *q, int64_t D, int j);
} ac_scan_coarse;

/** One implementation of one scan. */
typedef struct ac_scan_kernel {
    const char *name; /* "int8 avx2" */
    ac_scan scan;
    unsigned instructions; /* AC_CPU_…: what it needs of the CPU */
    int32_t query_max;     /* integers of a query lie in [-query_max, query_max]; 0: fp32 */
    int64_t query_bytes;   /* per element of a panel */
    int64_t tile_bytes;    /* per element of an expanded group; 0: packed entries are used */
    const ac_scan_coarse *coarse; /* or NULL */
    int direct_rows; /* up to so many queries, tile_direct is used on the packed entries */
    void (*panel)(void *panel, const ac_scan_query *queries, int rows, int64_t D);
    void (*expand)(void *tile, const void *group, int64_t D, int64_t count);
    /* out [rows, 16]: int32 dot products of the integers, or fp32 ones; sums [16]: of the
     * entries' integers */
    void (*tile)(void *out, const void *entries, const void *panel, const int32_t *sums,
                 int64_t D, int rows);
    void (*tile_direct)(void *out, const void *group, const void *panel, int64_t D, int rows,
                        int64_t count);
    /* NULL, or tile for two packed groups: out [2, 6, 16]; sums: of each, [16] */
    void (*tile_two)(int32_t *out, const void *const groups[2], const void *panel,
                     const int32_t *const sums[2], int64_t D, int rows);
    /* With tile_two and with refine: bit j of masks [rows]: entry j may reach limits[r], given
     * tile's out. */
    void (*select)(uint32_t *masks, const int32_t *out, const ac_scan_facts *facts,
                   const ac_scan_query *queries, const float *limits, int rows);
    /* int6: tile and select have the upper 6 bits, and the coarse errors and norms. From an
     * entry's number of tile's out, its lower 2 bits and the query's part of the panel: the dot
     * product of the integers of 8 bits, for the errors and norms proper. */
    int32_t (*refine)(int32_t upper, const unsigned char *low, const void *query, int64_t D);
} ac_scan_kernel;

/** All kernels compiled into this program, the preferred one of each scan first. */
const ac_scan_kernel *const *ac_scan_kernels(int *count);
/** The first that the kernel set in use includes. */
const ac_scan_kernel *ac_scan_kernel_best(ac_scan scan);

/** Largest magnitude of a query's integer such that a dot product of D terms stays in an int32.
 */
int32_t ac_scan_query_max(const ac_scan_kernel *kernel, int64_t D);

static inline int64_t
ac_scan_padded(int64_t D)
{
    return (D + AC_SCAN_STEP - 1) / AC_SCAN_STEP * AC_SCAN_STEP;
}

static inline int64_t
ac_scan_coarse_padded(int64_t D)
{
    return (D + AC_SCAN_COARSE_STEP - 1) / AC_SCAN_COARSE_STEP * AC_SCAN_COARSE_STEP;
}

static inline int64_t
ac_scan_int6_padded(int64_t D)
{
    return (D + AC_SCAN_INT6_ELEMENTS - 1) / AC_SCAN_INT6_ELEMENTS * AC_SCAN_INT6_ELEMENTS;
}

/** Elements (of kernel->query_bytes) that a query has in a panel. */
int64_t ac_scan_panel_width(const ac_scan_kernel *kernel, int64_t D);

/** Bytes of one entry's lower bits; 0 but for int6. */
static inline int64_t
ac_scan_low_bytes(ac_scan scan, int64_t D)
{
    return scan == AC_SCAN_INT6 ? (D + AC_SCAN_LOW_ELEMENTS - 1) / AC_SCAN_LOW_ELEMENTS *
                                      (AC_SCAN_LOW_ELEMENTS / 4)
                                : 0;
}

/** Entry j of a group of int6: integers [D] from -127 to 127. low [ac_scan_low_bytes]: its own,
 * 0 before. */
void ac_scan_int6_pack(unsigned char *group, unsigned char *low, int64_t j, const int8_t *row,
                       int64_t D);

/** Bytes of one packed group; 0 for fp32, which reads the caller's rows. */
int64_t ac_scan_group_bytes(ac_scan scan, int64_t D);

/** Pack entries [count <= 16, D] at x as one group; missing ones become zeros. facts: of the
 * group's first entry; centre [D]. */
void ac_scan_pack_group(ac_scan scan, void *group, const ac_scan_facts *facts, const float *x,
                        const float *centre, int64_t count, int64_t D);

/** An index's facts, and those from entry `at` on. */
static inline ac_scan_facts
ac_scan_facts_of(const ac_topk_index *index)
{
    return (ac_scan_facts){ index->scales,        index->errors,       index->norms,
                            index->coarse_errors, index->coarse_norms, index->sums,
                            index->low,           index->low_bytes };
}
ac_scan_facts ac_scan_facts_at(const ac_scan_facts *all, int64_t at);

/** integers [ac_scan_query_integers()]; not needed where that is 0. */
void ac_scan_query_init(ac_scan_query *self, const ac_scan_kernel *kernel, const float *q,
                        int16_t *integers, const float *centre, double centre_norm, int64_t D);
int64_t ac_scan_query_integers(const ac_scan_kernel *kernel, int64_t D);

/** The coarse stage of this kernel, if vectors of D elements can have it; else NULL. */
const ac_scan_coarse *ac_scan_coarse_of(const ac_scan_kernel *kernel, int64_t D);

/** |x|, and a number at least as large, as float. */
double ac_scan_norm(const float *x, int64_t D);
float ac_scan_round_up(double x);

extern const ac_scan_kernel ac_scan_int8_scalar, ac_scan_int6_scalar, ac_scan_bf16_scalar,
    ac_scan_fp32_scalar;
#if defined(__x86_64__)
extern const ac_scan_kernel ac_scan_int8_avx2, ac_scan_int8_avxvnni, ac_scan_int8_avx512vnni,
    ac_scan_int6_avx2, ac_scan_int6_avxvnni, ac_scan_int6_avx512vnni, ac_scan_bf16_avx2,
    ac_scan_fp32_avx2;
#endif

#endif
