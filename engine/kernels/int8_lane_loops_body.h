/* What int8_body.h asks of all lanes of a vector together, in loops: for sets that have no
 * instruction for it. */

static inline float
smallest_of(vec v)
{
    float y = v[0];

    for (int i = 1; i < LANES; i++)
        y = v[i] < y ? v[i] : y;
    return y;
}

static inline float
largest_of(vec v)
{
    float y = v[0];

    for (int i = 1; i < LANES; i++)
        y = v[i] > y ? v[i] : y;
    return y;
}

static inline int32_t
largest_bits_of(ivec v)
{
    int32_t y = v[0];

    for (int i = 1; i < LANES; i++)
        y = v[i] > y ? v[i] : y;
    return y;
}

static inline int32_t
sum_of(ivec v)
{
    uint32_t y = 0; /* whose overflow is defined */

    for (int i = 0; i < LANES; i++)
        y += (uint32_t) v[i];
    return (int32_t) y;
}
