/** A job's images, on all ranks. */
#ifndef AC_JOBS_RUNTIME_IMAGES_H
#define AC_JOBS_RUNTIME_IMAGES_H

#include "engine/comm/comm.h"
#include "io/config/config.h"
#include "io/source/captioned_images.h"
#include "io/source/image_source.h"
#include "jobs/runtime/share_images.h"

/** How the config wants an input looked through. Borrows its texts. */
ac_image_options ac_images_options(const ac_config *config);

/** Where the index of a large folder or list lies; free with free(). folder: of the run;
 * journal/ is there. what: the config's key. */
AC_MUST_CHECK ac_status ac_images_index_path(const ac_config *config, const char *folder,
                                             const char *what, char **path);

/** The images at input.path, or of its annotations, as the config wants them looked through.
 * Local. folder: of the run, for a large input's index; NULL: all is in memory. */
AC_MUST_CHECK ac_status ac_images_open_input(ac_image_source *images, const ac_config *config,
                                             const char *folder);

/** The same on all ranks, which agree; rank 0 says what was passed over. Collective.
 * texts: captions and metadata are known on every rank. Else ranks other than 0 may know none
 * of annotations, and of a folder only the .txt files beside images. */
AC_MUST_CHECK ac_status ac_images_open_input_all(ac_image_source *images, const ac_comm *comm,
                                                 const ac_config *config, const char *folder,
                                                 bool texts);

/** What locations of a run's images are relative to: input.path, or the folder of annotations;
 * NULL: the config has neither. Borrowed. */
const char *ac_images_place(const ac_config *config);

/** What opening the source passed over, where it passed over anything: a line by extension, and
 * one of what macOS left. Local. what: the config's key. */
void ac_images_log_passed_over(const ac_image_source *images, const char *what);

/** What reading captions left out, where it left out anything. Local. what: the config's key.
 */
void ac_images_log_notes(const ac_caption_notes *notes, const char *what);

#endif
