/*
 * LD_PRELOAD library: a process that puts a text with $CRASH_ON_TEXT in it through a
 * tokenizer's pattern ends by SIGSEGV, as it would if that text met a bug.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int match_function(const void *, const unsigned char *, size_t, size_t, uint32_t,
                           void *, void *);

int pcre2_match_8(const void *code, const unsigned char *text, size_t n, size_t at,
                  uint32_t options, void *data, void *context);

int
pcre2_match_8(const void *code, const unsigned char *text, size_t n, size_t at,
              uint32_t options, void *data, void *context)
{
    const char *mark = getenv("CRASH_ON_TEXT");
    match_function *real;

    if (mark && *mark && memmem(text, n, mark, strlen(mark))) {
        kill(getpid(), SIGSEGV);
        pause();
    }
    *(void **) &real = dlsym(RTLD_NEXT, "pcre2_match_8");
    return real(code, text, n, at, options, data, context);
}
