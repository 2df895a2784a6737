/**
 * What is trained on, as token ids: images of a folder that have tables and captions, in the
 * order of their keys. Rank 0 writes it into a file of the run folder, which all ranks map: of
 * its own no rank holds anything per image.
 */
#ifndef AC_JOBS_TRAIN_CAPTIONED_SET_H
#define AC_JOBS_TRAIN_CAPTIONED_SET_H

#include "io/file/map.h"
#include "io/file/spilled_texts.h"

/** Lists of token ids, one after the other: views. */
typedef struct ac_id_view {
    const int32_t *ids;
    const int64_t *offsets; /* [count + 1] */
    int64_t count;
} ac_id_view;

/** Views into the file. Starts zeroed. */
typedef struct ac_captioned_set {
    int64_t count, tables_each;
    const uint64_t *streams;        /* [count]: ac_random_stream of the keys */
    ac_id_view tables;              /* [count × tables_each]: an image's lie together */
    ac_id_view captions;            /* <s> … </s> */
    const int64_t *caption_offsets; /* [count + 1] into captions */
    const int64_t *key_offsets;     /* [count + 1] */
    const char *key_bytes;
} ac_captioned_set;

/** Not zero-terminated. */
static inline const char *
ac_captioned_set_key(const ac_captioned_set *self, int64_t i, size_t *n)
{
    *n = (size_t) (self->key_offsets[i + 1] - self->key_offsets[i]);
    return self->key_bytes + self->key_offsets[i];
}

/** A set while it is made: large it is in files without a name (io/file/spill.h). */
typedef struct ac_set_builder {
    int64_t count, tables_each;
    ac_spill streams;       /* uint64_t [count] */
    ac_spill captions_ends; /* int64_t [count]: where an image's captions end */
    ac_spill table_ids, caption_ids;
    ac_spill table_ends, caption_ends; /* int64_t, into the ids */
    ac_spilled_texts keys;
} ac_set_builder;

/** folder: where files without a name lie; borrowed. */
void ac_set_builder_init(ac_set_builder *self, int64_t tables_each, const char *folder);
void ac_set_builder_free(ac_set_builder *self);

/** A table of the image that is pushed when it has all of them. */
AC_MUST_CHECK ac_status ac_set_builder_push_table(ac_set_builder *self, const int32_t *ids,
                                                  int64_t n);
AC_MUST_CHECK ac_status ac_set_builder_push_caption(ac_set_builder *self, const int32_t *ids,
                                                    int64_t n);
/** Tables of an image that has not all of them: nothing stays. */
void ac_set_builder_drop_tables(ac_set_builder *self);
/** The image whose tables and captions were pushed. */
AC_MUST_CHECK ac_status ac_set_builder_push_image(ac_set_builder *self, const char *key,
                                                  size_t n, uint64_t stream);

/** What the file holds of a set; numbers are this machine's. */
typedef struct ac_set_size {
    int64_t count, tables_each, captions, table_ids, caption_ids, key_bytes;
} ac_set_size;

enum { AC_SETS = 2 }; /* training, validation */

/** Publish the sets as one file. */
AC_MUST_CHECK ac_status ac_captioned_sets_write(const ac_set_builder sets[AC_SETS],
                                                const char *path, ac_set_size sizes[AC_SETS]);

/** The sets of the file, which map owns. AC_E_FORMAT where it is not the one of these sizes. */
AC_MUST_CHECK ac_status ac_captioned_sets_open(ac_captioned_set *const sets[AC_SETS],
                                               ac_map *map, const char *path,
                                               const ac_set_size sizes[AC_SETS]);

#endif
