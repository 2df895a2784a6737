#include "io/source/caption_set.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "engine/text/unicode.h"
#include "io/file/file_look.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "io/file/text_file.h"
#include "io/source/caption_records.h"
#include "io/source/caption_set_json.h"
#include "io/source/image_dataset.h"

enum { DEEPEST_FOLDER = 64 };

/* ---- text files ---- */

/* The lines of a file, without "\n" and a "\r" before it. Bytes that are not UTF-8 are an error
 * that names the line. */
static ac_status
read_text_lines(ac_texts *lines, const char *path)
{
    ac_buffer text = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_text_file_read(path, &text));
    for (size_t at = text.size >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
         at < text.size;) {
        const char *end = memchr(text.data + at, '\n', text.size - at);
        const size_t n = end ? (size_t) (end - text.data) - at : text.size - at,
                     kept = n && text.data[at + n - 1] == '\r' ? n - 1 : n;
        if (ac_utf8_check(text.data + at, kept) != AC_OK)
            AC_FAIL(AC_E_FORMAT, "%s: line %lld is not UTF-8", path,
                    (long long) lines->count + 1);
        AC_TRY(ac_texts_push(lines, text.data + at, kept));
        at += n + 1;
    }
out:
    ac_buffer_free(&text);
    return st;
}

static bool
is_blank(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isspace((unsigned char) text[i]))
            return false;
    return true;
}

/* keys.txt in the folder of `path`; none: the lines' numbers, which sort as they are. */
static ac_status
read_keys(ac_texts *keys, const char *path, int64_t lines)
{
    const char *slash = strrchr(path, '/');
    char *beside = NULL, number[32];
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&beside, "%.*s%skeys.txt", slash ? (int) (slash - path) : 0, path,
                          slash ? "/" : ""));
    if (ac_file_is_there(beside)) {
        AC_TRY(read_text_lines(keys, beside));
        if (keys->count != lines)
            AC_FAIL(AC_E_FORMAT, "%s has %lld lines, but %s has %lld", path, (long long) lines,
                    beside, (long long) keys->count);
    }
    for (int64_t i = keys->count; i < lines; i++) {
        const int n = snprintf(number, sizeof number, "%09lld", (long long) i + 1);
        AC_TRY(ac_texts_push(keys, number, (size_t) n));
    }
out:
    free(beside);
    return st;
}

/* One file of a caption per line, or several whose lines belong together. */
static ac_status
read_line_files(ac_caption_records *out, char *const *paths, size_t count, bool several)
{
    ac_texts lines = { 0 }, keys = { 0 };
    int64_t first = 0;
    ac_status st = AC_OK;

    out->format = several ? "lines of references" : "lines";
    for (size_t f = 0; f < count; f++) {
        ac_texts_reset(&lines);
        AC_TRY(read_text_lines(&lines, paths[f]));
        if (f == 0) {
            AC_TRY(read_keys(&keys, paths[0], lines.count));
            first = lines.count;
        }
        if (lines.count != first)
            AC_FAIL(AC_E_FORMAT,
                    "%s has %lld lines, but %s has %lld: they do not belong "
                    "together",
                    paths[f], (long long) lines.count, paths[0], (long long) first);
        for (int64_t i = 0; i < lines.count; i++) {
            if (several && is_blank(ac_texts_at(&lines, i), ac_texts_size(&lines, i))) {
                out->blank_lines++;
                continue;
            }
            AC_TRY(ac_caption_records_push(out, ac_texts_at(&keys, i), ac_texts_size(&keys, i),
                                           "", 0, ac_texts_at(&lines, i),
                                           ac_texts_size(&lines, i)));
        }
    }
out:
    ac_texts_free(&lines);
    ac_texts_free(&keys);
    return st;
}

