/* rows_… of an int6 scan with registers of 8 entries, half a group, included once for each
 * instruction set. The includer defines
 *   NAME(function)  what it is called
 *   TARGET_INLINE   the instruction set, always inlined
 * and add_…(sum, expanded, query), the products of 16 elements of 8 entries added to a sum. */

TARGET_INLINE void
NAME(rows)(int32_t *out, const void *const *groups, const int8_t *q, int64_t D, const int R,
           const int N)
{
    const int64_t stride = stride_of(D);
    __m256i sums[2][TOGETHER][2];

#pragma GCC unroll 2
    for (int n = 0; n < N; n++)
#pragma GCC unroll 3
        for (int r = 0; r < R; r++)
            sums[n][r][0] = sums[n][r][1] = _mm256_setzero_si256();
    for (int64_t d = 0, at = 0; d < D; d += AC_SCAN_INT6_ELEMENTS, at += LINES * LINE) {
#pragma GCC unroll 2
        for (int n = 0; n < N; n++)
#pragma GCC unroll 2
            for (int h = 0; h < 2; h++) {
                __m256i u[STEPS];
                expand_half(u, (const uint8_t *) groups[n] + at + h * (LINE / 2));
#pragma GCC unroll 3
                for (int r = 0; r < R; r++)
                    sums[n][r][h] =
                        NAME(add)(sums[n][r][h], u, q + r * stride + AC_SCAN_INT6_HEAD + d);
            }
    }
#pragma GCC unroll 2
    for (int n = 0; n < N; n++)
#pragma GCC unroll 3
        for (int r = 0; r < R; r++)
            for (int h = 0; h < 2; h++)
                store_half(out + (n * AC_SCAN_ROWS + r) * AC_SCAN_GROUP + 8 * h, sums[n][r][h],
                           q + r * stride);
}

#undef TARGET_INLINE
