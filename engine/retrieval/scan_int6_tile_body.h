/* tile and refine of an int6 scan, included once for each instruction set. The includer defines
 *   NAME(function)  what they are called
 *   TARGET          the instruction set, as an attribute
 * and rows_…(out, entries, queries, D, R), products of R <= TOGETHER queries with a group. */

TARGET static void
NAME(tile)(void *out, const void *entries, const void *panel, const int32_t *sums, int64_t D,
           int rows)
{
    const int8_t *q = panel;
    int32_t *y = out;

    (void) sums;
    for (; rows > 0;
         rows -= TOGETHER, q += TOGETHER * stride_of(D), y += TOGETHER * AC_SCAN_GROUP) {
        switch (rows) {
        case 1: NAME(rows)(y, entries, q, D, 1); break;
        case 2: NAME(rows)(y, entries, q, D, 2); break;
        default: NAME(rows)(y, entries, q, D, TOGETHER); break;
        }
    }
}

TARGET static int32_t
NAME(refine)(int32_t upper, const unsigned char *low, const void *query, int64_t D)
{
    return refine(upper, low, query, D);
}

#undef NAME
#undef TARGET
