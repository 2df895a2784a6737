/**
 * A source of images, wherever they lie: item i has a key, a place that people can find
 * ("location"), bytes, and what else the source knows of it (captions, metadata). Reading is
 * separate from decoding (io/image/decode.h).
 *
 * Nothing here gives the keys or locations of all items as one array: an item's are made when
 * they are asked for, into the caller's buffer, so that a source of millions need not hold
 * them.
 */
#ifndef AC_IO_SOURCE_IMAGE_SOURCE_H
#define AC_IO_SOURCE_IMAGE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buffer.h"
#include "engine/base/item_status.h"
#include "io/source/passed_over.h"

/** What tells that an item's bytes are still those of before. -1: not known. */
typedef struct ac_image_stamp {
    int64_t size;  /* bytes */
    int64_t mtime; /* nanoseconds since 1970 */
} ac_image_stamp;

/**
 * What a kind of source does; a constant that lives as long as the program. `state` is the
 * source's own. Functions that may be NULL say what that means. All but pack, unpack and free
 * may be called by several threads at a time.
 */
typedef struct ac_image_source_type {
    const char *name; /* "files": which type it is, for the ranks that unpack it */
    ac_status (*key)(const void *state, int64_t i, ac_buffer *out);
    ac_status (*locate)(const void *state, int64_t i, ac_buffer *out);
    ac_status (*file)(const void *state, int64_t i,
                      char **path); /* NULL: no files of their own */
    ac_status (*read)(const void *state, int64_t i, ac_buffer *bytes, ac_item_status *status);
    /* NULL: items are encoded images. *has: false where this one is; then rgb stays as it is */
    ac_status (*pixels)(const void *state, int64_t i, uint8_t *rgb, bool *has);
    /* NULL: not known before the bytes are read */
    ac_status (*hash)(const void *state, int64_t i, char hex[33]);
    ac_status (*check)(const void *state, int64_t i, ac_item_status *status);
    int64_t (*page)(const void *state, int64_t i); /* NULL: all are the first */
    ac_status (*captions)(const void *state, int64_t i, ac_texts *out); /* NULL: none */
    ac_status (*check_captions)(const void *state, int64_t i,
                                ac_item_status *status); /* NULL: nothing is wrong with them */
    ac_status (*metadata)(const void *state, int64_t i, ac_buffer *out); /* NULL: none */
    ac_image_stamp (*stamp)(const void *state, int64_t i);               /* NULL: not known */
    ac_status (*pack)(const void *state, ac_buffer *out); /* NULL: not for other processes */
    ac_status (*unpack)(void **state, const char *bytes, size_t n);
    void (*free)(void *state);
} ac_image_source_type;

/** How an input is looked through. Zeroed: first pages, nothing passed over, all splits. */
typedef struct ac_image_options {
    bool all_pages;    /* each page of a TIFF is an item: every file is opened to count them */
    const char *skip;  /* what a folder's search passes over (io/file/skip.h); NULL: nothing */
    const char *split; /* of annotations that tell them: "train+restval"; NULL: all */
    /* Where the index of a large folder or list is published, to be mapped by every rank; what
     * is needed to make it lies in its folder. NULL: all is in memory */
    const char *index;
    /* Where that is published which other processes need for captions and metadata. NULL: they
     * need none: where the source is unpacked, annotations have none, and of a folder only the
     * .txt files beside images are found */
    const char *texts;
} ac_image_options;

/** Starts zeroed: no items. Items are in the order of their keys. */
enum { AC_PIXELS_BYTES = 160, AC_CAPTION_FIELD_BYTES = 128 };

/** input.captions, where a source's own captions are not what is wanted. */
typedef enum ac_caption_choice {
    AC_CAPTIONS_OWN = 0,
    AC_CAPTIONS_NONE,
    AC_CAPTIONS_FIELD /* a field of the metadata: a text, or a list of texts */
} ac_caption_choice;

