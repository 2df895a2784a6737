#include "engine/base/version.h"

#ifndef AC_VERSION
#error "AC_VERSION comes from the build"
#endif

const char *
ac_version(void)
{
    return AC_VERSION;
}
