/* Products over weights that stay quantized or in 16 bits: the numbers of a piece against their
 * definition, a row against one chain of fmaf(), and whole layers against the layers of
 * expanded weights, bit for bit, with every kernel set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/quants.h"
#include "engine/base/random.h"
#include "engine/kernels/kernel_set.h"
#include "engine/kernels/quantized.h"
#include "engine/linear/linear.h"

enum { SEED = 53, PANEL = AC_PRODUCT_PANEL, PANELS = 5, DEPTH = AC_PRODUCT_DEPTH };

static uint32_t
draw(uint32_t stream, uint32_t i, uint32_t below)
{
    return (uint32_t) (ac_random_uniform(SEED, stream, 0, i) * below);
}

static float
draw_float(uint32_t stream, uint32_t i)
{
    return (float) (2 * ac_random_uniform(SEED, stream, 1, i) - 1);
}

/* A finite fp16 number of any size: zeros, subnormal and negative ones too. */
static uint16_t
draw_half(uint32_t stream, uint32_t i)
{
    static const uint16_t special[] = { 0, 0x8000, 1, 0x83ff, 0x7bff, 0xfbff };
    const uint32_t n = draw(stream, i, 40);

    if (n < 6)
        return special[n];
    return (uint16_t) (draw(stream + 1, i, 2) << 15 | (11 + draw(stream + 2, i, 7)) << 10 |
                       draw(stream + 3, i, 1024));
}

/* A tensor's blocks are ac_quants_block as they are: its form needs no packing. */
static void
unpack_plain(ac_quants_block *out, const unsigned char *block)
{
    memcpy(out, block, sizeof *out);
}

static ac_quants
quants_of(int kind)
{
    const ac_quants_shape shape = ac_quants_shape_of((ac_quants_kind) kind);

    return (ac_quants){ (ac_quants_kind) kind, shape.groups ? 256 : 32, sizeof(ac_quants_block),
                        unpack_plain };
}

static void
draw_block(ac_quants_block *b, const ac_quants *quants, uint32_t seed)
{
    const ac_quants_shape s = ac_quants_shape_of(quants->kind);
    const uint32_t codes = 1u << s.bits;

    b->scale = draw_half(10, seed);
    b->least = draw_half(20, seed);
    for (uint32_t i = 0; i < 256; i++)
        b->codes[i] =
            (uint8_t) (draw(30, seed * 256 + i, codes) - (s.is_signed ? codes / 2 : 0));
    for (uint32_t i = 0; i < 16; i++) {
        b->scales[i] = (int8_t) ((int) draw(31, seed * 16 + i, 256) - 128);
        b->leasts[i] = (uint8_t) draw(32, seed * 16 + i, 256);
    }
}

/* ---- kernels ---- */

/* [PANELS] pieces of K numbers, and the same as floats [PANELS, K, PANEL]. */
static char *
draw_pieces(const ac_quants *quants, int64_t K, float *numbers)
{
    const size_t bytes = ac_quantized_piece_bytes(ac_quants_shape_of(quants->kind), K);
    char *pieces = NULL;

    assert_int_equal(ac_alloc_aligned(&pieces, PANELS, bytes), AC_OK);
    memset(pieces, 0, PANELS * bytes);
    for (int c = 0; c < PANELS * PANEL; c++)
        for (int64_t k = 0; k < K; k += quants->block) {
            ac_quants_block block;
            float y[AC_QUANTS_LONGEST];
            draw_block(&block, quants, (uint32_t) (c * 8 + k / 32));
            ac_quants_decode(quants, y, &block);
            ac_quantized_pack(pieces + (size_t) (c / PANEL) * bytes, quants, K, c % PANEL,
                              &block, k);
            for (int64_t i = 0; i < quants->block; i++)
                numbers[(c / PANEL * K + k + i) * PANEL + c % PANEL] = y[i];
        }
    return pieces;
}

static void
check_row(const ac_kernel_set *set, const ac_quants *quants, const char *pieces,
          const float *numbers, int64_t K, int64_t panels)
{
    float a[DEPTH], y[PANELS * PANEL + 1];

    for (uint32_t k = 0; k < K; k++)
        a[k] = draw_float(40, k);
    y[panels * PANEL] = 77;
    for (int add = 0; add < 2; add++)
        set->product->quantized[quants->kind].row(y, a, pieces, K, panels, add);
    for (int64_t c = 0; c < panels * PANEL; c++) {
        float sum = 0;
        for (int64_t k = 0; k < K; k++)
            sum = fmaf(a[k], numbers[(c / PANEL * K + k) * PANEL + c % PANEL], sum);
        sum += sum;
        if (memcmp(&y[c], &sum, sizeof sum) != 0)
            fail_msg("%s, kind %d, K %lld, %lld panels: y[%lld] is %a, not %a", set->name,
                     (int) quants->kind, (long long) K, (long long) panels, (long long) c,
                     (double) y[c], (double) sum);
    }
    assert_true(y[panels * PANEL] == 77);
}

