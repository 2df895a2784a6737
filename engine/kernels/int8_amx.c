/* int8 products with AMX: 32 rows by 32 columns in four tiles of 16 by 16 sums; 64 of K at a
 * time. The layout of the matrix is that of a tile: 16 rows of 64 bytes, a row 4 numbers of
 * each of 16 columns.
 *
 * A block's sums become floats behind the tile instructions of the next block, of which many
 * are in flight: stored tiles have reached the cache by then. */
#include "engine/kernels/int8_lanes16_body.h"

typedef uint8_t number;
#define store_rounded store_bytes
#define OWN_MULTIPLY
#include "engine/kernels/int8_body.h"

enum { ROWS = 32, TILE = 16, STEP = AC_INT8_DEPTH, SUMS_BYTES = WIDTH * sizeof(int32_t) };

/* Tiles 0 to 3 hold sums, 4 and 5 rows of q, 6 and 7 panels. */
static inline void
configure(int R)
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

/* R <= 16 rows; the `rows` of the block before are finished meanwhile. */
static void
dots_of_few(int32_t *sums, const number *q, int64_t stride, const ac_int8_matrix *m,
            const block *before, int rows)
{
    const int64_t next = AC_INT8_PANEL * m->depth;
    const int8_t *b = m->weights;

    _tile_zero(0);
    _tile_zero(1);
    for (int64_t k = 0; k < m->depth; k += STEP, b += STEP * AC_INT8_PANEL) {
        _tile_loadd(4, q + k, stride);
        _tile_loadd(6, b, 64);
        _tile_loadd(7, b + next, 64);
        _tile_dpbusd(0, 4, 6);
        _tile_dpbusd(1, 4, 7);
    }
    finish(before, 0, rows);
    _tile_stored(0, sums, SUMS_BYTES);
    _tile_stored(1, sums + TILE, SUMS_BYTES);
}

static void
dots_of_many(int32_t *sums, const number *q, int64_t stride, const ac_int8_matrix *m,
             const block *before, int rows)
{
    const int64_t next = AC_INT8_PANEL * m->depth;
    const int8_t *b = m->weights;

    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t k = 0; k < m->depth; k += STEP, b += STEP * AC_INT8_PANEL) {
        _tile_loadd(4, q + k, stride);
        _tile_loadd(6, b, 64);
        _tile_loadd(7, b + next, 64);
        _tile_loadd(5, q + TILE * stride + k, stride);
        _tile_dpbusd(0, 4, 6);
        _tile_dpbusd(1, 4, 7);
        _tile_dpbusd(2, 5, 6);
        _tile_dpbusd(3, 5, 7);
    }
    finish(before, 0, rows);
    _tile_stored(0, sums, SUMS_BYTES);
    _tile_stored(1, sums + TILE, SUMS_BYTES);
    _tile_stored(2, sums + TILE * WIDTH, SUMS_BYTES);
    _tile_stored(3, sums + TILE * WIDTH + TILE, SUMS_BYTES);
}

static void
multiply(const ac_int8_result *out, const ac_int8_rows *rows, const ac_int8_matrix *matrix)
{
    const int64_t stride = (int64_t) rows->bytes;
    _Alignas(64) int32_t sums[2][ROWS * WIDTH];
    block k = block_of(out, rows, matrix, sums[0], 0, 0);
    int waiting = 0, configured = 0; /* rows of k */

    for (int64_t r = 0; r < out->rows; r += ROWS) {
        const int R = out->rows - r < ROWS ? (int) (out->rows - r) : ROWS;
        const number *q = (const number *) rows->q + r * stride;
        if (R != configured)
            configure(configured = R);
        for (int64_t c = 0; c < out->columns; c += WIDTH) {
            int32_t *to = k.sums == sums[0] ? sums[1] : sums[0];
            const block now = block_of(out, rows, matrix, to, r, c);
            (R > TILE ? dots_of_many : dots_of_few)(to, q, stride, &now.b, &k, waiting);
            k = now;
            waiting = R;
        }
    }
    finish(&k, 0, waiting);
    _tile_release();
}

const ac_int8 ac_int8_amx = AC_INT8_TABLE;
