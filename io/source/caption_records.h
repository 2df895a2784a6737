/** Captions as they are read, in any order, before they become a set; and ids of JSON. */
#ifndef AC_IO_SOURCE_CAPTION_RECORDS_H
#define AC_IO_SOURCE_CAPTION_RECORDS_H

#include <jansson.h>
#include <stdbool.h>

#include "engine/base/buffer.h"

/** Records as they were read. Starts zeroed. */
typedef struct ac_caption_records {
    ac_texts ids, names, captions; /* [n]: a caption each */
    ac_texts entries;              /* tables, one after the other */
    int64_t *entry_ends, *entry_ids;
    double *margins;
    int64_t capacity, margin_capacity, id_capacity;
    bool has_tables;
    bool format_is_run;
    bool reviewed;    /* asked for: "reviewed" of JSON lines counts */
    int64_t rejected; /* of them: lines left out */
    int64_t blank_lines;
    const char *format;
} ac_caption_records;

void ac_caption_records_free(ac_caption_records *self);

/** A caption of an id; name "" where it is not known. */
AC_MUST_CHECK ac_status ac_caption_records_push(ac_caption_records *self, const char *id,
                                                size_t id_bytes, const char *name,
                                                size_t name_bytes, const char *caption,
                                                size_t caption_bytes);

/** An id of JSON, a text or a whole number. place: for messages. */
AC_MUST_CHECK ac_status ac_caption_id(ac_buffer *out, const json_t *id, const char *place);

#endif
