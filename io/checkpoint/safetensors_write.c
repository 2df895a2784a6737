#include "io/checkpoint/safetensors_write.h"

#include <string.h>

#include "io/file/json_write.h"
#include "io/file/text_file.h"

enum { ALIGNMENT = 8 };

static size_t
tensor_bytes(const ac_tensor *t)
{
    return (size_t) ac_tensor_count(t) * ac_dtype_bytes(t->dtype);
}

static void
push_metadata(ac_buffer *header, const ac_metadata *metadata, int count)
{
    ac_buffer_push_text(header, "\"__metadata__\":{");
    for (int i = 0; i < count; i++) {
        if (i)
            ac_buffer_push_char(header, ',');
        ac_json_text(header, metadata[i].key);
        ac_buffer_push_char(header, ':');
        ac_json_text(header, metadata[i].value);
    }
    ac_buffer_push_char(header, '}');
}

static void
push_entry(ac_buffer *header, const ac_tensor *t, size_t begin)
{
    ac_json_text(header, t->name);
    ac_buffer_printf(header, ":{\"dtype\":\"%s\",\"shape\":[", ac_dtype_name(t->dtype));
    for (int i = 0; i < t->rank; i++)
        ac_buffer_printf(header, "%s%lld", i ? "," : "", (long long) t->shape[i]);
    ac_buffer_printf(header, "],\"data_offsets\":[%zu,%zu]}", begin, begin + tensor_bytes(t));
}

/* The eight bytes of the length, and the header itself. */
static ac_status
push_header(ac_buffer *out, const ac_tensors *tensors, const ac_metadata *metadata,
            int metadata_count)
{
    ac_buffer header = { 0 };
    size_t begin = 0;
    ac_status st;

    ac_buffer_push_char(&header, '{');
    if (metadata_count)
        push_metadata(&header, metadata, metadata_count);
    for (int64_t i = 0; i < tensors->count; i++) {
        AC_CHECK(i == 0 || strcmp(tensors->items[i - 1].name, tensors->items[i].name) < 0);
        if (i || metadata_count)
            ac_buffer_push_char(&header, ',');
        push_entry(&header, &tensors->items[i], begin);
        begin += tensor_bytes(&tensors->items[i]);
    }
    ac_buffer_push_char(&header, '}');
    while (header.status == AC_OK && header.size % ALIGNMENT)
        ac_buffer_push_char(&header, ' ');
    st = header.status;
    if (st == AC_OK) {
        for (int i = 0; i < 8; i++)
            ac_buffer_push_char(out, (char) (unsigned char) (header.size >> (8 * i)));
        st = ac_buffer_push(out, header.data, header.size);
    }
    ac_buffer_free(&header);
    return st;
}

ac_status
ac_safetensors_format(ac_buffer *out, const ac_tensors *tensors, const ac_metadata *metadata,
                      int metadata_count)
{
    ac_status st = push_header(out, tensors, metadata, metadata_count);

    for (int64_t i = 0; i < tensors->count && st == AC_OK; i++)
        st = ac_buffer_push(out, tensors->items[i].data, tensor_bytes(&tensors->items[i]));
    return st;
}

/* Tensor by tensor, so that a whole model need not stand in memory twice. */
ac_status
ac_safetensors_save(const char *path, const ac_tensors *tensors, const ac_metadata *metadata,
                    int metadata_count)
{
    ac_text_file file = { 0 };
    ac_buffer header = { 0 };
    ac_status st;

    AC_TRY(push_header(&header, tensors, metadata, metadata_count));
    AC_TRY(ac_text_file_create(&file, path));
    ac_text_file_write(&file, header.data, header.size);
    for (int64_t i = 0; i < tensors->count; i++)
        ac_text_file_write(&file, tensors->items[i].data, tensor_bytes(&tensors->items[i]));
    st = ac_text_file_commit(&file);
out:
    ac_text_file_abandon(&file);
    ac_buffer_free(&header);
    return st;
}
