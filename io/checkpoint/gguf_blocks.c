/*
 * GGUF's blocks: unpacked into the one form of engine/base/quants.h. Every product of a scale,
 * a sub-scale and a quant has at most 24 significant bits, so it is exact in float; what is
 * added is rounded once. So these are the numbers that everyone else gets, to the bit.
 */
#include <string.h>

#include "engine/base/quants.h"
#include "io/checkpoint/gguf.h"

typedef const unsigned char bytes;

static uint16_t
half(bytes *p)
{
    uint16_t h;

    memcpy(&h, p, sizeof h);
    return h;
}

/* Minus a half. */
static uint16_t
minus_half(bytes *p)
{
    return half(p) ^ 0x8000;
}

/* ---- blocks of 32 ---- */

/* 32 codes of 4 bits: the low halves of 16 bytes, then the high ones. */
static void
take_fours(uint8_t *codes, bytes *p)
{
    for (int j = 0; j < 16; j++) {
        codes[j] = p[j] & 15;
        codes[j + 16] = p[j] >> 4;
    }
}

/* A fifth bit on top of each of 32 codes. */
static void
add_fifths(uint8_t *codes, bytes *p)
{
    for (int j = 0; j < 32; j++)
        codes[j] = (uint8_t) (codes[j] | (p[j / 8] >> j % 8 & 1) << 4);
}

/* Codes that count from `zero`. */
static void
subtract(uint8_t *codes, int n, int zero)
{
    for (int j = 0; j < n; j++)
        codes[j] = (uint8_t) (codes[j] - zero);
}

static void
unpack_q4_0(ac_quants_block *out, bytes *b)
{
    out->scale = half(b);
    take_fours(out->codes, b + 2);
    subtract(out->codes, 32, 8);
}

static void
unpack_iq4_nl(ac_quants_block *out, bytes *b)
{
    static const signed char levels[16] = { -127, -104, -83, -65, -49, -35, -22, -10,
                                            1,    13,   25,  38,  53,  69,  89,  113 };

    out->scale = half(b);
    take_fours(out->codes, b + 2);
    for (int j = 0; j < 32; j++)
        out->codes[j] = (uint8_t) levels[out->codes[j]];
}

static void
unpack_q4_1(ac_quants_block *out, bytes *b)
{
    out->scale = half(b);
    out->least = half(b + 2);
    take_fours(out->codes, b + 4);
}

static void
unpack_q5_0(ac_quants_block *out, bytes *b)
{
    out->scale = half(b);
    take_fours(out->codes, b + 6);
    add_fifths(out->codes, b + 2);
    subtract(out->codes, 32, 16);
}

static void
unpack_q5_1(ac_quants_block *out, bytes *b)
{
    out->scale = half(b);
    out->least = half(b + 2);
    take_fours(out->codes, b + 8);
    add_fifths(out->codes, b + 4);
}

static void
unpack_q8_0(ac_quants_block *out, bytes *b)
{
    out->scale = half(b);
    memcpy(out->codes, b + 2, 32);
}

/* ---- blocks of 256 ---- */

/* 16 scales (low 4 bits) and minima (high), 64 bytes of quants, d, dmin. */
static void
unpack_q2_k(ac_quants_block *out, bytes *b)
{
    out->scale = half(b + 80);
    out->least = minus_half(b + 82);
    for (int g = 0; g < 16; g++) {
        out->scales[g] = (int8_t) (b[g] & 15);
        out->leasts[g] = b[g] >> 4;
    }
    for (int i = 0; i < 256; i++)
        out->codes[i] = b[16 + i / 128 * 32 + i % 32] >> 2 * (i % 128 / 32) & 3;
}

/* 32 bytes of high bits, 64 of quants, 12 of 6-bit scales, d. */
static void
unpack_q3_k(ac_quants_block *out, bytes *b)
{
    bytes *packed = b + 96;

    out->scale = half(b + 108);
    for (int j = 0; j < 16; j++)
        out->scales[j] = (int8_t) (((j < 8 ? packed[j] & 15 : packed[j - 8] >> 4) |
                                    (packed[8 + j % 4] >> 2 * (j / 4) & 3) << 4) -
                                   32);
    for (int i = 0; i < 256; i++) {
        const int n = i / 128, j = i % 128 / 32, l = i % 32;
        out->codes[i] =
            (uint8_t) ((b[32 + n * 32 + l] >> 2 * j & 3) - (b[l] >> (n * 4 + j) & 1 ? 0 : 4));
    }
}

/* Scale and minimum j of the 12 packed bytes of Q4_K and Q5_K. */
static void
packed_scale(bytes *p, int j, int8_t *scale, uint8_t *least)
{
    if (j < 4) {
        *scale = (int8_t) (p[j] & 63);
        *least = p[j + 4] & 63;
    } else {
        *scale = (int8_t) ((p[j + 4] & 15) | p[j - 4] >> 6 << 4);
        *least = (uint8_t) (p[j + 4] >> 4 | p[j] >> 6 << 4);
    }
}

