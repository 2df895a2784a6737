/** Captioned pictures: a folder of pictures with NAME.txt beside NAME.jpg (a caption a line), or COCO's annotations and their folder. */
#ifndef AC_IO_CAPTIONED_LIST_H
#define AC_IO_CAPTIONED_LIST_H

#include "engine/base/buffer.h"
#include "io/picture.h"

enum { AC_CAPTIONED_LIST_NAMES = 10 };

/**
 * Sorted bytewise by key; keys as picture_list.h's. Starts zeroed; owns everything.
 * A picture that cannot be used is kept with its reason: a second one of the same key, one without a caption, one whose
 * captions are not UTF-8. Captions are stripped of ASCII white space; those that are empty then are left out and counted.
 */
typedef struct ac_captioned_list {
    int64_t count, good;
    ac_texts keys, paths;     /* [count] */
    uint8_t *bad;             /* [count]: ac_bad_reason; AC_GOOD: to be used */
    ac_texts captions;
    int64_t *caption_offsets; /* [count + 1]: picture i's are [caption_offsets[i], caption_offsets[i + 1]) */
    int64_t empty_captions;
    int64_t without_picture;  /* caption files, or annotations, that belong to no picture */
    ac_texts names_without_picture; /* the first AC_CAPTIONED_LIST_NAMES of them */
    char fingerprint[33];     /* of all keys, extensions, sizes and captions, hexadecimal */
} ac_captioned_list;

/** what: the config's key, for messages. AC_E_IO where the folder is not there, AC_E_FORMAT where it holds no picture. */
ac_status ac_captioned_list_read(ac_captioned_list *self, const char *folder, const char *what);

/** Pictures are images/FILE_NAME; a file that is not there is found out when it is opened. */
ac_status ac_captioned_list_read_coco(ac_captioned_list *self, const char *annotations, const char *images);

void ac_captioned_list_free(ac_captioned_list *self);

#endif
