#include "engine/base/item_status.h"

#include <stdarg.h>
#include <stdio.h>

const char *
ac_reject_reason_name(ac_reject_reason reason)
{
    static const char *const names[] = {
        "good",       "unreadable", "empty",      "unsupported_format",
        "truncated",  "corrupt",    "too_large",  "duplicate_key",
        "not_finite", "crashed",    "no_caption", "caption_not_utf8"
    };
    return names[reason];
}

ac_status
ac_item_status_set(ac_item_status *self, ac_reject_reason reason, const char *format, ...)
{
    va_list args;

    self->reason = reason;
    va_start(args, format);
    vsnprintf(self->detail, sizeof self->detail, format, args);
    va_end(args);
    return AC_OK;
}
