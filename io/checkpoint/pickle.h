/**
 * Pickles as data. The bytes of a pickle are a program; this reader follows it on plain values
 * alone: it looks up no class, calls no function, and builds a tree of numbers, texts, lists
 * and dictionaries. A call (REDUCE) is recorded where the caller's rules name it and refused
 * otherwise; an object of any class is kept with its state, unbuilt.
 */
#ifndef AC_IO_CHECKPOINT_PICKLE_H
#define AC_IO_CHECKPOINT_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/status.h"

typedef enum ac_pickle_type {
    AC_PICKLE_NONE = 0,
    AC_PICKLE_BOOL,   /* integer */
    AC_PICKLE_INT,    /* integer; larger than 64 bits: an AC_PICKLE_OBJECT */
    AC_PICKLE_REAL,   /* real */
    AC_PICKLE_TEXT,   /* text: str, as UTF-8 (not checked) */
    AC_PICKLE_BYTES,  /* text: bytes */
    AC_PICKLE_TUPLE,  /* items */
    AC_PICKLE_LIST,   /* items; sets too */
    AC_PICKLE_DICT,   /* items: key, value, key, value … in the order written */
    AC_PICKLE_GLOBAL, /* global: the name of a class or function */
    AC_PICKLE_CALL,   /* pair: a function that the rules name, and the tuple of its arguments */
    AC_PICKLE_OBJECT, /* pair: class (-1: none) and state (-1: none) of something that was not
                         built */
    AC_PICKLE_PERSISTENT, /* pair: the persistent id's value, -1 */
} ac_pickle_type;

/** Values refer to each other by their place in ac_pickle.values; the graph may have shared
 * parts, and cycles. */
typedef struct ac_pickle_value {
    ac_pickle_type type;
    union {
        int64_t integer;
        double real;
        struct {
            const char *bytes; /* within the pickle; not zero-terminated */
            size_t size;
        } text;
        struct {
            const char *module, *name; /* within the pickle; not zero-terminated */
            uint32_t module_size, name_size;
        } global;
        struct {
            int64_t first, last, count; /* places in ac_pickle.cells; -1 where empty */
        } items;
        struct {
            int64_t a, b;
        } pair;
    } as;
} ac_pickle_value;

/** A link of a container's chain. */
typedef struct ac_pickle_cell {
    int64_t value, next; /* next -1: the last */
} ac_pickle_cell;

/** Starts zeroed. */
typedef struct ac_pickle {
    ac_pickle_value *values;
    ac_pickle_cell *cells;
    int64_t value_count, value_capacity, cell_count, cell_capacity;
    int64_t root; /* what the pickle is of */
} ac_pickle;

/** What a call of module.name gives: AC_PICKLE_CALL (kept for the caller), AC_PICKLE_DICT or
 * AC_PICKLE_OBJECT (not kept). */
typedef struct ac_pickle_rule {
    const char *module, *name;
    ac_pickle_type result;
} ac_pickle_rule;

/**
 * Follow one pickle of protocol 2 to 5 at the start of bytes [size].
 * Memory is a small multiple of the bytes followed.
 * @param[in]  rules  calls that are allowed, ended by { NULL }
 * @param[in]  path   for messages
 * @param[out] used   bytes up to and with the STOP; may be NULL
 * @return AC_E_FORMAT with the byte and what is wrong there
 */
AC_MUST_CHECK ac_status ac_pickle_read(ac_pickle *self, const unsigned char *bytes, size_t size,
                                       const ac_pickle_rule *rules, const char *path,
                                       size_t *used);
void ac_pickle_free(ac_pickle *self);

/** Whether value i is the global module.name. */
bool ac_pickle_is_global(const ac_pickle *self, int64_t i, const char *module,
                         const char *name);

/** The first n items of a tuple into out; false where value i is no tuple of at least n. */
bool ac_pickle_tuple(const ac_pickle *self, int64_t i, int64_t *out, int64_t n);

#endif
