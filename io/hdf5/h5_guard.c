#include "io/hdf5/h5_guard.h"

#include <errno.h>
#include <hdf5.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/base/tensor.h"
#include "io/file/file_open.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "io/hdf5/h5_raw.h"
#include "io/hdf5/h5_zstd.h"

/* Most that a stored byte can become: zstd repeats 128 kB by a block of 4 bytes, gzip 258 bytes
 * by 2 bits. */
enum { ZSTD_MOST = 1 << 15, GZIP_MOST = 1032 };

enum { SUPERBLOCK_BYTES = 48, BASE_AT = 12, EXTENSION_AT = 20, END_AT = 28, ROOT_AT = 36 };

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static ac_status
sort_names(ac_texts *names)
{
    ac_texts sorted = { 0 };
    const char **order = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&order, names->count + 1, sizeof *order));
    for (int64_t i = 0; i < names->count; i++)
        order[i] = ac_texts_at(names, i);
    qsort(order, (size_t) names->count, sizeof *order, compare_names);
    for (int64_t i = 0; i < names->count; i++)
        AC_TRY(ac_texts_push(&sorted, order[i], strlen(order[i]) + 1));
    ac_texts_free(names);
    *names = sorted;
    sorted = (ac_texts){ 0 };
out:
    ac_texts_free(&sorted);
    free(order);
    return st;
}

