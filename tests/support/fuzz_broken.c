#include "tests/support/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

void
fuzz_broken(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: broken: %s\n", file, line, condition);
    abort();
}
