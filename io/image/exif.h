/** EXIF orientation of JPEG, PNG and WebP files. Private to io. */
#ifndef AC_IO_IMAGE_EXIF_H
#define AC_IO_IMAGE_EXIF_H

#include <stddef.h>

/**
 * 1 to 8 as EXIF's tag 0x0112 says; 1 (as it stands) where there is none, or what is there
 * cannot be read. Looked for in JPEG's APP1, PNG's eXIf chunk, WebP's EXIF chunk; XMP is not
 * looked at.
 */
int ac_exif_orientation(const unsigned char *bytes, size_t n);

#endif
