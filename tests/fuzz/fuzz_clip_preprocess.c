/* preprocessor_config.json. Promises: refused, or a recipe of the model's size that any image
 * can be prepared by. */
#include <math.h>
#include <string.h>

#include "engine/image/preprocess.h"
#include "io/checkpoint/clip_preprocess.h"
#include "tests/support/fuzz.h"

enum { S = 128 };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static uint8_t pixels[5 * 200], rgb[S * S * 3];
    static float y[3 * S * S];
    const char *folder = fuzz_folder("preprocessor_config.json", data, n);
    const ac_image images[] = {
        { .mode = AC_MODE_L, .width = 200, .height = 5, .pixels = pixels },
        { .mode = AC_MODE_L, .width = 1, .height = 1, .pixels = pixels },
    };
    ac_preprocess_recipe recipe;
    ac_resizer resizer = { 0 };

    if (ac_clip_preprocess_load(&recipe, folder, S, n % 2) != AC_OK)
        return 0;
    FUZZ_CHECK(recipe.size == S && recipe.height > 0 && recipe.width > 0);
    for (int i = 0; i < 2; i++) {
        memset(rgb, 255, sizeof rgb);
        FUZZ_CHECK(ac_image_preprocess(rgb, &images[i], &recipe, &resizer) == AC_OK);
        for (int64_t k = 0; k < S * S * 3; k++) /* a black image, padded with black */
            FUZZ_CHECK(rgb[k] == 0);
    }
    ac_image_normalise(y, rgb, &recipe);
    FUZZ_CHECK(!isnan(y[0]));
    ac_resizer_free(&resizer);
    return 0;
}
