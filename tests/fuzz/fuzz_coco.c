/* AC_FUZZ_CORPUS: data/golden/formats/coco */
/* COCO's captions. Promises: refused, or at most five captions an image. */
#include "io/source/coco.h"
#include "tests/support/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    ac_coco c;

    if (ac_coco_read(&c, fuzz_file(data, n)) == AC_OK) {
        FUZZ_CHECK(c.file_names.count == c.count && c.id_texts.count == c.count);
        for (int64_t i = 0; i < c.count; i++) {
            const ac_coco_image *image = ac_coco_image_at(&c, i);
            FUZZ_CHECK(image->caption_count <= AC_COCO_MAX_CAPTIONS);
            for (int k = 0; k < image->caption_count; k++)
                FUZZ_CHECK(image->captions[k] >= 0 && image->captions[k] < c.captions.count);
        }
    }
    ac_coco_free(&c);
    return 0;
}
