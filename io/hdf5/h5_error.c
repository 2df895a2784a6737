#include "io/hdf5/h5_error.h"

#include <errno.h>
#include <hdf5.h>
#include <stdlib.h>
#include <string.h>

#include "io/file/file_open.h"
#include "io/file/io_failure.h"
#include "io/file/publish.h"

typedef struct found {
    int number;
    bool lock;
} found;

/* HDF5 writes "errno = 5, error message = …" into the entry of the call that failed. */
static herr_t
look(unsigned n, const H5E_error2_t *entry, void *context)
{
    static const char key[] = "errno = ";
    const char *at = entry->desc ? strstr(entry->desc, key) : NULL;
    found *self = context;

    (void) n;
    if (!at)
        return 0;
    self->number = atoi(at + sizeof key - 1);
    self->lock = strstr(entry->desc, "lock") != NULL;
    return 1;
}

static found
walk(void)
{
    found self = { 0 };

    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, look, &self);
    return self;
}

/* H5Fopen looks at the path too, and says no number where that fails: errno tells, if it is one
 * of a file server. */
static found
walk_opening(void)
{
    const int number = errno;
    found self = walk();

    if (!self.number && number && ac_io_failure(number) == AC_E_RETRY)
        self.number = number;
    return self;
}

int
ac_h5_error_number(void)
{
    return walk().number;
}

ac_status
ac_h5_check_opening(const char *path)
{
    const found self = walk_opening();

    if (!self.number)
        return AC_OK;
    if (self.lock)
        return ac_error_set(ac_io_failure(self.number),
                            "%s: cannot be locked (%s): %s; HDF5_USE_FILE_LOCKING=FALSE reads "
                            "it without a lock, as this program does by itself where the "
                            "variable is not set",
                            path, strerror(self.number),
                            self.number == EAGAIN
                                ? "another program has it open for writing"
                                : "this file system has no locks, or refuses them");
    return ac_error_set(ac_io_failure(self.number), "%s: cannot be read: %s", path,
                        strerror(self.number));
}

bool
ac_h5_try_again(int *tries)
{
    const int number = ac_h5_error_number();

    return number && ac_file_try_again(number, tries);
}

bool
ac_h5_open_again(int *tries)
{
    const int number = walk_opening().number;

    return number && ac_file_try_again(number, tries);
}

ac_status
ac_h5_reading_failed(const char *path, const char *dataset)
{
    const int number = ac_h5_error_number();

    return number ? ac_error_set(ac_io_failure(number), "%s: dataset %s cannot be read: %s",
                                 path, dataset, strerror(number))
                  : ac_error_set(AC_E_FORMAT,
                                 "%s: dataset %s cannot be read: damaged, or of another type",
                                 path, dataset);
}
