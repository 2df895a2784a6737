/* Packing of quantized columns. */
#include "engine/kernels/quantized.h"

#include <string.h>

enum { PANEL = AC_PRODUCT_PANEL, UNIT = AC_QUANTS_UNIT };

/* 32 codes of one column as `bits` words, PANEL words apart. */
static void
pack_codes(char *to, const uint8_t *codes, int bits)
{
    uint64_t waiting = 0;
    int have = 0;

    for (int i = 0; i < UNIT; i++) {
        waiting |= (uint64_t) (codes[i] & ((1u << bits) - 1)) << have;
        have += bits;
        if (have >= 32) {
            const uint32_t word = (uint32_t) waiting;
            memcpy(to, &word, sizeof word);
            to += PANEL * sizeof word;
            waiting >>= 32;
            have -= 32;
        }
    }
}

void
ac_quantized_pack(void *piece, const ac_quants *quants, int64_t K, int column,
                  const ac_quants_block *block, int64_t first)
{
    const ac_quants_shape shape = ac_quants_shape_of(quants->kind);
    const size_t half = PANEL * sizeof(uint16_t), both = shape.has_least ? 2 : 1;
    char *scales = piece, *codes = scales + ac_quantized_scale_bytes(shape, K);
    const int64_t unit = first / UNIT, units = quants->block / UNIT;

    /* blocks with groups fill the piece: unit is 0 */
    scales += shape.groups ? 0 : (size_t) unit * half * both;
    memcpy(scales + (size_t) column * sizeof(uint16_t), &block->scale, sizeof(uint16_t));
    if (shape.has_least)
        memcpy(scales + half + (size_t) column * sizeof(uint16_t), &block->least,
               sizeof(uint16_t));
    scales += half * both + (size_t) column;
    for (int64_t g = 0; g < units * shape.groups; g++, scales += PANEL * both) {
        memcpy(scales, &block->scales[g], 1);
        if (shape.has_least)
            memcpy(scales + PANEL, &block->leasts[g], 1);
    }
    for (int64_t u = 0; u < units; u++)
        pack_codes(codes + ((unit + u) * shape.bits * PANEL + column) * 4,
                   block->codes + u * UNIT, shape.bits);
}
