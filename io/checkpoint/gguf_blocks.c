/*
 * GGUF's blocks as floats. Every product of a scale, a sub-scale and a quant has at most 24
 * significant bits, so it is exact in float; what is added is rounded once. So these are the
 * numbers that everyone else gets, to the bit.
 */
#include <string.h>

#include "io/checkpoint/gguf.h"

typedef const unsigned char bytes;

enum { LARGEST_BLOCK = 256 };

static float
half(bytes *p)
{
    uint16_t h;

    memcpy(&h, p, sizeof h);
    return ac_f16_to_f32(h);
}

/* ---- blocks of 32 ---- */

static void
decode_q4_0(float *y, bytes *b)
{
    const float d = half(b);

    for (int j = 0; j < 16; j++) {
        y[j] = d * (float) ((b[2 + j] & 15) - 8);
        y[j + 16] = d * (float) ((b[2 + j] >> 4) - 8);
    }
}

static void
decode_iq4_nl(float *y, bytes *b)
{
    static const signed char levels[16] = { -127, -104, -83, -65, -49, -35, -22, -10,
                                            1,    13,   25,  38,  53,  69,  89,  113 };
    const float d = half(b);

    for (int j = 0; j < 16; j++) {
        y[j] = d * (float) levels[b[2 + j] & 15];
        y[j + 16] = d * (float) levels[b[2 + j] >> 4];
    }
}

static void
decode_q4_1(float *y, bytes *b)
{
    const float d = half(b), m = half(b + 2);

    for (int j = 0; j < 16; j++) {
        y[j] = d * (float) (b[4 + j] & 15) + m;
        y[j + 16] = d * (float) (b[4 + j] >> 4) + m;
    }
}

/* The fifth bits of 32 quants. */
static uint32_t
fifth_bits(bytes *p)
{
    uint32_t bits;

    memcpy(&bits, p, sizeof bits);
    return bits;
}

static void
decode_q5_0(float *y, bytes *b)
{
    const float d = half(b);
    const uint32_t high = fifth_bits(b + 2);

    for (int j = 0; j < 16; j++) {
        y[j] = d * (float) ((int) ((b[6 + j] & 15u) | (high >> j & 1) << 4) - 16);
        y[j + 16] =
            d * (float) ((int) ((unsigned) (b[6 + j] >> 4) | (high >> (j + 16) & 1) << 4) - 16);
    }
}

static void
decode_q5_1(float *y, bytes *b)
{
    const float d = half(b), m = half(b + 2);
    const uint32_t high = fifth_bits(b + 4);

    for (int j = 0; j < 16; j++) {
        y[j] = d * (float) ((b[8 + j] & 15u) | (high >> j & 1) << 4) + m;
        y[j + 16] = d * (float) ((unsigned) (b[8 + j] >> 4) | (high >> (j + 16) & 1) << 4) + m;
    }
}

static void
decode_q8_0(float *y, bytes *b)
{
    const float d = half(b);

    for (int j = 0; j < 32; j++)
        y[j] = d * (float) (signed char) b[2 + j];
}

/* ---- blocks of 256 ---- */

/* 16 scales (low 4 bits) and minima (high), 64 bytes of quants, d, dmin. */
static void
decode_q2_k(float *y, bytes *b)
{
    const float d = half(b + 80), least = half(b + 82);

    for (int i = 0; i < 256; i++) {
        const int n = i / 128, j = i % 128 / 32, l = i % 32, s = b[n * 8 + j * 2 + l / 16];
        y[i] = d * (float) (s & 15) * (float) (b[16 + n * 32 + l] >> 2 * j & 3) -
               least * (float) (s >> 4);
    }
}

/* 32 bytes of high bits, 64 of quants, 12 of 6-bit scales, d. */
static void
decode_q3_k(float *y, bytes *b)
{
    const float d = half(b + 108);
    bytes *packed = b + 96;
    int scales[16];

    for (int j = 0; j < 16; j++)
        scales[j] = ((j < 8 ? packed[j] & 15 : packed[j - 8] >> 4) |
                     (packed[8 + j % 4] >> 2 * (j / 4) & 3) << 4) -
                    32;
    for (int i = 0; i < 256; i++) {
        const int n = i / 128, j = i % 128 / 32, l = i % 32,
                  q = (b[32 + n * 32 + l] >> 2 * j & 3) - (b[l] >> (n * 4 + j) & 1 ? 0 : 4);
        y[i] = d * (float) scales[n * 8 + j * 2 + l / 16] * (float) q;
    }
}

/* Scale and minimum j of the 12 packed bytes of Q4_K and Q5_K. */
static void
packed_scale(bytes *p, int j, float *scale, float *least)
{
    if (j < 4) {
        *scale = (float) (p[j] & 63);
        *least = (float) (p[j + 4] & 63);
    } else {
        *scale = (float) ((p[j + 4] & 15) | p[j - 4] >> 6 << 4);
        *least = (float) (p[j + 4] >> 4 | p[j] >> 6 << 4);
    }
}

