/** Captioned images: a folder of images with NAME.txt beside NAME.jpg (a caption a line), or
 * COCO's annotations and their folder. */
#ifndef AC_IO_SOURCE_CAPTIONED_LIST_H
#define AC_IO_SOURCE_CAPTIONED_LIST_H

#include "engine/base/buffer.h"
#include "io/image/decode.h"

enum { AC_CAPTIONED_LIST_NAMES = 10 };

/**
 * Sorted bytewise by key; keys as image_list.h's. Starts zeroed; owns everything.
 * An image that cannot be used is kept with its reason: a second one of the same key, one
 * without a caption, one whose captions are not UTF-8. Captions are stripped of ASCII white
 * space; those that are empty then are left out and counted.
 */
typedef struct ac_captioned_list {
    int64_t count, good;
    ac_texts keys, paths; /* [count] */
    uint8_t *bad;         /* [count]: ac_reject_reason; AC_GOOD: to be used */
    ac_texts captions;
    int64_t *caption_offsets; /* [count + 1]: image i's are [caption_offsets[i],
                                 caption_offsets[i + 1]) */
    int64_t empty_captions;
    int64_t without_image;        /* caption files, or annotations, that belong to no image */
    ac_texts names_without_image; /* the first AC_CAPTIONED_LIST_NAMES of them */
    char fingerprint[33];         /* of all keys, extensions, sizes and captions, hexadecimal */
} ac_captioned_list;

/** what: the config's key, for messages. AC_E_IO where the folder is not there, AC_E_FORMAT
 * where it holds no image. */
AC_MUST_CHECK ac_status ac_captioned_list_read(ac_captioned_list *self, const char *folder,
                                               const char *what);

/** Images are folder/FILE_NAME; a file that is not there is found out when it is opened. */
AC_MUST_CHECK ac_status ac_captioned_list_read_coco(ac_captioned_list *self,
                                                    const char *annotations,
                                                    const char *folder);

void ac_captioned_list_free(ac_captioned_list *self);

#endif
