#include "engine/base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_BYTES = 1024, PLACE_BYTES = 128 };

/* Per thread, like errno: the message belongs to the last failed call of this thread. */
static _Thread_local char message[MESSAGE_BYTES];
static _Thread_local char error_place[PLACE_BYTES];
static ac_bug_handler bug_handler;

ac_status
ac_error_set_at(const char *place, ac_status st, const char *format, ...)
{
    char text[MESSAGE_BYTES]; /* arguments may point into `message` */
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(message, text, sizeof message);
    snprintf(error_place, sizeof error_place, "%s", place);
    return st;
}

const char *
ac_error_place(void)
{
    return error_place;
}

ac_status
ac_error_prefix(ac_status st, const char *format, ...)
{
    char text[2 * MESSAGE_BYTES];
    va_list args;
    int used;

    va_start(args, format);
    used = vsnprintf(text, MESSAGE_BYTES, format, args);
    va_end(args);
    if (used < 0)
        used = 0;
    if (used >= MESSAGE_BYTES)
        used = MESSAGE_BYTES - 1;
    snprintf(text + used, sizeof text - (size_t) used, ": %s", message);
    memcpy(message, text, MESSAGE_BYTES - 1);
    message[MESSAGE_BYTES - 1] = '\0';
    return st;
}

const char *
ac_error_message(void)
{
    return message;
}

const char *
ac_status_name(ac_status st)
{
    switch (st) {
    case AC_OK: return "ok";
    case AC_E_ARG: return "usage";
    case AC_E_NOMEM: return "memory";
    case AC_E_IO: return "input/output";
    case AC_E_FORMAT: return "format";
    case AC_E_LIMIT: return "limit";
    case AC_E_BAD_ITEMS: return "too many rejected items";
    case AC_E_STOPPED: return "stopped";
    case AC_E_RETRY: return "transient failure";
    }
    return "unknown status";
}

void
ac_bug_handler_set(ac_bug_handler handler)
{
    bug_handler = handler;
}

void
ac_bug(const char *file, int line, const char *format, ...)
{
    char text[MESSAGE_BYTES];
    va_list args;
    int used = snprintf(text, sizeof text, "%s:%d: ", file, line);

    va_start(args, format);
    if (used >= 0 && used < MESSAGE_BYTES)
        vsnprintf(text + used, sizeof text - (size_t) used, format, args);
    va_end(args);
    if (bug_handler)
        bug_handler(text);
    __builtin_trap();
}
