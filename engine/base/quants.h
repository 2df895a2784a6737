/**
 * Quantized numbers in one form for all file formats: small whole numbers (codes) with scales.
 *
 *     number = scale × scales[i / 16 or i / 32] × code + least × leasts[…]
 *
 * The products are exact in float32 (scale and least have 11 significant bits, the others at
 * most 8 each) and the sum is rounded once: a fused multiply-add gives the same bits.
 */
#ifndef AC_ENGINE_BASE_QUANTS_H
#define AC_ENGINE_BASE_QUANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * The kinds: X(name, bits of a code, codes are signed, numbers have a least, groups). groups:
 * scales and leasts of their own among 32 numbers of a block of 256; 0: a block has 32 numbers
 * and no groups.
 */
#define AC_QUANTS_KINDS(X)     \
    X(S4, 4, true, false, 0)   \
    X(U4, 4, false, true, 0)   \
    X(S5, 5, true, false, 0)   \
    X(U5, 5, false, true, 0)   \
    X(S8, 8, true, false, 0)   \
    X(U2_2, 2, false, true, 2) \
    X(S3_2, 3, true, false, 2) \
    X(U4_1, 4, false, true, 1) \
    X(U5_1, 5, false, true, 1) \
    X(S6_2, 6, true, false, 2)

typedef enum ac_quants_kind {
#define X(name, bits, is_signed, has_least, groups) AC_QUANTS_##name,
    AC_QUANTS_KINDS(X)
#undef X
        AC_QUANTS_COUNT
} ac_quants_kind;

enum { AC_QUANTS_UNIT = 32, AC_QUANTS_LONGEST = 256 };

typedef struct ac_quants_shape {
    int bits;
    bool is_signed, has_least;
    int groups;
} ac_quants_shape;

static inline ac_quants_shape
ac_quants_shape_of(ac_quants_kind kind)
{
    static const ac_quants_shape shapes[] = {
#define X(name, bits, is_signed, has_least, groups) { bits, is_signed, has_least, groups },
        AC_QUANTS_KINDS(X)
#undef X
    };

    return shapes[kind];
}

/** One block, unpacked. */
typedef struct ac_quants_block {
    uint8_t codes[AC_QUANTS_LONGEST]; /* signed ones in two's complement, all eight bits */
    uint16_t scale, least;            /* fp16 */
    int8_t scales[16];                /* by group */
    uint8_t leasts[16];
} ac_quants_block;

/** How the numbers of a tensor are stored. Rows are whole blocks. */
typedef struct ac_quants {
    ac_quants_kind kind;
    int64_t block; /* numbers of a block, 32 or 256 */
    size_t bytes;  /* of a block */
    void (*unpack)(ac_quants_block *out, const unsigned char *block);
} ac_quants;

/** The numbers of a block. Shape: y [block]. */
void ac_quants_decode(const ac_quants *self, float *y, const ac_quants_block *block);

#endif
