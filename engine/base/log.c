#include "engine/base/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

static ac_log_sink log_sink;
static void *log_context;
static ac_log_level log_level = AC_LOG_INFO;

void
ac_log_set(ac_log_sink sink, void *context, ac_log_level most_verbose)
{
    log_sink = sink;
    log_context = context;
    log_level = most_verbose;
}

void
ac_log(ac_log_level level, const char *format, ...)
{
    char line[2048];
    va_list args;

    if (!log_sink || level > log_level)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    log_sink(log_context, level, line);
}
