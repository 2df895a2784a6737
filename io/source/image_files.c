#include "io/source/image_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/checksum.h"
#include "io/file/file_bytes.h"
#include "io/file/file_look.h"
#include "io/file/map.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "io/file/text_file.h"
#include "io/image/decode.h"
#include "io/image/names.h"
#include "io/source/found_files.h"
#include "io/source/location.h"

/* ---- finding ---- */

typedef struct finder {
    ac_found_files found;
    ac_caption_files *captions; /* not owned */
    ac_spill metadata;          /* .json files: zero-terminated names */
    bool all_pages;
    ac_passed_over *passed; /* not owned */
} finder;

static void
finder_free(finder *self)
{
    ac_spill_free(&self->found.files);
    ac_spill_free(&self->found.order);
    ac_spill_free(&self->metadata);
}

static ac_status
add_page(finder *self, const char *path, const char *name, int32_t page)
{
    ac_found_files *found = &self->found;
    const int64_t at = (int64_t) found->files.size;
    ac_found_file file = { .stamp = { -1, -1 },
                           .page = page,
                           .name_size = (uint32_t) strlen(name),
                           .path_size = (uint32_t) strlen(path),
                           .key_size = (uint32_t) ac_location_stem(name, strlen(name)) };
    struct stat info;
    ac_status st = AC_OK;

    if (ac_file_stat(path, &info) == 0 && S_ISREG(info.st_mode))
        file.stamp = (ac_image_stamp){ (int64_t) info.st_size,
                                       (int64_t) info.st_mtim.tv_sec * 1000000000 +
                                           info.st_mtim.tv_nsec };
    AC_TRY(ac_spill_push(&found->order, &at, sizeof at));
    AC_TRY(ac_spill_push(&found->files, &file, sizeof file));
    AC_TRY(ac_spill_push(&found->files, name, file.name_size + (size_t) 1));
    AC_TRY(ac_spill_push(&found->files, path, file.path_size + (size_t) 1));
    st = ac_spill_push(&found->files, "\0\0\0\0\0\0\0", -found->files.size % sizeof(int64_t));
    found->count++;
out:
    return st;
}

int64_t
ac_image_file_pages(const char *path)
{
    ac_map map;
    int64_t pages = 1;

    if (ac_map_open(&map, path) == AC_OK) {
        pages = ac_image_count_pages(map.data, map.size);
        ac_map_close(&map);
    }
    return pages;
}

static ac_status
add(finder *self, const char *path, const char *name)
{
    const int64_t pages = self->all_pages ? ac_image_file_pages(path) : 1;
    ac_status st = AC_OK;

    for (int64_t p = 0; p < pages && st == AC_OK; p++)
        st = add_page(self, path, name, (int32_t) p);
    return st;
}

