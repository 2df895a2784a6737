/* The trainer's own promises, on a small model of random numbers: the same bits for any number
 * of threads and with recomputation, dropout's gradient by finite differences, the model
 * generates with the trained numbers, no target no gradient. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/training/bart_train.h"
#include "tests/support/model.h"

enum { C = 48, F = 80, V = 301, LAYERS = 2, HEADS = 3, POSITIONS = 40, MOST_TENSORS = 128 };

/* A model of random numbers under Hugging Face's names. */
typedef struct random_model {
    ac_tensor items[MOST_TENSORS];
    char names[MOST_TENSORS][160];
    ac_tensors tensors;
    ac_bart_config config;
    ac_bart bart;
    ac_bart_trainer trainer;
    void *packed, *packed_back;
} random_model;

static void
add(random_model *m, int64_t rows, int64_t columns, float mean, float spread, const char *name)
{
    ac_tensor *t = &m->items[m->tensors.count];
    const int64_t n = rows * (columns ? columns : 1);
    float *x = malloc((size_t) n * sizeof *x);
    const uint64_t stream = ac_random_stream(name, strlen(name));

    assert_true(m->tensors.count < MOST_TENSORS);
    for (int64_t i = 0; i < n; i++)
        x[i] = mean + spread * (float) (2 * ac_random_uniform(1, stream, (uint32_t) i, 0) - 1);
    snprintf(m->names[m->tensors.count], sizeof m->names[0], "%s", name);
    *t = (ac_tensor){ .name = m->names[m->tensors.count++],
                      .dtype = AC_F32,
                      .rank = columns ? 2 : 1,
                      .shape = { rows, columns },
                      .data = x };
}

static void
add_layer(random_model *m, const char *stack, int layer, const char *name, int64_t out,
          int64_t in)
{
    char full[160];

    snprintf(full, sizeof full, "model.%s.layers.%d.%s.weight", stack, layer, name);
    if (in)
        add(m, out, in, 0, 2 / sqrtf((float) in), full);
    else
        add(m, out, 0, 1, 0.5f, full);
    snprintf(full, sizeof full, "model.%s.layers.%d.%s.bias", stack, layer, name);
    add(m, out, 0, 0, 0.2f, full);
}

static int
compare(const void *a, const void *b)
{
    return strcmp(((const ac_tensor *) a)->name, ((const ac_tensor *) b)->name);
}

static void
make_tensors(random_model *m)
{
    static const char *const stacks[] = { "encoder", "decoder" };
    static const char *const projections[] = { "q_proj", "k_proj", "v_proj", "out_proj" };
    char name[96];

    add(m, V, C, 0, 1, "model.shared.weight");
    for (int s = 0; s < 2; s++) {
        snprintf(name, sizeof name, "model.%s.embed_positions.weight", stacks[s]);
        add(m, POSITIONS + 2, C, 0, 0.5f, name);
        snprintf(name, sizeof name, "model.%s.layernorm_embedding.weight", stacks[s]);
        add(m, C, 0, 1, 0.2f, name);
        snprintf(name, sizeof name, "model.%s.layernorm_embedding.bias", stacks[s]);
        add(m, C, 0, 0, 0.2f, name);
        for (int l = 0; l < LAYERS; l++) {
            for (int p = 0; p < 4; p++) {
                snprintf(name, sizeof name, "self_attn.%s", projections[p]);
                add_layer(m, stacks[s], l, name, C, C);
                snprintf(name, sizeof name, "encoder_attn.%s", projections[p]);
                if (s)
                    add_layer(m, stacks[s], l, name, C, C);
            }
            add_layer(m, stacks[s], l, "fc1", F, C);
            add_layer(m, stacks[s], l, "fc2", C, F);
            add_layer(m, stacks[s], l, "self_attn_layer_norm", C, 0);
            add_layer(m, stacks[s], l, "final_layer_norm", C, 0);
            if (s)
                add_layer(m, stacks[s], l, "encoder_attn_layer_norm", C, 0);
        }
    }
    m->tensors.items = m->items;
    m->tensors.source = "random numbers";
    qsort(m->items, (size_t) m->tensors.count, sizeof *m->items, compare);
}

static random_model the;

static const char *const backend_names[] = { "auto", "openblas", "onednn", "native" };
static ac_compute backends[TEST_BACKENDS];
static int backend; /* the one under test */