static const unsigned char signature[8] = { 0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n' };

/* HDF5 looks for a file's beginning at 512 bytes, and at each doubling, too. */
static ac_status
refuse_user_block(const char *path, int file, int64_t bytes)
{
    unsigned char found[sizeof signature];
    size_t got = 0;

    for (int64_t at = 512; at <= bytes - (int64_t) sizeof found; at *= 2) {
        if (!ac_file_read_at(file, found, sizeof found, at, &got))
            return ac_error_set(ac_io_failure(errno), "%s: cannot be read: %s", path,
                                strerror(errno));
        if (got == sizeof found && memcmp(found, signature, sizeof found) == 0)
            return ac_error_set(AC_E_FORMAT,
                                "%s: an HDF5 file of another program (it begins at byte %lld): "
                                "this program reads those that it wrote",
                                path, (long long) at);
    }
    return AC_OK;
}

ac_status
ac_h5_guard_structure(const char *path, int64_t *bytes, ac_texts *names)
{
    unsigned char block[SUPERBLOCK_BYTES] = { 0 };
    ac_h5_raw raw = { .path = path, .name = "its root", .names = names };
    struct stat info;
    size_t got = 0;
    int file = -1;
    ac_status st = AC_OK;

    AC_TRY(ac_file_open(&file, path));
    if (!ac_file_read_at(file, block, sizeof block, 0, &got) || fstat(file, &info) != 0)
        AC_FAIL(ac_io_failure(errno), "%s: cannot be read: %s", path, strerror(errno));
    *bytes = info.st_size;
    if (got < sizeof block || memcmp(block, signature, sizeof signature) != 0) {
        st = refuse_user_block(path, file, info.st_size);
        goto out; /* HDF5 and the caller say what it is */
    }
    if (block[8] < 2 || block[8] > 3 || block[9] != 8 || block[10] != 8)
        AC_FAIL(AC_E_FORMAT,
                "%s: an HDF5 file of another program (superblock %d): this program reads those "
                "that it wrote",
                path, block[8]);
    if (ac_h5_raw_number(block + BASE_AT, 8) != 0 ||
        ac_h5_raw_number(block + EXTENSION_AT, 8) != UINT64_MAX)
        AC_FAIL(AC_E_FORMAT,
                "%s: an HDF5 file of another program (a superblock with an extension): this "
                "program reads those that it wrote",
                path);
    if (ac_h5_raw_number(block + END_AT, 8) != (uint64_t) info.st_size)
        AC_FAIL(AC_E_FORMAT, "%s: damaged: it says that it has %llu bytes, and has %lld", path,
                (unsigned long long) ac_h5_raw_number(block + END_AT, 8),
                (long long) info.st_size);
    raw.file = file;
    raw.bytes = raw.left = info.st_size;
    AC_TRY(ac_h5_raw_check_group(&raw, ac_h5_raw_number(block + ROOT_AT, 8)));
    st = sort_names(names);
out:
    if (file >= 0)
        close(file);
    return st;
}

/* ---- datasets ---- */

typedef struct guard {
    const char *path;
    int64_t bytes; /* of the file */
    bool may_show;
} guard;

/* A dataset of the file, with what HDF5 says of it. */
typedef struct claim {
    const char *name;
    hid_t set, properties, type, space;
    hsize_t dims[AC_MAX_RANK], chunk[AC_MAX_RANK];
    int rank;
    int64_t size;   /* bytes of all elements */
    int64_t growth; /* most that a stored byte can become */
} claim;

static ac_status
refuse(const guard *self, const char *name, const char *what)
{
    return ac_error_set(AC_E_FORMAT, "%s: refused: %s %s", self->path, name, what);
}

/* Numbers, or texts of one length. */
static ac_status
check_type(const guard *self, const claim *c)
{
    const H5T_class_t kind = c->type >= 0 ? H5Tget_class(c->type) : H5T_NO_CLASS;

    if (kind != H5T_INTEGER && kind != H5T_FLOAT && kind != H5T_STRING)
        return refuse(self, c->name, "holds neither numbers nor texts");
    if (kind == H5T_STRING && H5Tis_variable_str(c->type) != 0)
        return refuse(self, c->name, "holds texts of varying length, which lie elsewhere");
    return AC_OK;
}

/* Shape, and the bytes that it claims. */
static ac_status
check_extent(const guard *self, claim *c)
{
    c->rank = c->space >= 0 ? H5Sget_simple_extent_ndims(c->space) : -1;
    if (c->rank < 1 || c->rank > AC_MAX_RANK ||
        H5Sget_simple_extent_dims(c->space, c->dims, NULL) != c->rank)
        return refuse(self, c->name, "has no shape of ours");
    c->size = (int64_t) H5Tget_size(c->type);
    for (int i = 0; i < c->rank; i++)
        if (c->dims[i] > INT64_MAX ||
            __builtin_mul_overflow(c->size, (int64_t) c->dims[i], &c->size))
            return refuse(self, c->name,
                          "claims to have more elements than any memory holds: damaged");
    return AC_OK;
}

static ac_status
check_filters(const guard *self, claim *c)
{
    const int n = H5Pget_nfilters(c->properties);

    c->growth = 1;
    if (n < 0 || n > 2)
        return refuse(self, c->name, "is stored through more filters than we write");
    for (int i = 0; i < n; i++) {
        unsigned flags = 0;
        size_t values = 0;
        const H5Z_filter_t id =
            H5Pget_filter2(c->properties, (unsigned) i, &flags, &values, NULL, 0, NULL, NULL);
        if (id == AC_H5_ZSTD_FILTER && i == 0)
            c->growth = ZSTD_MOST;
        else if (id == H5Z_FILTER_DEFLATE && i == 0)
            c->growth = GZIP_MOST;
        else if (id != H5Z_FILTER_FLETCHER32)
            return ac_error_set(AC_E_FORMAT,
                                "%s: refused: %s is stored through filter %d, which is none of "
                                "zstd, gzip and Fletcher-32",
                                self->path, c->name, (int) id);
    }
    return AC_OK;
}

/* Whole chunks inside the file, as many as the shape has, each no larger than its bytes can
 * become. */
static ac_status
check_chunks(const guard *self, claim *c)
{
    int64_t chunks = 1, bytes = (int64_t) H5Tget_size(c->type), all;
    ac_status st = AC_OK;

    AC_TRY(check_filters(self, c));
    if (H5Pget_chunk(c->properties, AC_MAX_RANK, c->chunk) != c->rank)
        return refuse(self, c->name, "has chunks of another shape than it: damaged");
    for (int i = 0; i < c->rank; i++) {
        const int64_t side = (int64_t) c->chunk[i];
        if (side < 1 || __builtin_mul_overflow(bytes, side, &bytes) ||
            __builtin_mul_overflow(chunks, ((int64_t) c->dims[i] + side - 1) / side, &chunks))
            return refuse(self, c->name, "has chunks of an impossible size: damaged");
    }
    if (__builtin_mul_overflow(bytes, chunks, &all) || all / c->growth > self->bytes ||
        chunks > self->bytes)
        return refuse(self, c->name,
                      "claims to be larger than what this file can hold: damaged");
out:
    return st;
}

/* Of a shard's name as this program writes it, the folder: "shards" of "shards/00000.h5", or
 * with "./" before it. NULL: it is none of these. */
static const char *
folder_of_stage(const char *name)
{
    static const char *const folders[] = { "embeddings", "tables", "shards" };

    name += strncmp(name, "./", 2) == 0 ? 2 : 0;
    for (size_t f = 0; f < sizeof folders / sizeof *folders; f++) {
        const size_t n = strlen(folders[f]);
        if (strncmp(name, folders[f], n) == 0 && name[n] == '/')
            return strcspn(name + n + 1, "/") == strlen(name + n + 1) ? folders[f] : NULL;
    }
    return NULL;
}

/* Does `name`, a file at or below `folder`, mean one that lies below what `root` points to? One
 * that is not there is nowhere: who reads it says so. */
static ac_status
is_below(const char *folder, const char *name, const char *root, bool *good)
{
    char *real = realpath(root, NULL), *path = NULL, *source = NULL;
    const size_t n = real ? strlen(real) : 0;
    ac_status st = AC_OK;

    *good = false;
    if (!real)
        goto out;
    AC_TRY(ac_path_format(&path, "%s/%s", folder, name));
    source = realpath(path, NULL);
    *good = source ? n == 1 || (strncmp(source, real, n) == 0 && source[n] == '/')
                   : errno == ENOENT;
out:
    free(real);
    free(path);
    free(source);
    return st;
}

/* Is the file that `name` means for the file at `path` below its folder, or below that of what
 * a link points to? The folders of a run's stages may be links to elsewhere, as people put
 * shards on a faster disk. */
static ac_status
lies_below(const char *path, const char *name, bool *good)
{
    const char *slash = strrchr(path, '/'), *stage = folder_of_stage(name);
    char *folder = NULL, *target = NULL, *root = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&folder, "%.*s.", slash ? (int) (slash - path) + 1 : 0, path));
    AC_TRY(is_below(folder, name, folder, good));
    if (!*good && stage) {
        AC_TRY(ac_path_format(&root, "%s/%s", folder, stage));
        AC_TRY(is_below(folder, name, root, good));
        free(root);
        root = NULL;
    }
    if (*good || !(target = realpath(path, NULL)))
        goto out;
    *(strrchr(target, '/') + (strrchr(target, '/') == target)) = '\0';
    AC_TRY(is_below(target, name, target, good));
    if (!*good && stage) {
        AC_TRY(ac_path_format(&root, "%s/%s", target, stage));
        st = is_below(target, name, root, good);
    }