/* Names with commas between them; those after the first are beside it unless they say where. */
static ac_status
read_listed_files(ac_caption_records *out, const char *list, bool several)
{
    char *paths[256] = { 0 };
    size_t count = 0;
    const char *first_end = strchr(list, ',');
    int folder = 0;
    ac_status st = AC_OK;

    for (const char *p = list; p < first_end; p++)
        if (*p == '/')
            folder = (int) (p - list) + 1;
    for (const char *at = list; *at;) {
        const size_t n = strcspn(at, ",");
        const char *name = at + strspn(at, " ");
        if (count == 256)
            AC_FAIL(AC_E_LIMIT, "more than 256 files of references");
        AC_TRY(ac_path_format(&paths[count++], "%.*s%.*s",
                              at == list || *name == '/' ? 0 : folder, list,
                              (int) (n - (size_t) (name - at)), name));
        at += n + (at[n] == ',');
    }
    st = read_line_files(out, paths, count, several);
out:
    for (size_t i = 0; i < count; i++)
        free(paths[i]);
    return st;
}

/* ---- folders ---- */

static ac_status read_text_folder(ac_caption_records *out, const char *root, const char *below,
                                  int depth, bool several);

static ac_status
read_member(ac_caption_records *out, const char *root, const char *below, const char *name,
            int depth, bool several)
{
    const size_t n = strlen(name);
    char *path = NULL, *inner = NULL;
    ac_texts lines = { 0 };
    struct stat info;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&inner, "%s%s%s", below, *below ? "/" : "", name));
    AC_TRY(ac_path_format(&path, "%s/%s", root, inner));
    if (ac_file_stat(path, &info) != 0)
        goto out;
    if (S_ISDIR(info.st_mode)) {
        st = depth < DEEPEST_FOLDER ? read_text_folder(out, root, inner, depth + 1, several)
                                    : AC_OK;
        goto out;
    }
    if (n <= 4 || strcasecmp(name + n - 4, ".txt") != 0)
        goto out;
    AC_TRY(read_text_lines(&lines, path));
    for (int64_t i = 0; i < lines.count; i++)
        if (!is_blank(ac_texts_at(&lines, i), ac_texts_size(&lines, i)))
            AC_TRY(ac_caption_records_push(out, inner, strlen(inner) - 4, "", 0,
                                           ac_texts_at(&lines, i), ac_texts_size(&lines, i)));
        else if (several)
            out->blank_lines++;
out:
    free(path);
    free(inner);
    ac_texts_free(&lines);
    return st;
}

static ac_status
read_text_folder(ac_caption_records *out, const char *root, const char *below, int depth,
                 bool several)
{
    char *path = NULL;
    struct dirent **names = NULL;
    int count = 0;
    ac_status st = AC_OK;

    out->format = "a folder of .txt";
    AC_TRY(ac_path_format(&path, "%s%s%s", root, *below ? "/" : "", below));
    count = ac_folder_scan(path, &names, NULL);
    if (count < 0 && depth > 0 && (errno == EACCES || errno == EPERM)) {
        ac_log(AC_LOG_WARNING, "%s: a folder that cannot be read is left out: %s", path,
               strerror(errno));
        goto out;
    }
    if (count < 0)
        AC_FAIL(ac_io_failure(errno), "%s: %s", path, strerror(errno));
    for (int i = 0; i < count && st == AC_OK; i++)
        if (names[i]->d_name[0] != '.')
            st = read_member(out, root, below, names[i]->d_name, depth, several);
out:
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
    free(path);
    return st;
}

static ac_status read_pattern(ac_caption_records *out, const char *pattern, bool several,
                              bool *found);

/* The captions that came with the images of a dataset; a blank one is none. */
static ac_status
read_dataset(ac_caption_records *out, const char *folder)
{
    ac_image_source images = { 0 };
    ac_texts captions = { 0 };
    ac_buffer key = { 0 };
    ac_status st = AC_OK;

    out->format = "an image dataset";
    AC_TRY(ac_image_dataset_open(&images, folder));
    for (int64_t i = 0; i < images.count; i++) {
        AC_TRY(ac_image_source_key(&images, i, &key));
        AC_TRY(ac_image_source_captions(&images, i, &captions));
        for (int64_t c = 0; c < captions.count; c++) {
            const char *text = ac_texts_at(&captions, c);
            const size_t n = ac_texts_size(&captions, c);

            if (is_blank(text, n))
                out->blank_lines++;
            else if (ac_utf8_check(text, n) != AC_OK)
                AC_FAIL(AC_E_FORMAT, "%s: \"%.*s\": a caption is not UTF-8", folder,
                        (int) key.size, key.data);
            else
                AC_TRY(ac_caption_records_push(out, key.data, key.size, "", 0, text, n));
        }
    }
out:
    ac_image_source_free(&images);
    ac_texts_free(&captions);
    ac_buffer_free(&key);
    return st;
}

