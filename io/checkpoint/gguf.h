/**
 * GGUF files, version 3 (and 2, whose bytes are the same): pairs of key and value, and tensors,
 * many of them quantized. Format: ggml's gguf.md. Golden: tests/golden, topic gguf.
 */
#ifndef AC_IO_CHECKPOINT_GGUF_H
#define AC_IO_CHECKPOINT_GGUF_H

#include <stdbool.h>

#include "engine/base/tensor.h"
#include "io/file/map.h"

typedef enum ac_gguf_type {
    AC_GGUF_U8 = 0,
    AC_GGUF_I8,
    AC_GGUF_U16,
    AC_GGUF_I16,
    AC_GGUF_U32,
    AC_GGUF_I32,
    AC_GGUF_F32,
    AC_GGUF_BOOL,
    AC_GGUF_STRING,
    AC_GGUF_ARRAY,
    AC_GGUF_U64,
    AC_GGUF_I64,
    AC_GGUF_F64,
    AC_GGUF_TYPES
} ac_gguf_type;

/** A pair; all of it points into the file. */
typedef struct ac_gguf_pair {
    const char *key; /* [key_size], no zero byte after it */
    size_t key_size;
    ac_gguf_type type, element; /* element: of an array */
    uint64_t count;             /* elements of an array; else 1 */
    const unsigned char *data; /* a number's bytes; a string's length and bytes; the elements */
    size_t size;               /* bytes of data */
} ac_gguf_pair;

/** Memory-mapped. Starts zeroed. */
typedef struct ac_gguf {
    ac_tensors tensors;   /* quantized ones have dtype AC_F32 and a reader */
    ac_tensor *items;     /* owned, with names */
    const char **formats; /* [tensors.count]: "Q4_1" …, by tensor */
    char *names, *path;
    ac_gguf_pair *pairs; /* [pair_count], sorted by key */
    int64_t pair_count;
    uint32_t version;
    ac_map map;
} ac_gguf;

/** AC_E_FORMAT names the file and the rule that is broken. Nothing is allocated by a count that
 * the file's size does not allow. */
AC_MUST_CHECK ac_status ac_gguf_open(ac_gguf *self, const char *path);
void ac_gguf_close(ac_gguf *self);

/** Does the file begin as a GGUF file does? false where it cannot be read. */
bool ac_gguf_is(const char *path);

/** AC_E_FORMAT where a tensor has a type that this program does not read, by its name. */
AC_MUST_CHECK ac_status ac_gguf_check_formats(const ac_gguf *self);

/** NULL: no such key. */
const ac_gguf_pair *ac_gguf_find(const ac_gguf *self, const char *key);

/** A whole number from least to most; a missing key is the fallback, or, where that is below
 * `least`, an error. */
AC_MUST_CHECK ac_status ac_gguf_whole(const ac_gguf *self, const char *key, int64_t fallback,
                                      int64_t least, int64_t most, int64_t *out);
/** A number; a missing key is the fallback, NaN: an error. */
AC_MUST_CHECK ac_status ac_gguf_real(const ac_gguf *self, const char *key, double fallback,
                                     double *out);
AC_MUST_CHECK ac_status ac_gguf_truth(const ac_gguf *self, const char *key, bool fallback,
                                      bool *out);
/** A string, to free; *out NULL where the key is missing. AC_E_FORMAT: it is no string, or has
 * a zero byte. */
AC_MUST_CHECK ac_status ac_gguf_text(const ac_gguf *self, const char *key, char **out);

/** The number that a pair holds, or element i of its array of numbers. false: it is none. */
bool ac_gguf_number(const ac_gguf_pair *pair, uint64_t i, double *out);

/** The next string of an array of strings, which has been checked: *at begins at 0 and moves
 * on. */
const char *ac_gguf_next_string(const ac_gguf_pair *pair, size_t *at, size_t *size);

/* ---- private to io/checkpoint ---- */

/** A tensor's type: elements and bytes of a block, and how its numbers are read. */
typedef struct ac_gguf_format {
    uint32_t id;
    const char *name;
    int64_t elements;
    size_t bytes; /* 0: a type of ggml's that is not supported */
    ac_dtype dtype;
    ac_tensor_form form; /* form.read NULL: the numbers lie plainly */
} ac_gguf_format;

/** NULL: no such type. */
const ac_gguf_format *ac_gguf_format_find(uint32_t id);

#endif
