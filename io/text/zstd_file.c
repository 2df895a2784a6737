#include "io/text/zstd_file.h"

#include <stdlib.h>
#include <zstd.h>

#include "engine/base/memory.h"

ac_status
ac_zstd_file_create(ac_zstd_file *self, const char *path)
{
    ac_status st = AC_OK;

    *self = (ac_zstd_file){ .output_bytes = ZSTD_CStreamOutSize() };
    if (!(self->encoder = ZSTD_createCStream()))
        AC_FAIL(AC_E_NOMEM, "%s: out of memory for compression", path);
    ZSTD_CCtx_setParameter(self->encoder, ZSTD_c_checksumFlag, 1);
    AC_TRY(ac_alloc(&self->output, (int64_t) self->output_bytes, 1));
    st = ac_text_file_create(&self->file, path);
out:
    return st;
}

static ac_status
compress(ac_zstd_file *self, ZSTD_inBuffer *in, ZSTD_EndDirective directive, size_t *left)
{
    ZSTD_outBuffer out = { self->output, self->output_bytes, 0 };

    *left = ZSTD_compressStream2(self->encoder, &out, in, directive);
    if (ZSTD_isError(*left))
        return ac_error_set(AC_E_NOMEM, "%s: cannot be compressed: %s", self->file.path,
                            ZSTD_getErrorName(*left));
    ac_text_file_write(&self->file, self->output, out.pos);
    return AC_OK;
}

ac_status
ac_zstd_file_write(ac_zstd_file *self, const void *bytes, size_t n)
{
    ZSTD_inBuffer in = { bytes, n, 0 };
    ac_status st = AC_OK;
    size_t left;

    while (st == AC_OK && in.pos < in.size)
        st = compress(self, &in, ZSTD_e_continue, &left);
    return st;
}

ac_status
ac_zstd_file_commit(ac_zstd_file *self)
{
    ZSTD_inBuffer none = { NULL, 0, 0 };
    ac_status st = AC_OK;
    size_t left = 1;

    while (st == AC_OK && left)
        st = compress(self, &none, ZSTD_e_end, &left);
    return st == AC_OK ? ac_text_file_commit(&self->file) : st;
}

void
ac_zstd_file_abandon(ac_zstd_file *self)
{
    ac_text_file_abandon(&self->file);
    ZSTD_freeCStream(self->encoder);
    free(self->output);
    self->encoder = NULL;
    self->output = NULL;
}
