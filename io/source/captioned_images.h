/** Captioned images as a source: a folder of images with NAME.txt beside NAME.jpg (one caption
 * per line), or COCO's annotations and their folder. */
#ifndef AC_IO_SOURCE_CAPTIONED_IMAGES_H
#define AC_IO_SOURCE_CAPTIONED_IMAGES_H

#include "io/source/image_source.h"

enum { AC_CAPTION_NOTES_NAMES = 10 };

/** What was left out. Starts zeroed; owns everything. */
typedef struct ac_caption_notes {
    int64_t empty_captions;
    int64_t without_image;        /* caption files, or annotations, that belong to no image */
    ac_texts names_without_image; /* the first AC_CAPTION_NOTES_NAMES of them */
    int64_t unusable_captions;    /* COCO's, that hold what no text can (ac_coco) */
    ac_texts names_unusable;      /* the first of them */
    bool no_splits;               /* a split was asked for, of a file that has none */
} ac_caption_notes;

void ac_caption_notes_free(ac_caption_notes *self);

/**
 * All captions are read here; they are stripped of ASCII white space, and those that are empty
 * then are left out and counted. An image that cannot be used stays an item:
 * ac_image_source_check says why (a second one of the same key, one without a caption, one
 * whose captions are not UTF-8). Captions stay with the process that opened the source: another
 * one that unpacks it finds none.
 *
 * what: the config's key, for messages. AC_E_IO where the folder is not there, AC_E_FORMAT
 * where it holds no image.
 */
AC_MUST_CHECK ac_status ac_captioned_folder_open(ac_image_source *out, const char *folder,
                                                 const char *what,
                                                 const ac_image_options *options,
                                                 ac_caption_notes *notes);

/** COCO's annotations, or Karpathy's (ac_coco_read_split). Images are folder/FILE_NAME (an
 * absolute name stays), of Karpathy's FILEPATH/FILENAME or else FILENAME; a file that is not
 * there is found out when it is read. The metadata of an item is {"image_id": N}, with the
 * captions. */
AC_MUST_CHECK ac_status ac_captioned_coco_open(ac_image_source *out, const char *annotations,
                                               const char *folder,
                                               const ac_image_options *options,
                                               ac_caption_notes *notes);

extern const ac_image_source_type ac_captioned_images_type;

#endif