/* d, dmin, 12 bytes of scales, 32 of fifth bits or none, 128 of 4 bits each. */
static void
unpack_q45_k(ac_quants_block *out, bytes *b, bytes *high, bytes *low)
{
    out->scale = half(b);
    out->least = minus_half(b + 2);
    for (int group = 0; group < 8; group++) {
        packed_scale(b + 4, group, &out->scales[group], &out->leasts[group]);
        for (int l = 0; l < 32; l++) {
            int q = low[group / 2 * 32 + l] >> 4 * (group % 2) & 15;
            if (high)
                q |= (high[l] >> group & 1) << 4;
            out->codes[group * 32 + l] = (uint8_t) q;
        }
    }
}

static void
unpack_q4_k(ac_quants_block *out, bytes *b)
{
    unpack_q45_k(out, b, NULL, b + 16);
}

static void
unpack_q5_k(ac_quants_block *out, bytes *b)
{
    unpack_q45_k(out, b, b + 16, b + 48);
}

/* 128 bytes of low 4 bits, 64 of high 2 bits, 16 signed scales, d. */
static void
unpack_q6_k(ac_quants_block *out, bytes *b)
{
    out->scale = half(b + 208);
    memcpy(out->scales, b + 192, 16);
    for (int i = 0; i < 256; i++) {
        const int n = i / 128, j = i % 128 / 32, l = i % 32, low = b[n * 64 + j % 2 * 32 + l];
        out->codes[i] = (uint8_t) (((j >= 2 ? low >> 4 : low & 15) |
                                    (b[128 + n * 32 + l] >> 2 * j & 3) << 4) -
                                   32);
    }
}

/* ---- tensors ---- */

/* Elements [first, first + n). */
static void
read_blocks(const ac_tensor *self, float *y, int64_t first, int64_t n)
{
    const ac_quants *quants = self->form->quants;
    bytes *data = self->data;

    while (n > 0) {
        const int64_t index = first / quants->block, skip = first % quants->block,
                      take = quants->block - skip < n ? quants->block - skip : n;
        ac_quants_block block;
        quants->unpack(&block, data + (size_t) index * quants->bytes);
        if (take == quants->block) {
            ac_quants_decode(quants, y, &block);
        } else {
            float whole[AC_QUANTS_LONGEST];
            ac_quants_decode(quants, whole, &block);
            memcpy(y, whole + skip, (size_t) take * sizeof *y);
        }
        y += take;
        first += take;
        n -= take;
    }
}

#define QUANTS(type, kind, elements, size) \
    static const ac_quants type = { AC_QUANTS_##kind, elements, size, unpack_##type };

QUANTS(q4_0, S4, 32, 18)
QUANTS(q4_1, U4, 32, 20)
QUANTS(q5_0, S5, 32, 22)
QUANTS(q5_1, U5, 32, 24)
QUANTS(q8_0, S8, 32, 34)
QUANTS(iq4_nl, S8, 32, 18)
QUANTS(q2_k, U2_2, 256, 84)
QUANTS(q3_k, S3_2, 256, 110)
QUANTS(q4_k, U4_1, 256, 144)
QUANTS(q5_k, U5_1, 256, 176)
QUANTS(q6_k, S6_2, 256, 210)

#define OTHER(id, name)                        \
    {                                          \
        id, name, 1, 0, AC_F32, { NULL, NULL } \
    }

static const ac_gguf_format formats[] = {
    { 0, "F32", 1, 4, AC_F32, { NULL, NULL } },
    { 1, "F16", 1, 2, AC_F16, { NULL, NULL } },
    { 2, "Q4_0", 32, 18, AC_F32, { read_blocks, &q4_0 } },
    { 3, "Q4_1", 32, 20, AC_F32, { read_blocks, &q4_1 } },
    { 6, "Q5_0", 32, 22, AC_F32, { read_blocks, &q5_0 } },
    { 7, "Q5_1", 32, 24, AC_F32, { read_blocks, &q5_1 } },
    { 8, "Q8_0", 32, 34, AC_F32, { read_blocks, &q8_0 } },
    { 10, "Q2_K", 256, 84, AC_F32, { read_blocks, &q2_k } },
    { 11, "Q3_K", 256, 110, AC_F32, { read_blocks, &q3_k } },
    { 12, "Q4_K", 256, 144, AC_F32, { read_blocks, &q4_k } },
    { 13, "Q5_K", 256, 176, AC_F32, { read_blocks, &q5_k } },
    { 14, "Q6_K", 256, 210, AC_F32, { read_blocks, &q6_k } },
    { 20, "IQ4_NL", 32, 18, AC_F32, { read_blocks, &iq4_nl } },
    { 24, "I8", 1, 1, AC_I8, { NULL, NULL } },
    { 25, "I16", 1, 2, AC_I16, { NULL, NULL } },
    { 26, "I32", 1, 4, AC_I32, { NULL, NULL } },
    { 27, "I64", 1, 8, AC_I64, { NULL, NULL } },
    { 28, "F64", 1, 8, AC_F64, { NULL, NULL } },
    { 30, "BF16", 1, 2, AC_BF16, { NULL, NULL } },
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
