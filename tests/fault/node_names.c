/*
 * LD_PRELOAD library: names of nodes that no name service knows. $NODE_NAMES (with a blank
 * around each) are those of the address $NODE_ADDRESS.
 */
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int (*look_up)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int
getaddrinfo(const char *restrict name, const char *restrict service,
            const struct addrinfo *restrict hints, struct addrinfo **restrict result)
{
    const char *names = getenv("NODE_NAMES"), *address = getenv("NODE_ADDRESS");
    look_up next;
    char wanted[256];

    *(void **) &next = dlsym(RTLD_NEXT, "getaddrinfo");
    if (!next)
        abort();
    snprintf(wanted, sizeof wanted, " %s ", name ? name : "");
    if (name && names && address && strstr(names, wanted))
        name = address;
    return next(name, service, hints, result);
}