out:
    free(folder);
    free(target);
    free(root);
    return st;
}

static ac_status
check_source(const guard *self, const claim *c, size_t i)
{
    char name[PATH_MAX], dataset[256];
    const hid_t shown = H5Pget_virtual_vspace(c->properties, i);
    const hssize_t rows = shown >= 0 ? H5Sget_select_npoints(shown) : -1;
    const ssize_t n = H5Pget_virtual_filename(c->properties, i, name, sizeof name),
                  m = H5Pget_virtual_dsetname(c->properties, i, dataset, sizeof dataset);
    bool good = false;
    ac_status st = AC_OK;

    if (shown >= 0)
        H5Sclose(shown);
    if (n < 1 || n >= (ssize_t) sizeof name || m < 1 || m >= (ssize_t) sizeof dataset ||
        rows < 0 || rows > INT64_MAX / AC_MAX_RANK || strchr(name, '%') || strchr(dataset, '%'))
        return refuse(self, c->name, "does not say what it shows: damaged");
    if (name[0] == '/' || strcmp(name, ".") == 0 || strncmp(name, "../", 3) == 0 ||
        strstr(name, "/../"))
        return ac_error_set(
            AC_E_FORMAT, "%s: refused: %s shows the file %s, which is not beside or below it",
            self->path, c->name, name);
    AC_TRY(lies_below(self->path, name, &good));
    if (!good)
        st = ac_error_set(AC_E_FORMAT,
                          "%s: refused: %s shows the file %s, which is not beside or below it",
                          self->path, c->name, name);
out:
    return st;
}