static void
kernels_as_defined(void **state)
{
    static const int64_t depths[] = { 32, 96, 256 };
    static float numbers[PANELS * DEPTH * PANEL], expanded[DEPTH * PANEL];
    int count;
    const ac_kernel_set *sets = ac_kernel_sets(&count);

    (void) state;
    for (int kind = 0; kind < AC_QUANTS_COUNT; kind++) {
        const ac_quants quants = quants_of(kind);
        for (size_t d = 0; d < sizeof depths / sizeof *depths; d++) {
            const int64_t K = depths[d];
            char *pieces;
            if (K % quants.block)
                continue;
            pieces = draw_pieces(&quants, K, numbers);
            for (int i = 0; i < count; i++) {
                if (!ac_cpu_has(sets[i].instructions))
                    continue;
                sets[i].product->quantized[kind].expand(expanded, pieces, K);
                if (memcmp(expanded, numbers, (size_t) (K * PANEL) * sizeof *numbers) != 0)
                    fail_msg("%s, kind %d, K %lld: other numbers", sets[i].name, kind,
                             (long long) K);
                for (int64_t panels = 1; panels <= PANELS; panels++)
                    check_row(&sets[i], &quants, pieces, numbers, K, panels);
            }
            free(pieces);
        }
    }
}

/* ---- layers ---- */

typedef struct stored_weights {
    ac_tensor tensors[3];
    ac_tensor_form forms[3];
    ac_quants quants[3];
    void *data[3];
    int parts;
} stored_weights;

static void
read_plain_blocks(const ac_tensor *self, float *y, int64_t first, int64_t n)
{
    const ac_quants *q = self->form->quants;
    const ac_quants_block *blocks = self->data;
    float whole[AC_QUANTS_LONGEST];

    for (int64_t i = first; i < first + n; i++) {
        ac_quants_decode(q, whole, &blocks[i / q->block]);
        y[i - first] = whole[i % q->block];
    }
}

/* rows [parts]; kinds of quantization, or 100: F16, 101: BF16, 102: F16 transposed. */
static void
weights_init(stored_weights *self, const int64_t *rows, const int *kinds, int parts, int64_t in)
{
    *self = (stored_weights){ .parts = parts };
    for (int p = 0; p < parts; p++) {
        const int64_t n = rows[p] * in;
        ac_tensor *t = &self->tensors[p];
        *t = (ac_tensor){ .name = "weight", .rank = 2, .shape = { rows[p], in } };
        if (kinds[p] >= 100) {
            uint16_t *x = malloc((size_t) n * sizeof *x);
            for (int64_t i = 0; i < n; i++)
                x[i] = kinds[p] == 101 ? ac_f32_to_bf16(draw_float(50, (uint32_t) i))
                                       : draw_half(60, (uint32_t) i);
            t->data = self->data[p] = x;
            t->dtype = kinds[p] == 101 ? AC_BF16 : AC_F16;
            if (kinds[p] == 102) {
                t->shape[0] = in;
                t->shape[1] = rows[p];
                *t = ac_tensor_transposed(t);
            }
        } else {
            ac_quants_block *x;
            self->quants[p] = quants_of(kinds[p]);
            x = calloc((size_t) (n / self->quants[p].block), sizeof *x);
            for (int64_t i = 0; i < n / self->quants[p].block; i++)
                draw_block(&x[i], &self->quants[p], (uint32_t) i + 1000 * (uint32_t) p);
            self->forms[p] = (ac_tensor_form){ read_plain_blocks, &self->quants[p] };
            t->data = self->data[p] = x;
            t->form = &self->forms[p];
        }
    }
}

typedef struct made_layer {
    ac_linear net;
    void *packed;
    size_t bytes;
} made_layer;

static void
layer_init(made_layer *self, const stored_weights *w, const ac_tensor *bias, bool stored)
{
    const ac_compute compute = { AC_BACKEND_NATIVE, AC_PRECISION_FP32 };
    const ac_tensor *weights[3], *biases[3] = { bias };
    int64_t out = 0, in = w->tensors[0].shape[1];

    for (int p = 0; p < w->parts; p++) {
        weights[p] = &w->tensors[p];
        out += weights[p]->shape[0];
    }
    self->bytes = stored ? ac_linear_stored_bytes(&compute, weights, w->parts)
                         : ac_linear_packed_bytes(&compute, out, in);
    assert_int_equal(ac_alloc_aligned(&self->packed, (int64_t) self->bytes, 1), AC_OK);
    assert_int_equal((stored ? ac_linear_init_stored : ac_linear_init)(
                         &self->net, &compute, weights, biases, w->parts, self->packed, true),
                     AC_OK);
}

