/* Images: JPEG, PNG, BMP, WebP. Promises: a reason, or pixels that can all be read, no more
 * than allowed. */
#include "io/image/decode.h"
#include "tests/support/fuzz.h"

enum { MAX_PIXELS = 1 << 16 };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    ac_image image = { 0 };
    ac_item_status item_status = { 0 };

    FUZZ_CHECK(ac_image_decode(&image, data, n, MAX_PIXELS, &item_status) == AC_OK);
    if (item_status.reason == AC_GOOD) {
        volatile unsigned char sum = 0;
        FUZZ_CHECK(image.width > 0 && image.height > 0 &&
                   image.width * image.height <= MAX_PIXELS);
        for (int64_t i = 0; i < image.width * image.height * ac_image_pixel_bytes(image.mode);
             i++)
            sum = (unsigned char) (sum ^ ((const uint8_t *) image.pixels)[i]);
    } else {
        FUZZ_CHECK(image.pixels == NULL);
    }
    ac_image_free(&image);
    return 0;
}
