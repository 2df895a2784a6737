/** Image files of an input: a folder (searched recursively), one image, or a .txt list of
 * paths. As a source of images, and as what other sources of files are made of. */
#ifndef AC_IO_SOURCE_IMAGE_FILES_H
#define AC_IO_SOURCE_IMAGE_FILES_H

#include <stdbool.h>

#include "io/file/map.h"
#include "io/source/caption_files.h"
#include "io/source/image_source.h"

/**
 * Sorted bytewise by key, then path. A name is the path relative to the input's folder, or as a
 * list gives it, '/'-separated; the key is the name without its last extension, and "#2" and so
 * on for further pages of one file. An item whose
 * key equals the one before it is a duplicate. Starts zeroed; owns everything. What grows with
 * the number of files is in memory where it is little, else in files (image_files_index.c).
 */
typedef struct ac_image_files {
    char *root;     /* the folder of relative names, with its slash; "" for the current one */
    ac_texts names; /* [count] */
    int32_t *pages; /* [count], from 0; NULL: all are the first */
    /* [count], of the files when they were found; NULL: unpacked, of a small input */
    ac_image_stamp *stamps;
    int64_t count;
    bool absolute; /* a name that begins with '/' is a path of its own (a list's) */
    bool searched; /* a folder was searched, and `captions` are its .txt files */
    ac_caption_files captions;
    /* what is published of the captions for other processes (image_captions.c,
     * captioned_images.c): the file, and where it was unpacked its map; else NULL */
    char *texts;
    ac_map texts_map;
    /* of a large input: the index's file, and its map, in which names, pages and stamps are;
     * else NULL */
    char *index;
    ac_map map;
} ac_image_files;

/**
 * what: the config's key, for messages. AC_E_IO where the input is not there, AC_E_FORMAT where
 * it holds no image: the message says what was looked for.
 * @param[in,out] passed    what is in the folder and no item is added; sorted
 * @param[out] fingerprint  of all keys, extensions and sizes
 */
AC_MUST_CHECK ac_status ac_image_files_find(ac_image_files *self, const char *input,
                                            const char *what, const ac_image_options *options,
                                            ac_passed_over *passed, char fingerprint[33]);
void ac_image_files_free(ac_image_files *self);

/* A large input's index (image_files_index.c). */
struct ac_found_files; /* found_files.h */

/** Publish names, pages and stamps as the file `path`, and map it. found:
 * sorted. */
AC_MUST_CHECK ac_status ac_image_files_write_index(ac_image_files *self, const char *path,
                                                   const struct ac_found_files *found);
/** self->index is the path. */
AC_MUST_CHECK ac_status ac_image_files_open_index(ac_image_files *self);

/** Keys, bytewise: names without extensions [m], [n], and what pages put behind them. */
int ac_image_key_compare(const char *a, size_t m, int32_t page_a, const char *b, size_t n,
                         int32_t page_b);

/** Pages of a file; 1 where it cannot be read, which is found when it is read. */
int64_t ac_image_file_pages(const char *path);

/** Appended to out. */
AC_MUST_CHECK ac_status ac_image_files_key(const ac_image_files *self, int64_t i,
                                           ac_buffer *out);
/** Of the item's name, which begins the key: its length; of a first page that is all of it. */
size_t ac_image_files_key_size(const ac_image_files *self, int64_t i);
/** Is there an image with this key [n], of a first page? */
bool ac_image_files_has_key(const ac_image_files *self, const char *key, size_t n);
bool ac_image_files_is_duplicate(const ac_image_files *self, int64_t i);
/** Appended to out: the item's location, relative where it lies below the root. */
AC_MUST_CHECK ac_status ac_image_files_locate(const ac_image_files *self, int64_t i,
                                              ac_buffer *out);
/** To open; free with free(). */
AC_MUST_CHECK ac_status ac_image_files_path(const ac_image_files *self, int64_t i, char **path);
/** The file's bytes, as ac_image_source_read. */
AC_MUST_CHECK ac_status ac_image_files_bytes(const ac_image_files *self, int64_t i,
                                             ac_buffer *bytes, ac_item_status *status);

/* Captions (image_captions.c). Of a list or one image, and in a process that unpacked files
 * without self->texts, only the .txt file beside an image counts. */

/** Publish the folder's .txt files as the file `path`, for other processes. */
AC_MUST_CHECK ac_status ac_image_files_share_captions(ac_image_files *self, const char *path);
/** self->texts is the path. */
AC_MUST_CHECK ac_status ac_image_files_open_captions(ac_image_files *self);

/** Where the folder was searched: the .txt files of image i. count 0: none; beside < 0 and
 * count above 1: nobody knows which. A .txt file beside another image is that image's alone.
 * Page n of a file has NAME#n.txt, else the file's. */
ac_caption_match ac_image_files_match(const ac_image_files *self, int64_t i);
/** Does the .txt file at this place of the sorted order lie beside an image of its name? */
bool ac_image_files_owns(const ac_image_files *self, int64_t place);
/** The text of image i's .txt file, appended as ac_caption_file_read does; status: none
 * (without a detail), several, not UTF-8. */
AC_MUST_CHECK ac_status ac_image_files_caption_text(const ac_image_files *self, int64_t i,
                                                    ac_buffer *text, ac_item_status *status);

/** For other processes: appended to out, and back; of what is published only where it is. */
AC_MUST_CHECK ac_status ac_image_files_pack(const ac_image_files *self, ac_buffer *out);
/** What is published and will be opened: the index, and the texts; free with free(). NULL:
 * none. */
AC_MUST_CHECK ac_status ac_image_files_packed_files(const char *bytes, size_t n,
                                                    char *paths[2]);
/** @param[out] used  how many of the n bytes were packed files */
AC_MUST_CHECK ac_status ac_image_files_unpack(ac_image_files *self, const char *bytes, size_t n,
                                              size_t *used);

extern const ac_image_source_type ac_image_files_type;

/** The files as a source. An item's captions are the lines of its .txt file that are not empty.
 */
AC_MUST_CHECK ac_status ac_image_files_open(ac_image_source *out, const char *input,
                                            const char *what, const ac_image_options *options);

#endif
