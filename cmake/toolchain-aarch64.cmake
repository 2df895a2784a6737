# aarch64 by Debian's cross compiler, against a sysroot: cmake --toolchain cmake/toolchain-aarch64.cmake -DAC_SYSROOT=DIR …
# tests/aarch64/run.sh makes the sysroot. Programs of the build run under qemu-user.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(AC_SYSROOT "$ENV{AC_SYSROOT}" CACHE PATH "Folder with the libraries and headers of aarch64")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES AC_SYSROOT)
if(NOT EXISTS "${AC_SYSROOT}/usr/include/stdio.h")
  message(FATAL_ERROR "AC_SYSROOT=${AC_SYSROOT} has no usr/include/stdio.h: tests/aarch64/run.sh makes a sysroot")
endif()

set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_SYSROOT "${AC_SYSROOT}")
set(CMAKE_FIND_ROOT_PATH "${AC_SYSROOT}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_CROSSCOMPILING_EMULATOR "qemu-aarch64;-L;${AC_SYSROOT}")

# pkg-config reads the sysroot's files alone.
set(ENV{PKG_CONFIG_LIBDIR} "${AC_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${AC_SYSROOT}/usr/share/pkgconfig")
set(ENV{PKG_CONFIG_SYSROOT_DIR} "${AC_SYSROOT}")