/* A run of caption, an image dataset, or text files by id. */
static ac_status
read_folder(ac_caption_records *out, const char *path, bool several, const char *what)
{
    char *captions = NULL, *references = NULL, *predictions = NULL, *items = NULL;
    bool found = false, is_dataset = false;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&captions, "%s/captions.jsonl", path));
    AC_TRY(ac_path_format(&references, "%s/ref[0-9]*.txt", path));
    AC_TRY(ac_path_format(&predictions, "%s/preds.txt", path));
    AC_TRY(ac_path_format(&items, "%s/items.jsonl", path));
    if (several) {
        AC_TRY(read_pattern(out, references, true, &found));
        if (!found && ac_file_is_there(captions))
            AC_FAIL(AC_E_FORMAT, "%s: a run without ref0.txt: its images had no captions",
                    path);
        if (!found)
            AC_TRY(ac_image_dataset_is(path, what, &is_dataset));
        if (!found)
            st =
                is_dataset ? read_dataset(out, path) : read_text_folder(out, path, "", 0, true);
    } else if (ac_file_is_there(captions)) {
        out->format = "a run";
        out->format_is_run = true;
        st = ac_captions_read_lines(out, captions);
    } else if (ac_file_is_there(items)) {
        out->format = "a run of evaluate";
        st = ac_captions_read_lines(out, items);
    } else if (ac_file_is_there(predictions)) {
        st = read_line_files(out, &predictions, 1, false);
    } else {
        st = read_text_folder(out, path, "", 0, false);
    }
out:
    free(captions);
    free(references);
    free(predictions);
    free(items);
    return st;
}

static ac_status
read_pattern(ac_caption_records *out, const char *pattern, bool several, bool *found)
{
    glob_t files = { 0 };
    ac_status st = AC_OK;

    if (glob(pattern, 0, NULL, &files) == 0 && files.gl_pathc) {
        *found = true;
        st = read_line_files(out, files.gl_pathv, files.gl_pathc, several);
    }
    globfree(&files);
    return st;
}

static bool
ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);

    return n >= m && strcasecmp(text + n - m, end) == 0;
}

static ac_status
read_records(ac_caption_records *out, const char *path, bool several, const char *what)
{
    struct stat info;
    bool found = false;
    ac_status st = AC_OK;

    if (ac_file_stat(path, &info) != 0) {
        const int why = errno;
        if (strpbrk(path, "*?[")) {
            AC_TRY(read_pattern(out, path, several, &found));
            if (found)
                goto out;
        } else if (strchr(path, ',')) {
            st = read_listed_files(out, path, several);
            goto out;
        }
        AC_FAIL(ac_io_failure(why), "%s: %s: %s", what, path, strerror(why));
    }
    if (S_ISDIR(info.st_mode))
        st = read_folder(out, path, several, what);
    else if (ends_with(path, ".jsonl"))
        st = ac_captions_read_lines(out, path);
    else if (ends_with(path, ".json"))
        st = ac_captions_read_json(out, path);
    else
        st = read_line_files(out, (char *[]){ (char *) (uintptr_t) path }, 1, several);
out:
    return st;
}

/* ---- the set ---- */

static int
by_id(const void *a, const void *b, void *context)
{
    const ac_caption_records *r = context;
    const int64_t i = *(const int64_t *) a, j = *(const int64_t *) b;
    const int order = ac_bytes_compare(ac_texts_at(&r->ids, i), ac_texts_size(&r->ids, i),
                                       ac_texts_at(&r->ids, j), ac_texts_size(&r->ids, j));

    return order ? order : (i > j) - (i < j);
}

static int
by_name(const void *a, const void *b, void *context)
{
    const ac_caption_set *s = context;
    const int64_t i = *(const int64_t *) a, j = *(const int64_t *) b;
    const int order = ac_bytes_compare(ac_texts_at(&s->names, i), ac_texts_size(&s->names, i),
                                       ac_texts_at(&s->names, j), ac_texts_size(&s->names, j));

    return order ? order : (i > j) - (i < j);
}

