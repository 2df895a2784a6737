/**
 * The structures of an HDF5 file as bytes, without HDF5: for h5_guard alone. Names and numbers
 * are those of the HDF5 File Format Specification 3.0.
 */
#ifndef AC_IO_HDF5_H5_RAW_H
#define AC_IO_HDF5_H5_RAW_H

#include <stdint.h>

#include "engine/base/buffer.h"
#include "engine/base/status.h"
#include "engine/base/tensor.h"

/** Types of a header's messages. */
enum {
    AC_H5_NIL = 0,
    AC_H5_DATASPACE = 1,
    AC_H5_LINK_INFO = 2,
    AC_H5_DATATYPE = 3,
    AC_H5_FILL_VALUE = 5,
    AC_H5_LINK = 6,
    AC_H5_EXTERNAL_FILES = 7,
    AC_H5_LAYOUT = 8,
    AC_H5_GROUP_INFO = 10,
    AC_H5_FILTERS = 11,
    AC_H5_ATTRIBUTE = 12,
    AC_H5_CONTINUED = 16,
    AC_H5_ATTRIBUTE_INFO = 21
};

typedef struct ac_h5_raw {
    const char *path;
    const char *name; /* of the object that is read: for messages */
    int file;
    int64_t bytes;
    int64_t left;    /* bytes of indexes that may still be walked: each is named once */
    ac_texts *names; /* gets those of the links */
} ac_h5_raw;

/** Little-endian number of n bytes. */
uint64_t ac_h5_raw_number(const unsigned char *bytes, int n);
/** "PATH: refused: NAME: its WHAT is damaged". */
ac_status ac_h5_raw_damaged(const ac_h5_raw *self, const char *what);
/** "PATH: refused: NAME WHAT". */
ac_status ac_h5_raw_refuse(const ac_h5_raw *self, const char *what);
/** n bytes at `at`, all inside the file. */
AC_MUST_CHECK ac_status ac_h5_raw_read(const ac_h5_raw *self, uint64_t at, void *out, size_t n);

/** All messages of the object header (version 2) at `at`, continued parts too: message(context,
 * type, bytes [n], n). */
AC_MUST_CHECK ac_status ac_h5_raw_messages(ac_h5_raw *self, uint64_t at,
                                           ac_status (*message)(void *context, int type,
                                                                const unsigned char *bytes,
                                                                size_t n),
                                           void *context);

/** A dataset's header: only messages that this program writes, each as long as it says; its
 * chunks' index whole and inside the file, with as many chunks as the shape has. */
AC_MUST_CHECK ac_status ac_h5_raw_check_dataset(ac_h5_raw *self, uint64_t at);
/** An attribute's message. */
AC_MUST_CHECK ac_status ac_h5_raw_check_attribute(const ac_h5_raw *self,
                                                  const unsigned char *bytes, size_t n);

/** The links of the group at `at`: hard links to datasets, each checked; group's attributes. */
AC_MUST_CHECK ac_status ac_h5_raw_check_group(ac_h5_raw *self, uint64_t at);

#endif
