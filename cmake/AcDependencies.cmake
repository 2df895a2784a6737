# Every third-party library, as an imported target named ac::NAME. All are packages of Debian 12 and 13.
find_package(PkgConfig REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS C)
find_package(Threads REQUIRED)

# MPI through pkg-config where that knows it: the target carries the C flags alone. Elsewhere, or where MPI_C_COMPILER (an mpicc) is
# given, through CMake's FindMPI.
set(AC_MPI auto CACHE STRING "MPI: ompi-c or mpich (by pkg-config), compiler (as MPI_C_COMPILER says), or auto")
if(AC_MPI STREQUAL auto AND NOT MPI_C_COMPILER)
  pkg_search_module(ac_mpi IMPORTED_TARGET GLOBAL ompi-c mpich)
elseif(AC_MPI MATCHES "^(ompi-c|mpich)$")
  pkg_check_modules(ac_mpi REQUIRED IMPORTED_TARGET GLOBAL ${AC_MPI})
endif()
if(ac_mpi_FOUND)
  add_library(ac::mpi ALIAS PkgConfig::ac_mpi)
else()
  find_package(MPI REQUIRED COMPONENTS C)
  add_library(ac::mpi ALIAS MPI::MPI_C)
endif()
if("${ac_mpi_LIBRARIES};${MPI_C_LIBRARIES}" MATCHES "mpich")
  set(AC_MPI_IS_MPICH ON) # for the tests
endif()

pkg_check_modules(hdf5 REQUIRED IMPORTED_TARGET GLOBAL hdf5-serial)
target_compile_definitions(PkgConfig::hdf5 INTERFACE H5_USE_110_API) # the calls of 1.10, from later versions too
add_library(ac::hdf5 ALIAS PkgConfig::hdf5)
set(AC_PKG_MODULES hdf5-serial)

# The OpenMP build of OpenBLAS, by its own path: the alternatives system may point elsewhere.
find_path(AC_OPENBLAS_INCLUDE NAMES cblas.h
  PATH_SUFFIXES ${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp openblas-openmp REQUIRED)
find_library(AC_OPENBLAS_LIBRARY NAMES openblas
  PATH_SUFFIXES ${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp openblas-openmp REQUIRED)
add_library(ac_openblas INTERFACE)
target_include_directories(ac_openblas SYSTEM INTERFACE "${AC_OPENBLAS_INCLUDE}")
target_link_libraries(ac_openblas INTERFACE "${AC_OPENBLAS_LIBRARY}")
add_library(ac::openblas ALIAS ac_openblas)

foreach(pair "jpeg:libjpeg" "png:libpng" "webp:libwebp" "webpdemux:libwebpdemux" "zstd:libzstd" "pcre2:libpcre2-8" "utf8proc:libutf8proc"
             "jansson:jansson" "yaml:yaml-0.1" "zlib:zlib" "xxhash:libxxhash" "archive:libarchive")
  string(REPLACE ":" ";" parts ${pair})
  list(GET parts 0 name)
  list(GET parts 1 module)
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET GLOBAL ${module})
  add_library(ac::${name} ALIAS PkgConfig::${name})
  list(APPEND AC_PKG_MODULES ${module}) # for antarctic.pc
endforeach()

find_path(AC_RANDOM123_INCLUDE NAMES Random123/philox.h REQUIRED)
add_library(ac_random123 INTERFACE)
target_include_directories(ac_random123 SYSTEM INTERFACE "${AC_RANDOM123_INCLUDE}")
add_library(ac::random123 ALIAS ac_random123)

if(NOT AC_WITH_DNNL STREQUAL "OFF")
  find_path(AC_DNNL_INCLUDE NAMES oneapi/dnnl/dnnl.h)
  find_library(AC_DNNL_LIBRARY NAMES dnnl)
  if(AC_DNNL_INCLUDE AND AC_DNNL_LIBRARY)
    add_library(ac_dnnl INTERFACE)
    target_include_directories(ac_dnnl SYSTEM INTERFACE "${AC_DNNL_INCLUDE}")
    target_link_libraries(ac_dnnl INTERFACE "${AC_DNNL_LIBRARY}")
    target_compile_definitions(ac_dnnl INTERFACE AC_HAVE_DNNL=1)
    add_library(ac::dnnl ALIAS ac_dnnl)
    message(STATUS "oneDNN: ${AC_DNNL_LIBRARY}")
  elseif(AC_WITH_DNNL STREQUAL "ON")
    message(FATAL_ERROR "AC_WITH_DNNL is ON but oneDNN was not found (Debian: libdnnl-dev)")
  else()
    message(STATUS "oneDNN: not found, building with OpenBLAS alone")
  endif()
endif()

# Image formats beyond those of every build: each library is found or not, and AC_WITH_X says whether it must be. What is found becomes
# ac::X and, for io/image, AC_HAVE_X with the library's version.
set(AC_IMAGE_LIBRARIES "")
set(AC_IMAGE_DEFINITIONS "")
foreach(line "tiff:libtiff-4>=4.5:libtiff-dev" "openjpeg:libopenjp2>=2.5:libopenjp2-7-dev" "avif:libavif>=0.11:libavif-dev"
             "heif:libheif>=1.15:libheif-dev" "jxl:libjxl>=0.7:libjxl-dev")
  string(REPLACE ":" ";" parts ${line})
  list(GET parts 0 name)
  list(GET parts 1 module)
  list(GET parts 2 package)
  string(TOUPPER ${name} upper)
  set(AC_WITH_${upper} "auto" CACHE STRING "Image format by ${module}: auto (found: on), ON, OFF")
  if(AC_WITH_${upper} STREQUAL "OFF")
    continue()
  endif()
  pkg_check_modules(${name} IMPORTED_TARGET GLOBAL QUIET ${module})
  if(${name}_FOUND)
    add_library(ac::${name} ALIAS PkgConfig::${name})
    list(APPEND AC_IMAGE_LIBRARIES ${name})
    string(REGEX REPLACE ">=.*" "" plain ${module})
    list(APPEND AC_PKG_MODULES ${plain})
    list(APPEND AC_IMAGE_DEFINITIONS "AC_HAVE_${upper}=\"${${name}_VERSION}\"")
    message(STATUS "Images: ${module}, ${${name}_VERSION}")
  elseif(AC_WITH_${upper} STREQUAL "ON")
    message(FATAL_ERROR "AC_WITH_${upper} is ON but ${module} was not found (Debian: ${package})")
  else()
    message(STATUS "Images: ${module} was not found (Debian: ${package}); its format is not read")
  endif()
endforeach()
