/** Tars that webdataset reads, written by exports: a sample per image, its members named
 * KEY.jpg, KEY.txt, KEY.json (io/source/sample_name.h). */
#ifndef AC_JOBS_CLI_COMMANDS_WEBDATASET_H
#define AC_JOBS_CLI_COMMANDS_WEBDATASET_H

#include "io/file/tar_write.h"
#include "engine/base/buffer.h"

/** Starts zeroed. */
typedef struct ac_webdataset {
    const char *folder; /* borrowed */
    ac_tar_writer tar;  /* the one that is open */
    ac_buffer name, json, fields;
} ac_webdataset;

/** Make the folder; one that holds a tar already is AC_E_ARG. */
AC_MUST_CHECK ac_status ac_webdataset_open(ac_webdataset *self, const char *folder);
/** FOLDER/00000.tar and so on. */
AC_MUST_CHECK ac_status ac_webdataset_begin(ac_webdataset *self, int64_t number);
AC_MUST_CHECK ac_status ac_webdataset_end(ac_webdataset *self);
void ac_webdataset_close(ac_webdataset *self);

/** A sample. Borrows all. */
typedef struct ac_sample {
    const char *key;
    size_t key_size;
    const char *extension; /* of the image: "jpg" */
    const ac_buffer *image;
    const ac_buffer *text; /* NULL: there is no .txt */
    const char *metadata;  /* a JSON object of metadata_size bytes; or none */
    size_t metadata_size;
    const ac_buffer *fields;  /* further members of the .json, without braces; may be NULL */
    const char *const *names; /* of these members; NULL at the end */
} ac_sample;

AC_MUST_CHECK ac_status ac_webdataset_add(ac_webdataset *self, const ac_sample *sample);

#endif
