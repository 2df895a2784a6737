/** The program's version, as in CMakeLists.txt's project(). */
#ifndef AC_JOBS_RUNTIME_VERSION_H
#define AC_JOBS_RUNTIME_VERSION_H

#ifndef AC_VERSION
#error "AC_VERSION comes from the build"
#endif

#endif
