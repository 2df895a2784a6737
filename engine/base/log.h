/** Log lines go to a sink that the program installs; libraries never print. */
#ifndef AC_ENGINE_BASE_LOG_H
#define AC_ENGINE_BASE_LOG_H

typedef enum ac_log_level {
    AC_LOG_ERROR = 0,
    AC_LOG_WARNING,
    AC_LOG_INFO,
    AC_LOG_DEBUG
} ac_log_level;

/** line: one line, no newline. May be called from several threads at once. */
typedef void (*ac_log_sink)(void *context, ac_log_level level, const char *line);

/** Install the sink (NULL: lines are dropped, the state at start). Not thread-safe: call before
 * the work starts. */
void ac_log_set(ac_log_sink sink, void *context, ac_log_level most_verbose);

void ac_log(ac_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
