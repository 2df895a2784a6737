/* tile, tile_two and refine of an int6 scan, included once for each instruction set. The
 * includer defines
 *   NAME(function)  what they are called
 *   TARGET          the instruction set, as an attribute
 *   PAIRED          up to so many queries, two groups are multiplied together
 * and rows_…(out, groups, queries, D, R, N), products of R <= TOGETHER queries with N groups:
 * out [N, 6, 16]. */

/* N groups and any number of queries. */
TARGET static inline __attribute__((always_inline)) void
NAME(groups)(int32_t *out, const void *const *groups, const int8_t *q, int64_t D, int rows,
             const int N)
{
    for (; rows > 0;
         rows -= TOGETHER, q += TOGETHER * stride_of(D), out += TOGETHER * AC_SCAN_GROUP) {
        switch (rows) {
        case 1: NAME(rows)(out, groups, q, D, 1, N); break;
        case 2: NAME(rows)(out, groups, q, D, 2, N); break;
        default: NAME(rows)(out, groups, q, D, TOGETHER, N); break;
        }
    }
}

TARGET static void
NAME(tile)(void *out, const void *entries, const void *panel, const int32_t *sums, int64_t D,
           int rows)
{
    (void) sums;
    NAME(groups)(out, &entries, panel, D, rows, 1);
}

TARGET static void
NAME(tile_two)(int32_t *out, const void *const groups[2], const void *panel,
               const int32_t *const sums[2], int64_t D, int rows)
{
    (void) sums;
    if (rows <= PAIRED) {
        NAME(groups)(out, groups, panel, D, rows, 2);
        return;
    }
    for (int n = 0; n < 2; n++)
        NAME(groups)(out + n * AC_SCAN_ROWS * AC_SCAN_GROUP, &groups[n], panel, D, rows, 1);
}

TARGET static int32_t
NAME(refine)(int32_t upper, const unsigned char *low, const void *query, int64_t D)
{
    return refine(upper, low, query, D);
}

#undef NAME
#undef TARGET
#undef PAIRED
