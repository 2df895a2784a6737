/** The version of the library that runs; AC_VERSION (antarctic.h) is the one compiled against.
 */
#ifndef AC_ENGINE_BASE_VERSION_H
#define AC_ENGINE_BASE_VERSION_H

/** "0.1.0", as in CMakeLists.txt's project(). */
const char *ac_version(void);

#endif