static ac_status
push_entries(ac_caption_set *self, const ac_caption_records *r, int64_t record)
{
    ac_status st = AC_OK;

    self->margins[self->count] = r->margins[record];
    for (int64_t e = record ? r->entry_ends[record - 1] : 0; e < r->entry_ends[record]; e++) {
        self->entry_ids[self->entries.count] = r->entry_ids[e];
        AC_TRY(ac_texts_push(&self->entries, ac_texts_at(&r->entries, e),
                             ac_texts_size(&r->entries, e)));
    }
    self->entry_starts[self->count + 1] = self->entries.count;
out:
    return st;
}

/* The records in the order of their ids: runs of the same id, which most files have, are put
 * in order as wholes. runs [n], order [n] */
static void
order_records(const ac_caption_records *r, int64_t *runs, int64_t *order)
{
    const int64_t n = r->ids.count;
    int64_t run_count = 0, placed = 0;

    for (int64_t i = 0; i < n; i++)
        if (!i || !ac_texts_same(&r->ids, i, &r->ids, i - 1))
            runs[run_count++] = i;
    qsort_r(runs, (size_t) run_count, sizeof *runs, by_id, (void *) (uintptr_t) r);
    for (int64_t k = 0; k < run_count; k++) {
        int64_t i = runs[k];
        do
            order[placed++] = i++;
        while (i < n && ac_texts_same(&r->ids, i, &r->ids, i - 1));
    }
}

/* A second record of the id before: one more caption, or an error. */
static ac_status
check_second(const ac_caption_records *r, int64_t record, ac_caption_set_use use,
             const char *path)
{
    if (use == AC_CAPTIONS_SEVERAL)
        return AC_OK;
    return ac_error_set(AC_E_FORMAT, "%s: the id \"%.*s\" comes twice; one caption per id",
                        path, (int) ac_texts_size(&r->ids, record),
                        ac_texts_at(&r->ids, record));
}

static ac_status
build(ac_caption_set *self, const ac_caption_records *r, ac_caption_set_use use,
      const char *path)
{
    const int64_t n = r->ids.count;
    int64_t *order = NULL, *runs = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&order, n, sizeof *order));
    AC_TRY(ac_alloc(&runs, n, sizeof *runs));
    AC_TRY(ac_alloc(&self->starts, n + 1, sizeof *self->starts));
    AC_TRY(ac_alloc(&self->name_order, n, sizeof *self->name_order));
    self->has_tables = r->has_tables;
    if (r->has_tables) {
        AC_TRY(ac_alloc(&self->entry_starts, n + 1, sizeof *self->entry_starts));
        AC_TRY(ac_alloc(&self->entry_ids, r->entries.count, sizeof *self->entry_ids));
        AC_TRY(ac_alloc(&self->margins, n, sizeof *self->margins));
    }
    order_records(r, runs, order);
    for (int64_t k = 0; k < n; k++) {
        const int64_t i = order[k];
        const bool again = k && ac_texts_same(&r->ids, i, &r->ids, order[k - 1]);
        if (again) {
            AC_TRY(check_second(r, i, use, path));
            self->count--;
        } else {
            AC_TRY(
                ac_texts_push(&self->ids, ac_texts_at(&r->ids, i), ac_texts_size(&r->ids, i)));
            AC_TRY(ac_texts_push(&self->names, ac_texts_at(&r->names, i),
                                 ac_texts_size(&r->names, i)));
            if (r->has_tables)
                AC_TRY(push_entries(self, r, i));
        }
        AC_TRY(ac_texts_push(&self->captions, ac_texts_at(&r->captions, i),
                             ac_texts_size(&r->captions, i)));
        self->starts[++self->count] = self->captions.count;
    }
    for (int64_t i = 0; i < self->count; i++)
        self->name_order[i] = i;
    qsort_r(self->name_order, (size_t) self->count, sizeof *self->name_order, by_name, self);
out:
    free(order);
    free(runs);
    return st;
}

