#include "engine/base/random.h"

#include <Random123/philox.h>
#include <xxhash.h>

void
ac_philox(uint32_t y[4], const uint32_t counter[4], const uint32_t key[2])
{
    philox4x32_ctr_t c = { { counter[0], counter[1], counter[2], counter[3] } };
    philox4x32_key_t k = { { key[0], key[1] } };
    philox4x32_ctr_t r = philox4x32(c, k);

    for (int i = 0; i < 4; i++)
        y[i] = r.v[i];
}

uint64_t
ac_random_stream(const char *text, size_t n)
{
    return XXH3_64bits(text, n);
}

double
ac_random_uniform(uint64_t seed, uint64_t stream, uint32_t a, uint32_t b)
{
    const uint32_t counter[4] = { (uint32_t) stream, (uint32_t) (stream >> 32), a, b };
    const uint32_t key[2] = { (uint32_t) seed, (uint32_t) (seed >> 32) };
    uint32_t y[4];

    ac_philox(y, counter, key);
    return (double) (((uint64_t) y[0] << 32 | y[1]) >> 11) * 0x1p-53;
}