typedef struct ac_image_source {
    const ac_image_source_type *type;
    void *state; /* owned */
    int64_t count;
    char fingerprint[33]; /* of all keys, sizes and captions, hexadecimal */
    /* Where items are CLIP's input, already prepared: by which recipe (ac_preprocess_print);
     * else "". Not of joined sources. */
    char pixels[AC_PIXELS_BYTES];
    ac_caption_choice choice; /* as ac_image_source_choose_captions set it */
    char caption_field[AC_CAPTION_FIELD_BYTES];
    ac_passed_over passed_over; /* where it was opened: other processes do not have it */
} ac_image_source;

void ac_image_source_free(ac_image_source *self);

/* Each replaces what `out` held. 0 <= i < count. */

/** The item's key: unique but where ac_image_source_check calls it a duplicate. */
AC_MUST_CHECK ac_status ac_image_source_key(const ac_image_source *self, int64_t i,
                                            ac_buffer *out);

/** Is text `row` of `keys` the item's key? scratch: the caller's, for the key. */
AC_MUST_CHECK ac_status ac_image_source_key_is(const ac_image_source *self, int64_t i,
                                               const ac_texts *keys, int64_t row,
                                               ac_buffer *scratch, bool *same);

/** Where the item lies, relative to the input where it lies below it: for people, and for
 * ac_location_resolve. */
AC_MUST_CHECK ac_status ac_image_source_locate(const ac_image_source *self, int64_t i,
                                               ac_buffer *out);

/** The item's file, to be opened; free with free(). AC_E_ARG where it has none of its own. */
AC_MUST_CHECK ac_status ac_image_source_file(const ac_image_source *self, int64_t i,
                                             char **path);

/** The item's bytes, as they were stored. Bytes that cannot be read are the item's status; a
 * failure is for memory, for a damaged shard of an image dataset, and for an archive that was
 * replaced since it was opened. */
AC_MUST_CHECK ac_status ac_image_source_read(const ac_image_source *self, int64_t i,
                                             ac_buffer *bytes, ac_item_status *status);

/**
 * CLIP's input, where the source holds that in place of encoded images.
 * @param[out] rgb  [S, S, 3], S by the source's recipe; unchanged where *has is false: the item
 *                  is to be read and decoded
 */
AC_MUST_CHECK ac_status ac_image_source_pixels(const ac_image_source *self, int64_t i,
                                               uint8_t *rgb, bool *has);

/** XXH3-128 of the item's bytes as they came, 32 digits, where it is known before they are
 * read; else "". */
AC_MUST_CHECK ac_status ac_image_source_hash(const ac_image_source *self, int64_t i,
                                             char hex[33]);

/** Which page of its bytes the item is, from 0: for ac_image_decode_page. */
int64_t ac_image_source_page(const ac_image_source *self, int64_t i);

/** What is known to be wrong with the item before it is read: a second one of the same key, no
 * caption. */
AC_MUST_CHECK ac_status ac_image_source_check(const ac_image_source *self, int64_t i,
                                              ac_item_status *status);

/** The item's captions, in UTF-8; none where the source knows none. */
AC_MUST_CHECK ac_status ac_image_source_captions(const ac_image_source *self, int64_t i,
                                                 ac_texts *out);

/** From now on captions are what input.captions says ("none", "json:FIELD"; "txt" or NULL: the
 * source's own). Of sources that are not tars, which have their own way. AC_E_ARG for another
 * word. */
AC_MUST_CHECK ac_status ac_image_source_choose_captions(ac_image_source *self,
                                                        const char *captions);

/** What is wrong with the item's captions, for an image that can be used without them: none
 * (AC_REJECT_NO_CAPTION; without a detail: there simply are none), bytes that are not UTF-8 and
 * became U+FFFD (AC_REJECT_CAPTION_NOT_UTF8). */
AC_MUST_CHECK ac_status ac_image_source_check_captions(const ac_image_source *self, int64_t i,
                                                       ac_item_status *status);

/** What else the source knows of the item, as a JSON object; empty where it knows nothing. */
AC_MUST_CHECK ac_status ac_image_source_metadata(const ac_image_source *self, int64_t i,
                                                 ac_buffer *out);

/** What tells that the item's bytes are still those of before. Known where the source was
 * opened, not where it was unpacked. */
ac_image_stamp ac_image_source_stamp(const ac_image_source *self, int64_t i);

#endif
