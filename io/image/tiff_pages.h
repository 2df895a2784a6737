/** Where the pages of a TIFF are, without decoding anything. Private to io/image. */
#ifndef AC_IO_IMAGE_TIFF_PAGES_H
#define AC_IO_IMAGE_TIFF_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A TIFF or BigTIFF of either byte order, by its first bytes. */
bool ac_tiff_is(const unsigned char *bytes, size_t n);

/** Directories that the file's chain reaches, each counted once, also where the chain returns
 * to an earlier one; at most AC_TIFF_MOST_PAGES. 0: not even a first one. */
int64_t ac_tiff_count_pages(const unsigned char *bytes, size_t n);

enum { AC_TIFF_MOST_PAGES = 65536 };

/** Where page `page` (from 0) has its directory; 0 where there is no such page. */
uint64_t ac_tiff_page(const unsigned char *bytes, size_t n, int64_t page);

#endif
