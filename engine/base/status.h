/**
 * Outcomes and error messages.
 *
 * Three kinds of trouble: a bug (AC_CHECK, never returns), a failure (a negative status, with a
 * message that names the file, the place and the remedy), and a rejected item, which is data
 * and not an error at all.
 */
#ifndef AC_ENGINE_BASE_STATUS_H
#define AC_ENGINE_BASE_STATUS_H

#include <stddef.h>

/** Outcome of any fallible function. Errors are negative, so MPI_MIN finds the worst. */
typedef enum ac_status {
    AC_OK = 0,
    AC_E_ARG = -1,    /* usage or config: wrong by itself, whatever the named files hold */
    AC_E_NOMEM = -2,  /* memory */
    AC_E_IO = -3,     /* the system refused: not found, open, read, write, space, permission */
    AC_E_FORMAT = -4, /* a file's content is not what it must be */
    AC_E_LIMIT = -5,  /* a size beyond what this program or a library takes */
    AC_E_BAD_ITEMS = -6, /* more rejected items than limits.max_bad_items */
    AC_E_STOPPED = -7,   /* stopped on request; what is finished is published */
    AC_E_RETRY = -8      /* stalled, or a transient input/output error: try again */
} ac_status;

/**
 * Every public function that can fail is declared with it: a status that nobody looks at is a
 * compile error. Not those whose status stays in the buffer that they write to (ac_buffer_push
 * and the like), nor those that only record an item's status.
 */
#define AC_MUST_CHECK __attribute__((warn_unused_result))

/* AC_TRY and AC_FAIL need `ac_status st` and an `out:` label in scope. */
#define AC_TRY(expr)     \
    do {                 \
        st = (expr);     \
        if (st != AC_OK) \
            goto out;    \
    } while (0)

/** AC_FAIL(AC_E_IO, "%s: …", path): set the error and leave. */
#define AC_FAIL(...)                    \
    do {                                \
        st = ac_error_set(__VA_ARGS__); \
        goto out;                       \
    } while (0)

/**
 * Set this thread's error message and return st, so that `return ac_error_set(AC_E_IO, …)`
 * reads well. The message is at most 1,023 bytes (truncated beyond), one line, without a full
 * stop or newline at its end. In debug builds (AC_DEBUG_CHECKS) the error carries the place in
 * the source too.
 */
#define ac_error_set(...) ac_error_set_at(AC_ERROR_PLACE, __VA_ARGS__)
ac_status ac_error_set_at(const char *place, ac_status st, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define AC_TEXT_OF_(x) #x
#define AC_TEXT_OF(x) AC_TEXT_OF_(x)
#ifdef AC_DEBUG_CHECKS
#define AC_ERROR_PLACE __FILE__ ":" AC_TEXT_OF(__LINE__)
#else
#define AC_ERROR_PLACE ""
#endif

/** Put "context: " in front of this thread's message (where am I: a file, a tensor, a shard).
 * Returns st. */
ac_status ac_error_prefix(ac_status st, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** This thread's last message; "" if none. Valid until the next ac_error_* call of the thread.
 */
const char *ac_error_message(void);

/** "engine/base/buffer.c:12", where the last message was set, in debug builds; "" in others.
 * Valid as the message is. */
const char *ac_error_place(void);

/** "input/output" and the like, for logs. */
const char *ac_status_name(ac_status st);

/** Called once, with the text, when a bug is found; must not return. main.c installs one that
 * ends all ranks. */
typedef void (*ac_bug_handler)(const char *text);
void ac_bug_handler_set(ac_bug_handler handler);

void ac_bug(const char *file, int line, const char *format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));

/** Always on: a condition that only a bug of ours can break. */
#define AC_CHECK(condition)                               \
    do {                                                  \
        if (!(condition))                                 \
            ac_bug(__FILE__, __LINE__, "%s", #condition); \
    } while (0)

#endif
