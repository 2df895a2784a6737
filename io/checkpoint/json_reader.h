/** The keys of a JSON object, for the readers of models' configs. Private to io/checkpoint. */
#ifndef AC_IO_CHECKPOINT_JSON_READER_H
#define AC_IO_CHECKPOINT_JSON_READER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/base/status.h"
#include "engine/kernels/activation.h"

/** An object being read: the first error sticks, so that many keys are read before one check.
 */
typedef struct ac_json_reader {
    const json_t *object;
    const char *path, *section; /* for messages: PATH: SECTION.KEY …; section may be "" */
    ac_status status;
} ac_json_reader;

/** What sizes a config may ask for: far above any model, and so small that no product of them
 * overflows. */
enum {
    AC_MOST_WIDTH = 1 << 20,
    AC_MOST_LAYERS = 10000,
    AC_MOST_ROWS = 1 << 27,
    AC_MOST_SIDE = 1 << 15
};

/** AC_E_FORMAT, once: "PATH: SECTION.KEY WHAT". */
void ac_json_reader_refuse(ac_json_reader *self, const char *key, const char *what);

/**
 * The value of a key. Missing and null are the fallback; a value of another type, or out of
 * [least, most], is refused. A fallback below `least`: the key must be there.
 */
int64_t ac_json_reader_whole(ac_json_reader *self, const char *key, int64_t fallback,
                             int64_t least, int64_t most);
/** A whole number, or a list of two equal ones (height and width): the side of a square. */
int64_t ac_json_reader_side(ac_json_reader *self, const char *key, int64_t fallback,
                            int64_t most);
double ac_json_reader_real(ac_json_reader *self, const char *key, double fallback);
bool ac_json_reader_boolean(ac_json_reader *self, const char *key, bool fallback);

/** An activation by transformers' name. */
ac_activation ac_json_reader_activation(ac_json_reader *self, const char *key,
                                        const char *fallback);

/** The JSON of a file; AC_E_FORMAT with the line where it is none. Free with json_decref. */
AC_MUST_CHECK ac_status ac_json_reader_load(json_t **out, const char *path);

#endif
