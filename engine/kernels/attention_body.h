/* Attention of the heads that share keys, included once for each instruction set after
 * vector_body.h. The bits are those of dot and axpy: each sum has its lanes and its order. */

typedef float four_floats __attribute__((vector_size(16)));

static inline const float *
row_of(const ac_slot_rows *rows, int64_t t)
{
    return rows->x + rows->slots[t] * rows->slot + t * rows->row;
}

/* add_lanes of four sums, in lanes 0 … 3. */
static inline four_floats
add_four_lanes(const vec sums[4][PARTS])
{
    four_floats left[4], a, b, c, d;

#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        float x[LANES];
        four_floats q[4];
#pragma GCC unroll 4
        for (int p = 0; p < PARTS; p++)
            store(x + p * WIDTH, sums[i][p]);
        memcpy(q, x, sizeof x);
        left[i] = (q[0] + q[2]) + (q[1] + q[3]);
    }
    a = __builtin_shufflevector(left[0], left[1], 0, 4, 1, 5);
    b = __builtin_shufflevector(left[2], left[3], 0, 4, 1, 5);
    c = __builtin_shufflevector(left[0], left[1], 2, 6, 3, 7);
    d = __builtin_shufflevector(left[2], left[3], 2, 6, 3, 7);
    return (__builtin_shufflevector(a, b, 0, 1, 4, 5) +
            __builtin_shufflevector(c, d, 0, 1, 4, 5)) +
           (__builtin_shufflevector(a, b, 2, 3, 6, 7) +
            __builtin_shufflevector(c, d, 2, 3, 6, 7));
}

static void
scores(float *y, int64_t ldy, const float *q, int64_t G, const ac_slot_rows *keys, int64_t T,
       int64_t D, float by)
{
    const four_floats times = { by, by, by, by };
    int64_t t = 0;

    for (; D % LANES == 0 && t + 4 <= T; t += 4) {
        const float *k[4];
        for (int i = 0; i < 4; i++)
            k[i] = row_of(keys, t + i);
        for (int64_t g = 0; g < G; g++) {
            vec sums[4][PARTS];
            four_floats all;
            for (int i = 0; i < 4; i++)
                clear(sums[i]);
            for (int64_t d = 0; d < D; d += LANES)
#pragma GCC unroll 4
                for (int p = 0; p < PARTS; p++) {
                    const vec x = load(q + g * D + d + p * WIDTH);
#pragma GCC unroll 4
                    for (int i = 0; i < 4; i++)
                        sums[i][p] = fma_(x, load(k[i] + d + p * WIDTH), sums[i][p]);
                }
            all = times * add_four_lanes(sums);
            memcpy(y + g * ldy + t, &all, sizeof all);
        }
    }
    for (; t < T; t++)
        for (int64_t g = 0; g < G; g++)
            y[g * ldy + t] = by * dot(q + g * D, row_of(keys, t), D);
}

/* G rows, `count` vectors of each: the accumulators stay in registers. */
static inline __attribute__((always_inline)) void
add_weighted(float *y, const float *w, int64_t ldw, const ac_slot_rows *values, int64_t T,
             int64_t D, const int G, const int count)
{
    vec sums[3][4];

#pragma GCC unroll 3
    for (int g = 0; g < G; g++)
#pragma GCC unroll 4
        for (int c = 0; c < count; c++)
            sums[g][c] = set1(0.0f);
    for (int64_t t = 0; t < T; t++) {
        const float *v = row_of(values, t);
        vec x[4];
#pragma GCC unroll 4
        for (int c = 0; c < count; c++)
            x[c] = load(v + c * WIDTH);
#pragma GCC unroll 3
        for (int g = 0; g < G; g++)
#pragma GCC unroll 4
            for (int c = 0; c < count; c++)
                sums[g][c] = fma_(set1(w[g * ldw + t]), x[c], sums[g][c]);
    }
#pragma GCC unroll 3
    for (int g = 0; g < G; g++)
#pragma GCC unroll 4
        for (int c = 0; c < count; c++)
            store(y + g * D + c * WIDTH, sums[g][c]);
}

static inline __attribute__((always_inline)) void
weigh_rows(float *y, const float *w, int64_t ldw, const ac_slot_rows *values, int64_t T,
           int64_t D, const int G)
{
    ac_slot_rows part = *values;
    int64_t d = 0;

    for (; d + 4 * WIDTH <= D; d += 4 * WIDTH, part.x += 4 * WIDTH)
        add_weighted(y + d, w, ldw, &part, T, D, G, 4);
    for (; d < D; d += WIDTH, part.x += WIDTH)
        add_weighted(y + d, w, ldw, &part, T, D, G, 1);
}

static void
weighted(float *y, const float *w, int64_t ldw, int64_t G, const ac_slot_rows *values,
         int64_t T, int64_t D)
{
    int64_t g = 0;

    if (D % WIDTH) {
        memset(y, 0, (size_t) (G * D) * sizeof *y);
        for (int64_t t = 0; t < T; t++)
            for (g = 0; g < G; g++)
                axpy(y + g * D, w[g * ldw + t], row_of(values, t), D);
        return;
    }
    for (; g + 3 <= G; g += 3)
        weigh_rows(y + g * D, w + g * ldw, ldw, values, T, D, 3);
    if (G - g == 2)
        weigh_rows(y + g * D, w + g * ldw, ldw, values, T, D, 2);
    else if (G - g == 1)
        weigh_rows(y + g * D, w + g * ldw, ldw, values, T, D, 1);
}
