/** An image dataset (what the job `ingest` makes) as a source of images. */
#ifndef AC_IO_SOURCE_IMAGE_DATASET_H
#define AC_IO_SOURCE_IMAGE_DATASET_H

#include "io/hdf5/image_shard.h"
#include "io/source/image_source.h"

/** What the shards hold, in the dataset's folder: of each, in a line, ac_image_shard_contents.
 */
#define AC_IMAGE_CONTENTS "contents.txt"

extern const ac_image_source_type ac_image_dataset_type, ac_captioned_dataset_type;

/**
 * Whether `input` is an image dataset. What is like one but none, and can be no input of images
 * either, is AC_E_FORMAT with a message that says what it is: the folder of another run or of a
 * cache, an HDF5 file, a dataset whose ingest has not finished.
 * what: the config's key, for messages.
 */
AC_MUST_CHECK ac_status ac_image_dataset_is(const char *input, const char *what,
                                            bool *is_dataset);

/**
 * The dataset in a folder of which ac_image_dataset_is was true. Every shard's file is opened
 * once: one that is gone or cut is AC_E_FORMAT, and named. (Flipped bytes are found when they
 * are read: each image has a hash.) A fault of a shard is a failure, not an item's status.
 */
AC_MUST_CHECK ac_status ac_image_dataset_open(ac_image_source *out, const char *folder);

/** The same for training: captions are stripped, empty ones left out, and an image without a
 * caption, or with one that is not UTF-8, is rejected by ac_image_source_check. */
AC_MUST_CHECK ac_status ac_captioned_dataset_open(ac_image_source *out, const char *folder);

#endif
