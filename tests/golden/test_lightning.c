/* AC_TEST_LABELS: formats */
/* The reference's Lightning checkpoint -> the layer norms it trained (golden/train): exactly
 * those of ten steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/checkpoint/lightning.h"
#include "io/checkpoint/safetensors.h"
#include "tests/support/golden.h"
#include "tests/support/model.h"

/* Which step the checkpoint was saved after, it says itself. */
static void
compare(const char *name, int least)
{
    char relative[64], wanted[256];
    char *path, *steps_path = golden_path("train/steps_tmax_100000.safetensors");
    ac_lightning c;
    ac_safetensors steps;
    int compared = 0;

    snprintf(relative, sizeof relative, "train/%s", name);
    path = golden_path(relative);
    if (!path || !steps_path) {
        free(path);
        free(steps_path);
        skip();
    }
    if (ac_lightning_open(&c, path) != AC_OK)
        fail_msg("%s", ac_error_message());
    assert_int_equal(ac_safetensors_open(&steps, steps_path), AC_OK);
    for (int64_t i = 0; i < c.layer_norms.count; i++) {
        const ac_tensor *t = &c.layer_norms.items[i];
        snprintf(wanted, sizeof wanted, "step%lld.param.%s", (long long) c.step, t->name);
        test_assert_close(t->name, ac_tensor_in_place(t), test_floats(&steps.tensors, wanted),
                          ac_tensor_count(t), 0);
        compared++;
    }
    assert_true(compared >= least);
    ac_safetensors_close(&steps);
    ac_lightning_close(&c);
    free(path);
    free(steps_path);
}

static void
whole_module(void **state)
{
    (void) state;
    compare("lightning.ckpt", 1);
}

static void
foreign_classes(void **state)
{
    (void) state;
    compare("lightning_foreign_classes.ckpt", 1);
}

/* A state dict that has nothing of BART's, and one with half a layer. */
static void
refused(void **state)
{
    static const char *const names[] = { "formats/torch/state_dict.pt",
                                         "formats/torch/lightning_dict.ckpt" };
    static const char *const words[] = { "holds no layer norms", "not whole" };

    (void) state;
    for (int i = 0; i < 2; i++) {
        char *path = golden_path(names[i]);
        ac_lightning c;
        if (!path)
            skip();
        assert_int_equal(ac_lightning_open(&c, path), AC_E_FORMAT);
        if (!strstr(ac_error_message(), words[i]) || !strstr(ac_error_message(), names[i]))
            fail_msg("%s", ac_error_message());
        ac_lightning_close(&c);
        free(path);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(whole_module),
                                        cmocka_unit_test(foreign_classes),
                                        cmocka_unit_test(refused) };

    return golden_result(cmocka_run_group_tests(tests, NULL, NULL));
}