static void
forward(const made_layer *l, float *y, const float *x, int64_t M)
{
    ac_scratch scratch = { 0 };

    assert_int_equal(ac_scratch_init(&scratch, ac_linear_scratch_bytes(&l->net, M)), AC_OK);
    ac_linear_forward(&l->net, y, x, M, AC_ACTIVATION_NONE, NULL, &scratch);
    ac_scratch_free(&scratch);
}

/* Stored and expanded: the same bits for any number of rows and threads. smaller: the stored
 * layer must be. */
static void
check_layer(const int64_t *rows, const int *kinds, int parts, int64_t in, bool smaller)
{
    static const int64_t counts[] = { 1, 2, 13, 97 };
    enum { MOST = 97 };
    stored_weights w;
    made_layer stored, expanded;
    float bias[64], *x = malloc((size_t) (MOST * in) * sizeof *x), *y, *z;
    ac_tensor bias_tensor = { .name = "bias", .rank = 1, .shape = { rows[0] }, .data = bias };

    for (uint32_t i = 0; i < 64; i++)
        bias[i] = draw_float(70, i);
    for (uint32_t i = 0; i < MOST * in; i++)
        x[i] = draw_float(71, i);
    weights_init(&w, rows, kinds, parts, in);
    layer_init(&stored, &w, rows[0] <= 64 ? &bias_tensor : NULL, true);
    layer_init(&expanded, &w, rows[0] <= 64 ? &bias_tensor : NULL, false);
    assert_int_equal(stored.bytes < expanded.bytes, smaller);
    y = malloc((size_t) (MOST * stored.net.out) * sizeof *y);
    z = malloc((size_t) (MOST * stored.net.out) * sizeof *z);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        omp_set_num_threads(1 + (int) i % 3);
        forward(&expanded, y, x, counts[i]);
        omp_set_num_threads(3 - (int) i % 3);
        forward(&stored, z, x, counts[i]);
        if (memcmp(y, z, (size_t) (counts[i] * stored.net.out) * sizeof *y) != 0)
            fail_msg("%s, kind %d, %d parts, in %lld: %lld rows have other bits",
                     ac_kernels()->name, kinds[0], parts, (long long) in,
                     (long long) counts[i]);
    }
    for (int p = 0; p < parts; p++)
        free(w.data[p]);
    ac_linear_free(&stored.net);
    ac_linear_free(&expanded.net);
    free(stored.packed);
    free(expanded.packed);
    free(x);
    free(y);
    free(z);
}

static void
check_layers(void)
{
    enum { S4 = AC_QUANTS_S4, U4 = AC_QUANTS_U4, S8 = AC_QUANTS_S8 };

    for (int kind = 0; kind < AC_QUANTS_COUNT; kind++) {
        const int64_t in = quants_of(kind).block == 256 ? 512 : 288;
        check_layer((int64_t[]){ 41 }, (int[]){ kind }, 1, in, true);
    }
    check_layer((int64_t[]){ 560 }, (int[]){ U4 }, 1, 64, true);
    check_layer((int64_t[]){ 48, 16, 17 }, (int[]){ U4, S8, S4 }, 3, 96, true);
    check_layer((int64_t[]){ 64, 32, 32 },
                (int[]){ AC_QUANTS_U4_1, AC_QUANTS_U4_1, AC_QUANTS_S6_2 }, 3, 256, true);
    check_layer((int64_t[]){ 9, 40 }, (int[]){ U4, U4 }, 2, 64, false); /* no whole panel */
    check_layer((int64_t[]){ 16, 16 }, (int[]){ U4, 100 }, 2, 64, false);
    check_layer((int64_t[]){ 100, 101 }, (int[]){ 100, 101 }, 2, 64, false);
    for (int kind = 100; kind <= 102; kind++) {
        check_layer((int64_t[]){ 49 }, (int[]){ kind }, 1, 300, true);
        check_layer((int64_t[]){ 33, 7 }, (int[]){ kind, kind }, 2, 61, true);
    }
}

static void
layers_as_expanded(void **state)
{
    int count;
    const ac_kernel_set *sets = ac_kernel_sets(&count);

    (void) state;
    for (int i = 0; i < count; i++) {
        if (!ac_cpu_has(sets[i].instructions)) {
            print_message("%s: SKIPPED, this CPU does not run it\n", sets[i].name);
            continue;
        }
        assert_int_equal(ac_kernels_use(sets[i].name), AC_OK);
        check_layers();
    }
    assert_int_equal(ac_kernels_use("auto"), AC_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_as_defined),
        cmocka_unit_test(layers_as_expanded),
    };

    ac_compute_init(2);
    print_message("seed %d\n", SEED);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
