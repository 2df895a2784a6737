/* int8 products with AMX: 32 rows by 32 columns in four tiles of 16 by 16 sums; 64 of K at a
 * time. The layout of the matrix is that of a tile: 16 rows of 64 bytes, a row 4 numbers of
 * each of 16 columns. */
#include "engine/kernels/int8_lanes16_body.h"

typedef uint8_t number;
#define store_rounded store_bytes

enum { ROWS = 32, TILE = 16 };

/* Tiles 0 to 3 hold sums, 4 and 5 rows of q, 6 and 7 panels. */
static inline void
begin(int R)
{
    struct {
        uint8_t palette, start, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } shape = { .palette = 1 };
    const uint8_t first = (uint8_t) (R < TILE ? R : TILE),
                  second = (uint8_t) (R > TILE ? R - TILE : 1);

    for (int t = 0; t < 8; t++) {
        shape.bytes[t] = 64;
        shape.rows[t] = t >= 6 ? TILE : t == 0 || t == 1 || t == 4 ? first : second;
    }
    __asm__ volatile("" : : "r"(&shape) : "memory"); /* gcc does not say that it reads all */
    _tile_loadconfig(&shape);
}

static inline void
end(void)
{
    _tile_release();
}

/* 1 KB of the next two panels each, into the first cache: they are read once per 32 rows, and a
 * tile's load waits for 16 lines. */
static inline __attribute__((always_inline)) void
prefetch_tiles(const int8_t *b, int64_t next)
{
#pragma GCC unroll 16
    for (int i = 0; i < TILE; i++) {
        __builtin_prefetch(b + 64 * i, 0, 3);
        __builtin_prefetch(b + next + 64 * i, 0, 3);
    }
}

static void
dots(int32_t *sums, const number *q, int64_t stride, const int8_t *b, int64_t depth, int R)
{
    enum { STEP = AC_INT8_DEPTH, BYTES = AC_INT8_WIDTH * sizeof(int32_t) };
    const int64_t next = AC_INT8_PANEL * depth;

    _tile_zero(0);
    _tile_zero(1);
    if (R <= TILE) {
        for (int64_t k = 0; k < depth; k += STEP, b += STEP * AC_INT8_PANEL) {
            _tile_loadd(4, q + k, stride);
            prefetch_tiles(b + 2 * next, next);
            _tile_loadd(6, b, 64);
            _tile_loadd(7, b + next, 64);
            _tile_dpbusd(0, 4, 6);
            _tile_dpbusd(1, 4, 7);
        }
    } else {
        _tile_zero(2);
        _tile_zero(3);
        for (int64_t k = 0; k < depth; k += STEP, b += STEP * AC_INT8_PANEL) {
            _tile_loadd(4, q + k, stride);
            prefetch_tiles(b + 2 * next, next);
            _tile_loadd(6, b, 64);
            _tile_loadd(7, b + next, 64);
            _tile_loadd(5, q + TILE * stride + k, stride);
            _tile_dpbusd(0, 4, 6);
            _tile_dpbusd(1, 4, 7);
            _tile_dpbusd(2, 5, 6);
            _tile_dpbusd(3, 5, 7);
        }
        _tile_stored(2, sums + TILE * AC_INT8_WIDTH, BYTES);
        _tile_stored(3, sums + TILE * AC_INT8_WIDTH + TILE, BYTES);
    }
    _tile_stored(0, sums, BYTES);
    _tile_stored(1, sums + TILE, BYTES);
}

#include "engine/kernels/int8_body.h"

const ac_int8 ac_int8_amx = AC_INT8_TABLE;