bool
ac_image_files_has_key(const ac_image_files *self, const char *key, size_t n)
{
    int64_t low = 0, high = self->count;

    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        const int order = ac_image_key_compare(
            ac_texts_at(&self->names, middle), ac_image_files_key_size(self, middle),
            self->pages ? self->pages[middle] : 0, key, n, 0);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* What img2dataset and others put beside an image: image_files_source.c reads it. */
#define METADATA ".json"

static bool
is_metadata(const char *name)
{
    const size_t n = strlen(name), ending = strlen(METADATA);

    return n > ending && strcmp(name + n - ending, METADATA) == 0;
}

/* A file of a folder: an item, or one to be counted. */
static ac_status
add_found(finder *self, const char *path, const char *relative, const char *name)
{
    if (ac_is_apple_double(path, name)) {
        self->passed->apple_double++;
        return AC_OK;
    }
    if (ac_caption_file_is(name))
        return ac_caption_files_add(self->captions, relative);
    if (is_metadata(name)) /* whose, is known when all images are */
        return ac_spill_push(&self->metadata, relative, strlen(relative) + 1);
    return ac_image_name_is(name) ? add(self, path, relative)
                                  : ac_passed_over_add(self->passed, relative);
}

/* .json files that lie beside no image. */
static ac_status
pass_over_metadata(finder *self, const ac_image_files *images)
{
    ac_status st = AC_OK;

    for (size_t at = 0; at < self->metadata.size && st == AC_OK;) {
        const char *name = self->metadata.data + at;
        const size_t n = strlen(name);
        if (!ac_image_files_has_key(images, name, n - strlen(METADATA)))
            st = ac_passed_over_add(self->passed, name);
        at += n + 1;
    }
    ac_passed_over_sort(self->passed);
    return st;
}

/* Everything below `path`; `root` is the length of the input's own path and slash. Links to
 * folders are followed to a depth that no sane archive has, which also ends circles. */
static ac_status
search(finder *self, const char *path, size_t root, int depth)
{
    ac_status st = AC_OK;
    char *child = NULL;
    struct dirent *entry;
    DIR *folder = ac_folder_open(path);

    if (!folder && depth > 0)
        return ac_skip_unreadable(&self->passed->skipped, path, errno);
    if (!folder)
        return ac_error_set(ac_io_failure(errno), "%s: the folder cannot be read: %s", path,
                            strerror(errno));
    if (depth > 64)
        AC_FAIL(AC_E_ARG, "%s: folders nested more than 64 deep: is there a link in a circle?",
                path);
    for (;;) {
        struct stat info;
        bool skipped;
        AC_TRY(ac_folder_next(&entry, folder, path));
        if (!entry)
            break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        free(child);
        AC_TRY(ac_path_format(&child, "%s/%s", path, entry->d_name));
        AC_TRY(ac_skip_ask(&self->passed->skipped, child + root, &skipped));
        if (skipped) {
            if (entry->d_type == DT_DIR)
                ac_skip_look(&self->passed->skipped, child, ac_image_name_is);
            continue;
        }
        if (entry->d_type == DT_DIR ||
            ((entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN) &&
             ac_file_stat(child, &info) == 0 && S_ISDIR(info.st_mode))) {
            if (ac_image_name_is(entry->d_name)) /* a folder where an image should be: said, not
                                                    skipped in silence */
                AC_TRY(add(self, child, child + root));
            AC_TRY(search(self, child, root, depth + 1));
        } else {
            AC_TRY(add_found(self, child, child + root, entry->d_name));
        }
    }
out:
    free(child);
    closedir(folder);
    return st;
}

/* A line of a list. */
static ac_status
add_listed(finder *self, const char *line, const char *list, int folder_length)
{
    ac_status st = AC_OK;
    const char *slash;
    char *full = NULL;

    AC_TRY(ac_path_format(&full, "%.*s%s", line[0] == '/' ? 0 : folder_length, list, line));
    slash = strrchr(full, '/');
    if (ac_is_apple_double(full, slash ? slash + 1 : full))
        self->passed->apple_double++;
    else
        st = add(self, full, strncmp(line, "./", 2) == 0 ? line + 2 : line);
out:
    free(full);
    return st;
}

/* A text file of paths, one per line, relative to the list's own folder. */
static ac_status
read_list(finder *self, const char *path)
{
    const char *slash = strrchr(path, '/');
    ac_text_lines lines = { 0 };
    char *line;
    size_t n;
    ac_status st = AC_OK;

    AC_TRY(ac_text_lines_open(&lines, path, true));
    for (;;) {
        AC_TRY(ac_text_lines_next(&lines, &line, &n));
        if (!line)
            break;
        while (n && line[n - 1] == '\r')
            n--;
        line[n] = '\0';
        if (*line)
            AC_TRY(add_listed(self, line, path, slash ? (int) (slash - path + 1) : 0));
    }
out:
    ac_text_lines_close(&lines);
    return st;
}

/* Behind the name of a key: nothing for a first page. */
static size_t
page_suffix(char suffix[16], int32_t page)
{
    return page ? (size_t) snprintf(suffix, 16, "#%d", page + 1) : 0;
}

int
ac_image_key_compare(const char *a, size_t m, int32_t page_a, const char *b, size_t n,
                     int32_t page_b)
{
    char behind_a[16], behind_b[16];
    const size_t p = page_suffix(behind_a, page_a), q = page_suffix(behind_b, page_b);

    if (p + q == 0)
        return ac_bytes_compare(a, m, b, n);
    for (size_t i = 0; i < m + p && i < n + q; i++) {
        const unsigned char x = (unsigned char) (i < m ? a[i] : behind_a[i - m]),
                            y = (unsigned char) (i < n ? b[i] : behind_b[i - n]);
        if (x != y)
            return x < y ? -1 : 1;
    }
    return (m + p > n + q) - (m + p < n + q);
}

static int
compare_found(const void *a, const void *b, void *found)
{
    const ac_found_file *x = ac_found_file_at(found, *(const int64_t *) a),
                        *y = ac_found_file_at(found, *(const int64_t *) b);
    const int order = ac_image_key_compare(ac_found_file_name(x), x->key_size, x->page,
                                           ac_found_file_name(y), y->key_size, y->page);

    return order ? order : strcmp(ac_found_file_path(x), ac_found_file_path(y));
}

/* Into memory of their own. */
static ac_status
take_small(ac_image_files *self, const ac_found_files *found, bool pages)
{
    ac_status st = AC_OK;

    if (pages)
        AC_TRY(ac_alloc(&self->pages, found->count, sizeof *self->pages));
    AC_TRY(ac_alloc(&self->stamps, found->count, sizeof *self->stamps));
    for (int64_t i = 0; i < found->count; i++) {
        const ac_found_file *file = ac_found_file_of(found, i);
        if (self->pages)
            self->pages[i] = file->page;
        self->stamps[i] = file->stamp;
        AC_TRY(ac_texts_push(&self->names, ac_found_file_name(file), file->name_size));
    }
out:
    return st;
}

static ac_status
take_sorted(ac_image_files *self, finder *f, const char *index, char fingerprint[33])
{
    const ac_found_files *found = &f->found;
    ac_status st = AC_OK;
    ac_checksum sum = { 0 };

    AC_TRY(ac_checksum_init(&sum));
    qsort_r(found->order.data, (size_t) found->count, sizeof(int64_t), compare_found,
            &f->found);
    for (int64_t i = 0; i < found->count; i++) {
        const ac_found_file *file = ac_found_file_of(found, i);
        const char *name = ac_found_file_name(file), *extension = name + file->key_size;
        char suffix[16];
        ac_checksum_update(&sum, name, file->key_size);
        ac_checksum_update(&sum, suffix, page_suffix(suffix, file->page));
        ac_checksum_update(&sum, "", 1);
        ac_checksum_update(&sum, extension, strlen(extension) + 1);
        ac_checksum_update(&sum, &file->stamp.size, sizeof file->stamp.size);
    }
    self->count = found->count;
    ac_checksum_digest(&sum, fingerprint);
    st = index && found->count >= AC_IMAGE_FILES_LARGE
             ? ac_image_files_write_index(self, index, found)
             : take_small(self, found, f->all_pages);
out:
    ac_checksum_free(&sum);
    return st;
}

static ac_status
no_image(const char *path, const char *what, const ac_passed_over *passed)
{
    ac_buffer others = { 0 };

    if (passed->files) {
        ac_buffer_push_text(&others, "; other files: ");
        ac_passed_over_print(passed, &others);
    }
    if (passed->skipped.total) {
        ac_buffer_push_text(&others, "; passed over by input.skip: ");
        ac_skip_print(&passed->skipped, &others);
    }
    ac_error_set(AC_E_FORMAT, "%s: %s holds no image (looked for %s, in all folders below%.*s)",
                 what, path, ac_image_extensions, (int) others.size,
                 others.size ? others.data : "");
    ac_buffer_free(&others);
    return AC_E_FORMAT;
}

ac_status
ac_image_files_find(ac_image_files *self, const char *input, const char *what,
                    const ac_image_options *options, ac_passed_over *passed,
                    char fingerprint[33])
{
    ac_status st = AC_OK;
    finder f = { .all_pages = options->all_pages,
                 .passed = passed,
                 .captions = &self->captions };
    struct stat info;
    size_t n = strlen(input);
    char *path = NULL, *folder = NULL;

    *self = (ac_image_files){ 0 };
    if (options->index) {
        const char *slash = strrchr(options->index, '/');
        AC_TRY(ac_duplicate(&folder, options->index,
                            slash ? (size_t) (slash - options->index) : 0));
        f.found.files.folder = f.found.order.folder = f.metadata.folder = folder;
    }
    ac_caption_files_init(&self->captions, folder);
    while (n > 1 && input[n - 1] == '/')
        n--;
    AC_TRY(ac_duplicate(&path, input, n));
    if (ac_file_stat(path, &info) != 0)
        AC_FAIL(ac_io_failure(errno), "%s: %s: %s", what, path, strerror(errno));
    AC_TRY(ac_location_root(path, &self->root));
    if (S_ISDIR(info.st_mode)) {
        AC_TRY(ac_skip_init(&passed->skipped, options->skip));
        AC_TRY(search(&f, path, n + 1, 0));
        ac_caption_files_sort(&self->captions);
        self->searched = true;
    } else if (n > 4 && strcasecmp(path + n - 4, ".txt") == 0) {
        self->absolute = true;
        AC_TRY(read_list(&f, path));
    } else if (n > 5 && strcasecmp(path + n - 5, ".json") == 0) {
        AC_FAIL(AC_E_ARG,
                "%s: %s: annotations need the folder of their images too: %s={annotations: "
                "F.json, images: FOLDER}",
                what, path, what);
    } else {
        const char *slash = strrchr(path, '/');
        AC_TRY(add(&f, path, slash ? slash + 1 : path));
    }
    if (f.found.count > 0)
        AC_TRY(take_sorted(self, &f, options->index, fingerprint));
    AC_TRY(pass_over_metadata(&f, self));
    if (f.found.count == 0)
        st = no_image(path, what, passed);
out:
    finder_free(&f);
    free(path);
    self->captions.names.folder = self->captions.order.folder = NULL; /* they grow no more */
    free(folder);
    if (st != AC_OK)
        ac_image_files_free(self);
    return st;
}

void
ac_image_files_free(ac_image_files *self)
{
    if (!self->map.data) {
        ac_texts_free(&self->names);
        free(self->pages);
        free(self->stamps);
    }
    ac_map_close(&self->map);
    free(self->index);
    ac_caption_files_free(&self->captions);
    ac_map_close(&self->texts_map);
    free(self->texts);
    free(self->root);
    *self = (ac_image_files){ 0 };
}

/* ---- an item ---- */

size_t
ac_image_files_key_size(const ac_image_files *self, int64_t i)
{
    return ac_location_stem(ac_texts_at(&self->names, i), ac_texts_size(&self->names, i));
}

static int32_t
page_of(const ac_image_files *self, int64_t i)
{
    return self->pages ? self->pages[i] : 0;
}

ac_status
ac_image_files_key(const ac_image_files *self, int64_t i, ac_buffer *out)
{
    char suffix[16];

    ac_buffer_push(out, ac_texts_at(&self->names, i), ac_image_files_key_size(self, i));
    return ac_buffer_push(out, suffix, page_suffix(suffix, page_of(self, i)));
}

bool
ac_image_files_is_duplicate(const ac_image_files *self, int64_t i)
{
    return i > 0 && ac_image_key_compare(
                        ac_texts_at(&self->names, i - 1), ac_image_files_key_size(self, i - 1),
                        page_of(self, i - 1), ac_texts_at(&self->names, i),
                        ac_image_files_key_size(self, i), page_of(self, i)) == 0;
}

ac_status
ac_image_files_locate(const ac_image_files *self, int64_t i, ac_buffer *out)
{
    const char *name = ac_texts_at(&self->names, i);
    const size_t n = ac_texts_size(&self->names, i), root = strlen(self->root);
    char suffix[16];
    const bool below =
        self->absolute && root > 1 && n > root && memcmp(name, self->root, root) == 0;

    ac_buffer_push(out, name + (below ? root : 0), n - (below ? root : 0));
    return ac_buffer_push(out, suffix, page_suffix(suffix, page_of(self, i)));
}

ac_status
ac_image_files_path(const ac_image_files *self, int64_t i, char **path)
{
    const char *name = ac_texts_at(&self->names, i);
    const size_t n = ac_texts_size(&self->names, i);

    return ac_path_format(
        path, "%s%.*s", self->absolute && n && name[0] == '/' ? "" : self->root, (int) n, name);
}

ac_status
ac_image_files_bytes(const ac_image_files *self, int64_t i, ac_buffer *bytes,
                     ac_item_status *status)
{
    char *path = NULL;
    ac_status st = ac_image_files_path(self, i, &path);

    if (st == AC_OK)
        st = ac_file_bytes(bytes, path, status);
    free(path);
    return st;
}

/* ---- for other processes ---- */

/* What is packed, before the texts: numbers of this machine, for ranks of the same program. */
typedef struct packed_head {
    int64_t count, root_size, name_bytes, absolute, pages;
    int64_t index_size; /* of the index's path, which is packed in place of all else; 0: none */
    int64_t texts_size; /* of the texts' path; 0: none */
} packed_head;

ac_status
ac_image_files_pack(const ac_image_files *self, ac_buffer *out)
{
    const packed_head head = { self->count,
                               (int64_t) strlen(self->root),
                               (int64_t) self->names.bytes.size,
                               self->absolute,
                               self->pages ? 1 : 0,
                               self->index ? (int64_t) strlen(self->index) : 0,
                               self->texts ? (int64_t) strlen(self->texts) : 0 };

    ac_buffer_push(out, &head, sizeof head);
    ac_buffer_push(out, self->root, (size_t) head.root_size);
    ac_buffer_push(out, self->texts, (size_t) head.texts_size);
    if (self->index)
        ac_buffer_push(out, self->index, (size_t) head.index_size);
    else if (self->count) {
        ac_buffer_push(out, self->names.offsets,
                       (size_t) (self->count + 1) * sizeof *self->names.offsets);
        ac_buffer_push(out, self->names.bytes.data, self->names.bytes.size);
        if (self->pages)
            ac_buffer_push(out, self->pages, (size_t) self->count * sizeof *self->pages);
    }
    return out->status;
}

ac_status
ac_image_files_packed_files(const char *bytes, size_t n, char *paths[2])
{
    packed_head head;
    ac_status st = AC_OK;

    AC_CHECK(n >= sizeof head);
    memcpy(&head, bytes, sizeof head);
    bytes += sizeof head + (size_t) head.root_size;
    if (head.texts_size)
        AC_TRY(ac_duplicate(&paths[1], bytes, (size_t) head.texts_size));
    if (head.index_size)
        st = ac_duplicate(&paths[0], bytes + head.texts_size, (size_t) head.index_size);
out:
    return st;
}

ac_status
ac_image_files_unpack(ac_image_files *self, const char *bytes, size_t n, size_t *used)
{
    packed_head head;
    const char *at = bytes;
    ac_status st = AC_OK;

    *self = (ac_image_files){ 0 };
    AC_CHECK(n >= sizeof head);
    memcpy(&head, at, sizeof head);
    at += sizeof head;
    AC_TRY(ac_duplicate(&self->root, at, (size_t) head.root_size));
    at += head.root_size;
    if (head.texts_size)
        AC_TRY(ac_duplicate(&self->texts, at, (size_t) head.texts_size));
    at += head.texts_size;
    self->count = head.count;
    self->absolute = head.absolute != 0;
    if (head.index_size) {
        AC_TRY(ac_duplicate(&self->index, at, (size_t) head.index_size));
        at += head.index_size;
        AC_TRY(ac_image_files_open_index(self));
    } else if (head.count) {
        const size_t offsets = (size_t) (head.count + 1) * sizeof(int64_t);
        AC_TRY(ac_alloc(&self->names.offsets, head.count + 1, sizeof(int64_t)));
        memcpy(self->names.offsets, at, offsets);
        at += offsets;
        AC_TRY(ac_buffer_push(&self->names.bytes, at, (size_t) head.name_bytes));
        at += head.name_bytes;
        self->names.count = head.count;
        self->names.capacity = head.count + 1;
        if (head.pages) {
            const size_t size = (size_t) head.count * sizeof *self->pages;
            AC_TRY(ac_alloc(&self->pages, head.count, sizeof *self->pages));
            memcpy(self->pages, at, size);
            at += size;
        }
    }
    *used = (size_t) (at - bytes);
    AC_CHECK(*used <= n);
out:
    if (st != AC_OK)
        ac_image_files_free(self);
    return st;
}