/* Before its extent is asked for: HDF5 looks into the sources for one without a limit. */
static ac_status
check_layout(const guard *self, claim *c, H5D_layout_t *layout)
{
    ac_status st = AC_OK;
    size_t sources = 0;

    c->properties = H5Dget_create_plist(c->set);
    *layout = c->properties >= 0 ? H5Pget_layout(c->properties) : H5D_LAYOUT_ERROR;
    if (c->properties >= 0 && *layout == H5D_CONTIGUOUS &&
        H5Pget_external_count(c->properties) != 0)
        return refuse(self, c->name, "is stored in another file (external storage)");
    if (*layout == H5D_CHUNKED || *layout == H5D_CONTIGUOUS || *layout == H5D_COMPACT)
        return AC_OK;
    if (*layout != H5D_VIRTUAL)
        return refuse(self, c->name, "is stored in a way that we do not write");
    if (!self->may_show)
        return refuse(self, c->name, "shows other files, which only a captions.h5 does");
    if (H5Pget_virtual_count(c->properties, &sources) < 0 || (int64_t) sources > self->bytes)
        return refuse(self, c->name, "does not say what it shows: damaged");
    for (size_t i = 0; i < sources; i++)
        AC_TRY(check_source(self, c, i));
out:
    return st;
}

static ac_status
check_dataset(const guard *self, hid_t file, const char *name)
{
    claim c = { .name = name, .properties = -1, .type = -1, .space = -1 };
    H5D_layout_t layout = H5D_LAYOUT_ERROR;
    ac_status st = AC_OK;

    c.set = H5Dopen2(file, name, H5P_DEFAULT);
    if (c.set < 0)
        AC_TRY(refuse(self, name, "cannot be opened: damaged"));
    AC_TRY(check_layout(self, &c, &layout));
    c.type = H5Dget_type(c.set);
    c.space = H5Dget_space(c.set);
    AC_TRY(check_type(self, &c));
    AC_TRY(check_extent(self, &c));
    if (layout == H5D_CHUNKED)
        AC_TRY(check_chunks(self, &c));
    else if (layout != H5D_VIRTUAL &&
             (c.size > self->bytes || (int64_t) H5Dget_storage_size(c.set) != c.size))
        AC_TRY(refuse(self, name, "claims to be larger than what this file can hold: damaged"));
out:
    if (c.properties >= 0)
        H5Pclose(c.properties);
    if (c.type >= 0)
        H5Tclose(c.type);
    if (c.space >= 0)
        H5Sclose(c.space);
    if (c.set >= 0)
        H5Dclose(c.set);
    return st;
}

ac_status
ac_h5_guard_content(const char *path, int64_t file, int64_t bytes, const ac_texts *names,
                    bool may_show)
{
    guard self = { .path = path, .bytes = bytes, .may_show = may_show };
    ac_status st = AC_OK;

    for (int64_t i = 0; i < names->count && st == AC_OK; i++)
        st = check_dataset(&self, (hid_t) file, ac_texts_at(names, i));
    return st;
}
