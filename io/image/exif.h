/** EXIF of JPEG, PNG and WebP files. Private to io. */
#ifndef AC_IO_IMAGE_EXIF_H
#define AC_IO_IMAGE_EXIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A TIFF block: borrowed bytes [size], read by their own byte order. */
typedef struct ac_exif {
    const unsigned char *data;
    size_t size; /* at least 8 */
    uint32_t (*read)(const unsigned char *at, int bytes);
} ac_exif;

/** The file's block, or (false) none that can be read. */
bool ac_exif_find(const unsigned char *bytes, size_t n, ac_exif *out);

/** An entry of a directory. */
typedef struct ac_exif_entry {
    uint32_t type, count;
    size_t value; /* where the four bytes of the value, or of its place, lie in the block */
} ac_exif_entry;

/** The first entry with this tag in the directory at that byte; false where there is none. */
bool ac_exif_entry_find(const ac_exif *self, size_t directory, unsigned tag,
                        ac_exif_entry *out);

/**
 * 1 to 8 as EXIF's tag 0x0112 says; 1 (as it stands) where there is none, or what is there
 * cannot be read. Looked for in JPEG's APP1, PNG's eXIf chunk, WebP's EXIF chunk; XMP is not
 * looked at.
 */
int ac_exif_orientation(const unsigned char *bytes, size_t n);

#endif
