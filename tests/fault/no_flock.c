/*
 * LD_PRELOAD library: flock() as on a file system without a lock service. It fails with the
 * error number $LOCK_ERROR (default ENOLCK).
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/file.h>

int
flock(int descriptor, int operation)
{
    const char *wanted = getenv("LOCK_ERROR");

    (void) descriptor;
    (void) operation;
    errno = wanted ? atoi(wanted) : ENOLCK;
    return -1;
}
