/** What a source of captioned images is made of: for captioned_images.c, and captioned_coco.c.
 */
#ifndef AC_IO_SOURCE_CAPTIONED_STATE_H
#define AC_IO_SOURCE_CAPTIONED_STATE_H

#include "io/file/spilled_texts.h"
#include "io/source/captioned_images.h"
#include "io/source/image_files.h"

/** A source's state: files, and what belongs to each. Of a large input texts are in files
 * without a name; of its own it has 9 bytes per item, and 8 more where it was unpacked. */
typedef struct ac_captioned {
    ac_image_files files;
    char *folder; /* where such files lie; NULL: all is in memory */
    uint8_t *bad; /* [count]: ac_reject_reason; AC_GOOD: to be used */
    ac_spilled_texts captions;
    int64_t *caption_offsets;  /* [count + 1]: item i's are [caption_offsets[i],
                                  caption_offsets[i + 1]); NULL: unpacked, without captions */
    ac_spilled_texts metadata; /* [count]: COCO's, a JSON object each; or none */
    ac_spilled_texts details;  /* [count]: why it is bad, where more is known; may be empty */
} ac_captioned;

/** An empty state, for a source that is opened with these options. *out is set also where this
 * fails, where it is not NULL. */
AC_MUST_CHECK ac_status ac_captioned_new(ac_captioned **out, const ac_image_options *options);

/** Memory for what belongs to the files; duplicates are marked. */
AC_MUST_CHECK ac_status ac_captioned_begin(ac_captioned *self);

/** One caption of the present image, stripped; empty ones are counted instead. */
AC_MUST_CHECK ac_status ac_captioned_push(ac_captioned *self, const char *text, size_t n,
                                          ac_caption_notes *notes);

/** All captions of image i are there. */
void ac_captioned_end_image(ac_captioned *self, int64_t i);

/** images: the files' fingerprint. */
AC_MUST_CHECK ac_status ac_captioned_fingerprint(const ac_captioned *self, const char *images,
                                                 char hex[33]);

/** Publish captions and metadata as the file `path`, which those map that unpack the source. */
AC_MUST_CHECK ac_status ac_captioned_share(ac_captioned *self, const char *path);

/** A caption that belongs to no image. */
AC_MUST_CHECK ac_status ac_caption_notes_without_image(ac_caption_notes *self, const char *name,
                                                       size_t n);

/** The source takes the state (NULL: there is none yet), or frees it where st is a failure;
 * returns st. */
ac_status ac_captioned_finish(ac_image_source *out, ac_captioned *self, ac_status st);

#endif
