# Language level, warnings, and ac_library(): how every library of this project is declared.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

add_library(ac_options INTERFACE)
target_include_directories(ac_options INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_definitions(ac_options INTERFACE _GNU_SOURCE)
target_compile_options(ac_options INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wvla -Wno-sign-conversion
  -ffp-contract=off # a*b+c is fused only where the code says fma(): the bits must not depend on the compiler
  "-fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=" # messages and debug builds name files as the repository does
  -fno-trapping-math # nobody looks at floating-point exceptions: loops with a condition vectorise, to the same numbers
  $<$<C_COMPILER_ID:Clang>:-Wno-pass-failed> # `omp simd` loops that clang leaves scalar: a matter of speed, not of the code
  $<$<BOOL:${AC_WERROR}>:-Werror>)
target_compile_definitions(ac_options INTERFACE $<$<BOOL:${AC_DEBUG_CHECKS}>:AC_DEBUG_CHECKS=1>)
if(AC_SANITIZE)
  target_compile_options(ac_options INTERFACE -fsanitize=address,undefined -fno-omit-frame-pointer
    -fno-sanitize-recover=undefined)
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_C_COMPILER_VERSION VERSION_GREATER_EQUAL 13)
    # gcc's bug 110027: in the stack that finds uses after return, vectors of 64 bytes are not aligned
    target_compile_options(ac_options INTERFACE --param=asan-use-after-return=0)
  endif()
  target_link_options(ac_options INTERFACE -fsanitize=address,undefined)
endif()
if(AC_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID MATCHES Clang)
    message(FATAL_ERROR "AC_FUZZ needs clang (cmake --preset fuzz)")
  endif()
  target_compile_options(ac_options INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(ac_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# ac_library(NAME SOURCES a.c b.c [DEPENDS lib…])
# A static library that sees only what it names: a library without MPI in DEPENDS cannot include mpi.h.
function(ac_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC ac_options ${arg_DEPENDS})
  set_property(GLOBAL APPEND PROPERTY AC_LIBRARIES ${name})
endfunction()
