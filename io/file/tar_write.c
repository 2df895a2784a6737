#include "io/file/tar_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/buffer.h"
#include "engine/base/memory.h"
#include "io/file/file_open.h"
#include "io/file/publish.h"

enum { BLOCK = 512, RECORD = 20 * BLOCK, NAME_BYTES = 100, MODE = 0644 };

#define LARGEST_USTAR (((size_t) 1 << 33) - 1) /* eleven octal digits */

/* POSIX ustar; all fields are text. */
typedef struct header {
    char name[NAME_BYTES], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type,
        link[100], magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155],
        rest[12];
} header;

ac_status
ac_tar_create(ac_tar_writer *self, const char *path)
{
    ac_status st = AC_OK;
    int file;

    *self = (ac_tar_writer){ 0 };
    AC_TRY(ac_duplicate(&self->path, path, strlen(path)));
    AC_TRY(ac_publish_temporary(&self->temporary, path));
    file = ac_file_open_for(self->temporary, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC);
    if (file < 0 || !(self->stream = fdopen(file, "wb")))
        st = ac_error_set(ac_io_failure(errno), "%s: cannot be created: %s", self->temporary,
                          strerror(errno));
    if (st != AC_OK && file >= 0)
        close(file);
out:
    if (st != AC_OK)
        ac_tar_abandon(self);
    return st;
}

static void
put(ac_tar_writer *self, const void *bytes, size_t n)
{
    if (n && !self->error && fwrite(bytes, 1, n, self->stream) != n)
        self->error = errno ? errno : EIO;
}

static void
pad(ac_tar_writer *self, size_t n)
{
    static const char zeros[BLOCK];

    put(self, zeros, (BLOCK - n % BLOCK) % BLOCK);
}

/* name: at most NAME_BYTES count. */
static void
put_header(ac_tar_writer *self, const char *name, size_t name_size, char type, size_t n)
{
    header h = { .type = type, .magic = "ustar", .version = { '0', '0' } };
    const unsigned char *bytes = (const unsigned char *) &h;
    unsigned sum = 0;

    _Static_assert(sizeof(header) == BLOCK, "a header is a block");
    memcpy(h.name, name, name_size < NAME_BYTES ? name_size : NAME_BYTES);
    snprintf(h.mode, sizeof h.mode, "%07o", MODE);
    snprintf(h.uid, sizeof h.uid, "%07o", 0);
    snprintf(h.gid, sizeof h.gid, "%07o", 0);
    snprintf(h.size, sizeof h.size, "%011llo",
             (unsigned long long) (n <= LARGEST_USTAR ? n : 0));
    snprintf(h.mtime, sizeof h.mtime, "%011o", 0);
    memset(h.checksum, ' ', sizeof h.checksum);
    for (size_t i = 0; i < sizeof h; i++)
        sum += bytes[i];
    snprintf(h.checksum, sizeof h.checksum, "%06o", sum & 0777777);
    put(self, &h, sizeof h);
}

/* "LENGTH KEY=VALUE\n", the length counting itself. */
static void
push_record(ac_buffer *out, const char *key, const char *value, size_t n)
{
    const size_t rest = 1 + strlen(key) + 1 + n + 1;
    size_t length = rest + 1;

    for (size_t limit = 10; length >= limit; limit *= 10)
        length++;
    ac_buffer_printf(out, "%zu %s=", length, key);
    ac_buffer_push(out, value, n);
    ac_buffer_push_char(out, '\n');
}

static bool
is_ascii(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char) text[i] >= 0x80)
            return false;
    return true;
}

ac_status
ac_tar_add(ac_tar_writer *self, const char *name, size_t name_size, const void *bytes, size_t n)
{
    ac_buffer pax = { 0 };
    ac_status st = AC_OK;
    char size[32];

    if (name_size > NAME_BYTES || !is_ascii(name, name_size))
        push_record(&pax, "path", name, name_size);
    if (n > LARGEST_USTAR) {
        snprintf(size, sizeof size, "%zu", n);
        push_record(&pax, "size", size, strlen(size));
    }
    AC_TRY(pax.status);
    if (pax.size) {
        put_header(self, "pax", 3, 'x', pax.size);
        put(self, pax.data, pax.size);
        pad(self, pax.size);
    }
    put_header(self, name, name_size, '0', n);
    put(self, bytes, n);
    pad(self, n);
out:
    ac_buffer_free(&pax);
    return st;
}

ac_status
ac_tar_commit(ac_tar_writer *self)
{
    static const char zeros[2 * BLOCK];
    long at;
    ac_status st = AC_OK;

    put(self, zeros, sizeof zeros);
    at = ftell(self->stream);
    while (at > 0 && at % RECORD && !self->error) {
        put(self, zeros, BLOCK);
        at += BLOCK;
    }
    if (!self->error && (fflush(self->stream) != 0 || fsync(fileno(self->stream)) != 0))
        self->error = errno;
    if (fclose(self->stream) != 0 && !self->error)
        self->error = errno;
    self->stream = NULL;
    if (self->error)
        AC_FAIL(ac_io_failure(self->error), "%s: cannot be written: %s", self->path,
                strerror(self->error));
    AC_TRY(ac_publish_rename(self->temporary, self->path));
    free(self->temporary);
    self->temporary = NULL;
out:
    ac_tar_abandon(self);
    return st;
}

void
ac_tar_abandon(ac_tar_writer *self)
{
    if (self->stream)
        fclose(self->stream);
    if (self->temporary)
        unlink(self->temporary);
    free(self->temporary);
    free(self->path);
    *self = (ac_tar_writer){ 0 };
}
