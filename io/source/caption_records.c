#include "io/source/caption_records.h"

#include <stdlib.h>

void
ac_caption_records_free(ac_caption_records *self)
{
    ac_texts_free(&self->ids);
    ac_texts_free(&self->names);
    ac_texts_free(&self->captions);
    ac_texts_free(&self->entries);
    free(self->entry_ends);
    free(self->entry_ids);
    free(self->margins);
    *self = (ac_caption_records){ 0 };
}

ac_status
ac_caption_records_push(ac_caption_records *self, const char *id, size_t id_bytes,
                        const char *name, size_t name_bytes, const char *caption,
                        size_t caption_bytes)
{
    ac_status st = AC_OK;

    AC_TRY(ac_texts_push(&self->ids, id, id_bytes));
    AC_TRY(ac_texts_push(&self->names, name, name_bytes));
    AC_TRY(ac_texts_push(&self->captions, caption, caption_bytes));
out:
    return st;
}

ac_status
ac_caption_id(ac_buffer *out, const json_t *id, const char *place)
{
    ac_buffer_reset(out);
    if (json_is_string(id))
        return ac_buffer_push(out, json_string_value(id), json_string_length(id));
    if (json_is_integer(id))
        return ac_buffer_printf(out, "%lld", (long long) json_integer_value(id));
    return ac_error_set(AC_E_FORMAT, "%s: an id is a text or a whole number", place);
}
