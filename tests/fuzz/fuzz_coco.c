/* AC_FUZZ_CORPUS: data/golden/formats/coco */
/* COCO's captions. Promises: refused, or at most five captions an image. */
#include "io/source/coco.h"
#include "tests/support/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    ac_coco c;

    if (ac_coco_read(&c, fuzz_file(data, n)) == AC_OK) {
        FUZZ_CHECK(c.file_names.count == c.count && c.caption_offsets[0] == 0 &&
                   c.caption_offsets[c.count] == c.captions.count);
        for (int64_t i = 0; i < c.count; i++)
            FUZZ_CHECK(c.caption_offsets[i + 1] - c.caption_offsets[i] >= 0 &&
                       c.caption_offsets[i + 1] - c.caption_offsets[i] <= AC_COCO_MAX_CAPTIONS);
    }
    ac_coco_free(&c);
    return 0;
}
