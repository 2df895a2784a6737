/* Pictures: JPEG, PNG, BMP, WebP. Promises: a reason, or pixels that can all be read, no more than allowed. */
#include "io/picture.h"
#include "tests/support/fuzz.h"

enum { MAX_PIXELS = 1 << 16 };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    ac_picture picture = { 0 };
    ac_verdict verdict = { 0 };

    FUZZ_CHECK(ac_picture_decode(&picture, data, n, MAX_PIXELS, &verdict) == AC_OK);
    if (verdict.reason == AC_GOOD) {
        volatile unsigned char sum = 0;
        FUZZ_CHECK(picture.width > 0 && picture.height > 0 && picture.width * picture.height <= MAX_PIXELS);
        for (int64_t i = 0; i < picture.width * picture.height * ac_picture_pixel_bytes(picture.mode); i++)
            sum = (unsigned char) (sum ^ ((const uint8_t *) picture.pixels)[i]);
    } else {
        FUZZ_CHECK(picture.pixels == NULL);
    }
    ac_picture_free(&picture);
    return 0;
}
