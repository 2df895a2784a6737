/** A source of images that is opened by one rank, or by each, on all. */
#ifndef AC_JOBS_RUNTIME_SHARE_IMAGES_H
#define AC_JOBS_RUNTIME_SHARE_IMAGES_H

#include "engine/comm/comm.h"
#include "io/config/config.h"
#include "io/source/image_source.h"

/**
 * Collective. The source that rank 0 has opened, on every rank; captions that were read already
 * stay with rank 0.
 * @param[in] st  rank 0: how opening went; all ranks return it where it failed
 */
AC_MUST_CHECK ac_status ac_images_share_all(ac_image_source *images, const ac_comm *comm,
                                            const ac_config *config, ac_status st);

/** Collective. Where the input is a list of places (io/source/place_list.h), the source that
 * every rank has opened, of all the tars, becomes that of the listed items. what: the config's
 * key. */
AC_MUST_CHECK ac_status ac_images_select_all(ac_image_source *images, const ac_comm *comm,
                                             const ac_config *config, const char *input,
                                             const char *what);

#endif