static void
hash_texts(XXH3_state_t *hash, const ac_texts *texts)
{
    const int64_t none = 0;

    XXH3_128bits_update(hash, texts->count ? texts->offsets : &none,
                        (size_t) (texts->count + 1) * sizeof none);
    if (texts->bytes.size)
        XXH3_128bits_update(hash, texts->bytes.data, texts->bytes.size);
}

static ac_status
fingerprint(ac_caption_set *self)
{
    XXH3_state_t *hash = XXH3_createState();
    XXH128_hash_t h;

    if (!hash)
        return ac_error_set(AC_E_NOMEM, "out of memory");
    XXH3_128bits_reset(hash);
    hash_texts(hash, &self->ids);
    hash_texts(hash, &self->captions);
    hash_texts(hash, &self->entries);
    XXH3_128bits_update(hash, self->starts, (size_t) (self->count + 1) * sizeof *self->starts);
    h = XXH3_128bits_digest(hash);
    snprintf(self->fingerprint, sizeof self->fingerprint, "%016llx%016llx",
             (unsigned long long) h.high64, (unsigned long long) h.low64);
    XXH3_freeState(hash);
    return AC_OK;
}

ac_status
ac_caption_set_read(ac_caption_set *self, const char *path, ac_caption_set_use use,
                    const char *what)
{
    ac_caption_records records = { 0 };
    ac_status st = AC_OK;

    *self = (ac_caption_set){ 0 };
    records.reviewed = use == AC_CAPTIONS_REVIEWED;
    AC_TRY(read_records(&records, path, use == AC_CAPTIONS_SEVERAL, what));
    if (records.reviewed && !records.format_is_run)
        AC_FAIL(AC_E_ARG, "%s: %s is no run of caption: only such a run has reviewed captions",
                what, path);
    self->rejected = records.rejected;
    if (!records.ids.count)
        AC_FAIL(AC_E_FORMAT, "%s: %s holds no caption", what, path);
    self->format = records.format;
    self->blank_lines = records.blank_lines;
    AC_TRY(build(self, &records, use, path));
    AC_TRY(ac_caption_set_number(self));
    AC_TRY(fingerprint(self));
out:
    ac_caption_records_free(&records);
    if (st != AC_OK)
        ac_caption_set_free(self);
    return st;
}

void
ac_caption_set_free(ac_caption_set *self)
{
    ac_texts_free(&self->ids);
    ac_texts_free(&self->names);
    ac_texts_free(&self->captions);
    ac_texts_free(&self->entries);
    free(self->starts);
    free(self->entry_starts);
    free(self->entry_ids);
    free(self->margins);
    free(self->name_order);
    free(self->numbers);
    *self = (ac_caption_set){ 0 };
}

/* ---- finding ---- */

/* In texts sorted as order (NULL: as they are). */
static int64_t
search(const ac_texts *texts, const int64_t *order, int64_t count, const char *key, size_t n)
{
    int64_t low = 0, high = count - 1;

    while (n && low <= high) {
        const int64_t middle = (low + high) / 2, at = order ? order[middle] : middle;
        const int c =
            ac_bytes_compare(ac_texts_at(texts, at), ac_texts_size(texts, at), key, n);
        if (c == 0)
            return at;
        if (c < 0)
            low = middle + 1;
        else
            high = middle - 1;
    }
    return -1;
}

static int64_t
find_exactly(const ac_caption_set *self, const char *key, size_t n)
{
    const int64_t at = search(&self->ids, NULL, self->count, key, n);

    return at >= 0 ? at : search(&self->names, self->name_order, self->count, key, n);
}

int64_t
ac_caption_set_find(const ac_caption_set *self, const char *key, size_t n)
{
    int64_t at = find_exactly(self, key, n);
    size_t digits = 0, slash = 0;

    for (size_t i = 0; i < n; i++)
        slash = key[i] == '/' ? i + 1 : slash;
    if (at < 0 && slash)
        at = find_exactly(self, key + slash, n - slash);
    while (digits < n - slash && isdigit((unsigned char) key[n - 1 - digits]))
        digits++;
    if (at < 0 && digits == 12) {
        while (digits > 1 && key[n - digits] == '0')
            digits--;
        at = search(&self->ids, NULL, self->count, key + n - digits, digits);
    }
    return at;
}
