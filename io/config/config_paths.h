/** The paths that a key's value names. Private to io/config. */
#ifndef AC_IO_CONFIG_CONFIG_PATHS_H
#define AC_IO_CONFIG_CONFIG_PATHS_H

#include "engine/base/status.h"
#include "io/config/config_keys.h"

/**
 * The value of a key that holds a path or several, with absolute paths. Relative ones are taken
 * from base, a folder with its slash, or "" (the current folder).
 * @param[out] out  owned by the caller
 */
AC_MUST_CHECK ac_status ac_config_path_resolve(char **out, const ac_config_key *k,
                                               const char *base, const char *value);

#endif