static int
open_model(void **state)
{
    const ac_compute compute = backends[backend];

    (void) state;
    the = (random_model){ .config = { .d_model = C,
                                      .vocab_size = V,
                                      .max_position_embeddings = POSITIONS,
                                      .encoder_layers = LAYERS,
                                      .decoder_layers = LAYERS,
                                      .encoder_attention_heads = HEADS,
                                      .decoder_attention_heads = HEADS,
                                      .encoder_ffn_dim = F,
                                      .decoder_ffn_dim = F,
                                      .activation_function = AC_ACTIVATION_GELU,
                                      .layer_norm_eps = 1e-5f,
                                      .dropout = 0.2f,
                                      .attention_dropout = 0.3f,
                                      .activation_dropout = 0.1f } };
    make_tensors(&the);
    assert_int_equal(
        ac_alloc_aligned(&the.packed, (int64_t) ac_bart_packed_bytes(&the.config, &compute), 1),
        AC_OK);
    assert_int_equal(
        ac_alloc_aligned(&the.packed_back,
                         (int64_t) ac_bart_trainer_packed_bytes(&the.config, &compute), 1),
        AC_OK);
    return ac_bart_init(&the.bart, &the.config, &the.tensors, NULL, &compute, the.packed,
                        true) ||
           ac_bart_trainer_init(&the.trainer, &the.bart, &the.tensors, &compute,
                                the.packed_back, true);
}

static int
close_model(void **state)
{
    (void) state;
    ac_bart_trainer_free(&the.trainer);
    ac_bart_free(&the.bart);
    for (int64_t i = 0; i < the.tensors.count; i++)
        free((void *) (uintptr_t) the.items[i].data);
    free(the.packed);
    free(the.packed_back);
    return 0;
}

enum { B = 3 };
static const int64_t offsets[B + 1] = { 0, 7, 8, 30 },
                                 decoder_offsets[B + 1] = { 0, 4, 10, 11 };
static const uint64_t streams[B] = { 11, 22, 33 };
static int32_t ids[30], decoder_ids[11], labels[11];

static ac_bart_batch
make_batch(bool dropout)
{
    for (int i = 0; i < 30; i++)
        ids[i] = (7 * i + 3) % V;
    for (int i = 0; i < 11; i++) {
        decoder_ids[i] = (13 * i + 1) % V;
        labels[i] = i == 5 ? AC_NO_TARGET : (29 * i + 2) % V;
    }
    return (ac_bart_batch){ .B = B,
                            .ids = ids,
                            .offsets = offsets,
                            .decoder_ids = decoder_ids,
                            .labels = labels,
                            .decoder_offsets = decoder_offsets,
                            .streams = dropout ? streams : NULL };
}

static float *
gradient_of(const ac_bart_batch *batch, ac_bart_loss *loss)
{
    float *g = malloc((size_t) the.trainer.count * sizeof *g);

    assert_int_equal(ac_bart_trainer_run(&the.trainer, batch, g, loss), AC_OK);
    return g;
}

static void
same_bits_for_any_threads_and_with_recomputation(void **state)
{
    const ac_bart_batch batch = make_batch(true);
    const size_t bytes = (size_t) the.trainer.count * sizeof(float);
    ac_bart_loss first, loss;
    float *expected, *found;

    (void) state;
    ac_bart_trainer_set_dropout(&the.trainer, -1, 42);
    omp_set_num_threads(1);
    expected = gradient_of(&batch, &first);
    for (int threads = 1; threads <= 4; threads++) {
        for (int recompute = 0; recompute < 2; recompute++) {
            omp_set_num_threads(threads);
            the.trainer.recompute = recompute;
            found = gradient_of(&batch, &loss);
            assert_memory_equal(found, expected, bytes);
            assert_true(loss.sum == first.sum);
            free(found);
        }
    }
    the.trainer.recompute = false;
    free(expected);
}

static void
recomputation_needs_less_memory(void **state)
{
    const ac_bart_batch batch = make_batch(false);
    ac_bart_loss kept, again, alone;

    (void) state;
    omp_set_num_threads(1);
    free(gradient_of(&batch, &kept));
    the.trainer.recompute = true;
    free(gradient_of(&batch, &again));
    the.trainer.recompute = false;
    assert_int_equal(ac_bart_trainer_run(&the.trainer, &batch, NULL, &alone), AC_OK);
    assert_true(again.bytes < kept.bytes);
    assert_true(alone.bytes < again.bytes);
}

/* The gradient along a direction against the difference of two losses, with every dropout on:
 * the backward pass must drop what the forward pass dropped. Central differences of fp32
 * losses: good to about 1e-3 of the slope at this step. */
