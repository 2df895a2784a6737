/**
 * The status of one item (an image, a cache entry): good, or rejected with a reason. A
 * rejected item is data, not an error: it is recorded and counted.
 */
#ifndef AC_ENGINE_BASE_ITEM_STATUS_H
#define AC_ENGINE_BASE_ITEM_STATUS_H

#include "engine/base/status.h"

typedef enum ac_reject_reason {
    AC_GOOD = 0,
    AC_REJECT_UNREADABLE,
    AC_REJECT_EMPTY,
    AC_REJECT_UNSUPPORTED_FORMAT,
    AC_REJECT_TRUNCATED,
    AC_REJECT_CORRUPT,
    AC_REJECT_TOO_LARGE,
    AC_REJECT_DUPLICATE_KEY,
    AC_REJECT_NOT_FINITE,
    AC_REJECT_CRASHED,
    AC_REJECT_NO_CAPTION,
    AC_REJECT_CAPTION_NOT_UTF8
} ac_reject_reason;

/** The names of bad_items.jsonl: "unreadable" and so on. */
const char *ac_reject_reason_name(ac_reject_reason reason);

enum { AC_REJECT_DETAIL_BYTES = 200 };

/** Zeroed: good. */
typedef struct ac_item_status {
    ac_reject_reason reason;
    char detail[AC_REJECT_DETAIL_BYTES];
} ac_item_status;

/** reason and a printf-like detail, truncated where it is longer than the field. Returns AC_OK:
 * an item's status is no failure. */
ac_status ac_item_status_set(ac_item_status *self, ac_reject_reason reason, const char *format,
                             ...) __attribute__((format(printf, 3, 4)));

#endif
