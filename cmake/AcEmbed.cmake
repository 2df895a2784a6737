# ac_embed(TARGET PREFIX FILE…): text files kept as files, in the program as `const char PREFIX_NAME_EXT[]`, with a zero byte
# after them, declared in the header that is written beside them: build folder/PREFIX_assets.h.
set(AC_EMBED_SCRIPT "${CMAKE_CURRENT_LIST_DIR}/embed_files.cmake")

function(ac_embed target prefix)
  set(sources "")
  foreach(file ${ARGN})
    list(APPEND sources "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
  endforeach()
  set(base "${CMAKE_CURRENT_BINARY_DIR}/embedded/${prefix}_assets")
  add_custom_command(OUTPUT "${base}.c" "${base}.h"
    COMMAND ${CMAKE_COMMAND} "-DBASE=${base}" "-DPREFIX=${prefix}" "-DFILES=${sources}" -P "${AC_EMBED_SCRIPT}"
    DEPENDS ${sources} "${AC_EMBED_SCRIPT}" VERBATIM)
  target_sources(${target} PRIVATE "${base}.c" "${base}.h")
  target_include_directories(${target} PRIVATE "${CMAKE_CURRENT_BINARY_DIR}/embedded")
endfunction()