static void
gradient_is_the_slope(bool dropout)
{
    const ac_bart_batch batch = make_batch(dropout);
    const double step = 2e-3;
    double slope = 0, values[2];
    ac_bart_loss loss;
    float *g, *start;
    int64_t n = the.trainer.count;

    ac_bart_trainer_set_dropout(&the.trainer, -1, 7);
    g = gradient_of(&batch, &loss);
    assert_int_equal(loss.targets, 10);
    start = malloc((size_t) n * sizeof *start);
    memcpy(start, the.trainer.values, (size_t) n * sizeof *start);
    for (int way = 0; way < 2; way++) {
        for (int64_t i = 0; i < n; i++) {
            const double direction = 2 * ac_random_uniform(3, 1, (uint32_t) i, 0) - 1;
            the.trainer.values[i] = (float) (start[i] + (way ? step : -step) * direction);
            slope += way ? direction * g[i] : 0;
        }
        assert_int_equal(ac_bart_trainer_run(&the.trainer, &batch, NULL, &loss), AC_OK);
        values[way] = loss.sum / (double) loss.targets;
    }
    memcpy(the.trainer.values, start, (size_t) n * sizeof *start);
    printf("slope %g, by differences %g\n", slope, (values[1] - values[0]) / (2 * step));
    assert_true(fabs(slope) > 0.05);
    assert_true(fabs((values[1] - values[0]) / (2 * step) - slope) < 0.01 * fabs(slope) + 2e-3);
    free(g);
    free(start);
}

static void
gradient_is_the_slope_without_dropout(void **state)
{
    (void) state;
    gradient_is_the_slope(false);
}

static void
gradient_is_the_slope_with_dropout(void **state)
{
    (void) state;
    gradient_is_the_slope(true);
}

/* An item's dropout does not depend on what else is in its batch: the loss of three alone is
 * the loss of the three together. (Products of other shapes may differ in their last bits.) */
static void
dropout_belongs_to_the_item(void **state)
{
    ac_bart_batch batch = make_batch(true);
    ac_bart_loss together, alone;
    double sum = 0;

    (void) state;
    ac_bart_trainer_set_dropout(&the.trainer, -1, 42);
    assert_int_equal(ac_bart_trainer_run(&the.trainer, &batch, NULL, &together), AC_OK);
    for (int b = 0; b < B; b++) {
        const int64_t one[2] = { 0, offsets[b + 1] - offsets[b] },
                      decoder_one[2] = { 0, decoder_offsets[b + 1] - decoder_offsets[b] };
        const ac_bart_batch item = { .B = 1,
                                     .ids = ids + offsets[b],
                                     .offsets = one,
                                     .decoder_ids = decoder_ids + decoder_offsets[b],
                                     .labels = labels + decoder_offsets[b],
                                     .decoder_offsets = decoder_one,
                                     .streams = streams + b };
        assert_int_equal(ac_bart_trainer_run(&the.trainer, &item, NULL, &alone), AC_OK);
        sum += alone.sum;
    }
    assert_true(fabs(sum - together.sum) < 1e-4);
    batch.streams = NULL;
    assert_int_equal(ac_bart_trainer_run(&the.trainer, &batch, NULL, &alone), AC_OK);
    assert_true(fabs(alone.sum - together.sum) > 1e-2);
}

static void
no_target_no_gradient(void **state)
{
    const ac_bart_batch batch = make_batch(false);
    ac_bart_loss loss;
    float *g;

    (void) state;
    for (int i = 0; i < 11; i++)
        labels[i] = AC_NO_TARGET;
    g = gradient_of(&batch, &loss);
    assert_int_equal(loss.targets, 0);
    assert_true(loss.sum == 0);
    for (int64_t i = 0; i < the.trainer.count; i++)
        assert_true(g[i] == 0);
    free(g);
}

static void
model_computes_with_the_trained_numbers(void **state)
{
    const int64_t one[2] = { 0, 5 };
    const int32_t text[5] = { 0, 5, 6, 7, 2 };
    float before[5 * C], after[5 * C];
    ac_scratch scratch = { 0 };

    (void) state;
    assert_int_equal(ac_scratch_init(&scratch, ac_bart_encode_scratch_bytes(&the.bart, 1, 5)),
                     AC_OK);
    ac_bart_encode(&the.bart, before, text, one, 1, &scratch);
    the.trainer.values[the.trainer.count - 1] +=
        1; /* "…self_attn_layer_norm.weight" of the encoder's last layer, by name */
    ac_bart_encode(&the.bart, after, text, one, 1, &scratch);
    the.trainer.values[the.trainer.count - 1] -= 1;
    assert_memory_not_equal(before, after, sizeof before);
    ac_scratch_free(&scratch);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits_for_any_threads_and_with_recomputation),
        cmocka_unit_test(recomputation_needs_less_memory),
        cmocka_unit_test(gradient_is_the_slope_without_dropout),
        cmocka_unit_test(gradient_is_the_slope_with_dropout),
        cmocka_unit_test(dropout_belongs_to_the_item),
        cmocka_unit_test(no_target_no_gradient),
        cmocka_unit_test(model_computes_with_the_trained_numbers),
    };

    int failed = 0;

    ac_compute_init(1);
    for (int n = test_backends(backends); backend < n; backend++)
        failed += cmocka_run_group_tests_name(backend_names[backends[backend].backend], tests,
                                              open_model, close_model);
    return failed;
}