/* d, dmin, 12 bytes of scales, 32 of fifth bits or none, 128 of 4 bits each. */
static void
decode_q45_k(float *y, bytes *b, bytes *high, bytes *low)
{
    const float d = half(b), dmin = half(b + 2);

    for (int group = 0; group < 8; group++) {
        const int n = group / 2, upper = group % 2;
        float scale, least;
        packed_scale(b + 4, group, &scale, &least);
        for (int l = 0; l < 32; l++) {
            int q = upper ? low[n * 32 + l] >> 4 : low[n * 32 + l] & 15;
            if (high)
                q |= (high[l] >> group & 1) << 4;
            y[group * 32 + l] = d * scale * (float) q - dmin * least;
        }
    }
}

static void
decode_q4_k(float *y, bytes *b)
{
    decode_q45_k(y, b, NULL, b + 16);
}

static void
decode_q5_k(float *y, bytes *b)
{
    decode_q45_k(y, b, b + 16, b + 48);
}

/* 128 bytes of low 4 bits, 64 of high 2 bits, 16 signed scales, d. */
static void
decode_q6_k(float *y, bytes *b)
{
    const float d = half(b + 208);

    for (int i = 0; i < 256; i++) {
        const int n = i / 128, j = i % 128 / 32, l = i % 32, low = b[n * 64 + j % 2 * 32 + l];
        const int q =
            ((j >= 2 ? low >> 4 : low & 15) | (b[128 + n * 32 + l] >> 2 * j & 3) << 4) - 32;
        y[i] = d * (float) (signed char) b[192 + n * 8 + j * 2 + l / 16] * (float) q;
    }
}

/* ---- tensors ---- */

/* Elements [first, first + n) of blocks of `elements` in `size` bytes. */
static void
read_blocks(const ac_tensor *self, float *y, int64_t first, int64_t n, int64_t elements,
            size_t size, void (*decode)(float *y, bytes *block))
{
    bytes *data = self->data;

    while (n > 0) {
        const int64_t block = first / elements, skip = first % elements,
                      take = elements - skip < n ? elements - skip : n;
        bytes *from = data + (size_t) block * size;
        if (take == elements) {
            decode(y, from);
        } else {
            float whole[LARGEST_BLOCK];
            decode(whole, from);
            memcpy(y, whole + skip, (size_t) take * sizeof *y);
        }
        y += take;
        first += take;
        n -= take;
    }
}

#define READER(type, elements, size)                                            \
    static void read_##type(const ac_tensor *t, float *y, int64_t f, int64_t n) \
    {                                                                           \
        read_blocks(t, y, f, n, elements, size, decode_##type);                 \
    }

READER(q4_0, 32, 18)
READER(q4_1, 32, 20)
READER(q5_0, 32, 22)
READER(q5_1, 32, 24)
READER(q8_0, 32, 34)
READER(iq4_nl, 32, 18)
READER(q2_k, 256, 84)
READER(q3_k, 256, 110)
READER(q4_k, 256, 144)
READER(q5_k, 256, 176)
READER(q6_k, 256, 210)

#define OTHER(id, name)              \
    {                                \
        id, name, 1, 0, AC_F32, NULL \
    }

static const ac_gguf_format formats[] = {
    { 0, "F32", 1, 4, AC_F32, NULL },
    { 1, "F16", 1, 2, AC_F16, NULL },
    { 2, "Q4_0", 32, 18, AC_F32, read_q4_0 },
    { 3, "Q4_1", 32, 20, AC_F32, read_q4_1 },
    { 6, "Q5_0", 32, 22, AC_F32, read_q5_0 },
    { 7, "Q5_1", 32, 24, AC_F32, read_q5_1 },
    { 8, "Q8_0", 32, 34, AC_F32, read_q8_0 },
    { 10, "Q2_K", 256, 84, AC_F32, read_q2_k },
    { 11, "Q3_K", 256, 110, AC_F32, read_q3_k },
    { 12, "Q4_K", 256, 144, AC_F32, read_q4_k },
    { 13, "Q5_K", 256, 176, AC_F32, read_q5_k },
    { 14, "Q6_K", 256, 210, AC_F32, read_q6_k },
    { 20, "IQ4_NL", 32, 18, AC_F32, read_iq4_nl },
    { 24, "I8", 1, 1, AC_I8, NULL },
    { 25, "I16", 1, 2, AC_I16, NULL },
    { 26, "I32", 1, 4, AC_I32, NULL },
    { 27, "I64", 1, 8, AC_I64, NULL },
    { 28, "F64", 1, 8, AC_F64, NULL },
    { 30, "BF16", 1, 2, AC_BF16, NULL },
    OTHER(9, "Q8_1"),
    OTHER(15, "Q8_K"),
    OTHER(16, "IQ2_XXS"),
    OTHER(17, "IQ2_XS"),
    OTHER(18, "IQ3_XXS"),
    OTHER(19, "IQ1_S"),
    OTHER(21, "IQ3_S"),
    OTHER(22, "IQ2_S"),
    OTHER(23, "IQ4_XS"),
    OTHER(29, "IQ1_M"),
    OTHER(34, "TQ1_0"),
    OTHER(35, "TQ2_0"),
    OTHER(39, "MXFP4"),
    OTHER(40, "NVFP4"),
    OTHER(41, "type 41"),
};

const ac_gguf_format *
ac_gguf_format_find(uint32_t id)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (formats[i].id == id)
            return &formats[i];
    return NULL;
}
