#include "jobs/runtime/item_names.h"

static ac_status
key_of_image(const void *of, int64_t item, ac_buffer *out)
{
    const ac_image_source *images = of;

    return ac_image_source_key(images, item, out);
}

static ac_status
text_itself(const void *of, int64_t item, ac_buffer *out)
{
    const ac_texts *texts = of;

    ac_buffer_reset(out);
    return ac_buffer_push(out, ac_texts_at(texts, item), ac_texts_size(texts, item));
}

ac_item_names
ac_item_names_of_images(const ac_image_source *images)
{
    return (ac_item_names){ key_of_image, images };
}

ac_item_names
ac_item_names_of_texts(const ac_texts *texts)
{
    return (ac_item_names){ text_itself, texts };
}
