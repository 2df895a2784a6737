/** A shard of an image dataset (AC_SHARD_IMAGES), read at random. */
#ifndef AC_IO_HDF5_IMAGE_SHARD_H
#define AC_IO_HDF5_IMAGE_SHARD_H

#include "io/hdf5/h5_chunks.h"
#include "io/hdf5/shard_file.h"

/** Starts zeroed; owns everything. n = keys.count images. */
typedef struct ac_image_shard {
    char *path;
    int file; /* descriptor, where is_open */
    bool is_open, has_rest;
    ac_texts keys, hashes;
    int64_t *page;     /* [n] */
    bool has_pixels;   /* else the images' own bytes */
    ac_h5_chunks data; /* images: bytes; pixels: [n, S, S, 3], a row per chunk */
    int64_t *offsets;  /* [n + 1] into the bytes of images; NULL with pixels */
    /* where has_rest */
    ac_texts format, captions, metadata, source;
    int64_t *width, *height;  /* [n] */
    int64_t *caption_offsets; /* [n + 1] into captions */
} ac_image_shard;

/**
 * Keys, pages, hashes and where the images lie: what reading images needs. rows: how many
 * images there must be. Not thread-safe, as HDF5 is not. AC_E_FORMAT names the file and what is
 * wrong with it.
 */
AC_MUST_CHECK ac_status ac_image_shard_open(ac_image_shard *self, const char *path,
                                            int64_t rows);
/** All else. Not thread-safe; nothing is done where it was done. */
AC_MUST_CHECK ac_status ac_image_shard_read_rest(ac_image_shard *self);
void ac_image_shard_close(ac_image_shard *self);

/** What tells this shard from any other: 32 digits, of its images' keys and hashes. */
void ac_image_shard_contents(const ac_texts *keys, const ac_texts *hashes, char hex[33]);

/** Bytes of image i as they were stored. */
int64_t ac_image_shard_bytes(const ac_image_shard *self, int64_t i);

/** The encoded bytes of image i, in place of what `out` held; compared with their hash.
 * Thread-safe. AC_E_FORMAT where they differ, or where the shard holds pixels. */
AC_MUST_CHECK ac_status ac_image_shard_read(const ac_image_shard *self, int64_t i,
                                            ac_buffer *out);

/** The pixels of image i, rgb [S, S, 3], checked by their chunk's checksum. Thread-safe. */
AC_MUST_CHECK ac_status ac_image_shard_read_pixels(const ac_image_shard *self, int64_t i,
                                                   uint8_t *rgb);

/**
 * Read all of a shard: each image against its hash, each row of pixels against its checksum,
 * and that all datasets fit together. `damage` is called for each fault, after ac_error_set; of
 * images, for the first 20. The shard need not be what was published. A failure is only for
 * memory.
 */
AC_MUST_CHECK ac_status ac_image_shard_check(const char *path, int64_t rows,
                                             void (*damage)(void *context, const char *path),
                                             void *context);

#endif
