/*
 * LD_PRELOAD library: a process that decodes a JPEG of just $CRASH_ON_SIZE bytes ends by the
 * signal $CRASH_SIGNAL (default 6), wherever the bytes came from.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct jpeg_decompress_struct;

void jpeg_mem_src(struct jpeg_decompress_struct *jpeg, const unsigned char *bytes,
                  unsigned long n);

void
jpeg_mem_src(struct jpeg_decompress_struct *jpeg, const unsigned char *bytes, unsigned long n)
{
    const char *mark = getenv("CRASH_ON_SIZE"), *number = getenv("CRASH_SIGNAL");
    void (*real)(struct jpeg_decompress_struct *, const unsigned char *, unsigned long);

    if (mark && strtoul(mark, NULL, 10) == n) {
        kill(getpid(), number ? atoi(number) : SIGABRT);
        pause();
    }
    *(void **) &real = dlsym(RTLD_NEXT, "jpeg_mem_src");
    real(jpeg, bytes, n);
}
