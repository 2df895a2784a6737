#include "io/source/tar_samples.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "engine/base/memory.h"
#include "io/source/location.h"

/* ---- hashes that were seen ---- */

static void
put(uint64_t *slots, int64_t capacity, uint64_t hash, bool *was_there)
{
    int64_t at = (int64_t) (hash >> 1 & (uint64_t) (capacity - 1)); /* its lowest bit is set */

    while (slots[at] && slots[at] != hash)
        at = (at + 1) & (capacity - 1);
    *was_there = slots[at] == hash;
    slots[at] = hash;
}

/* Of a name, for a set of 64-bit hashes: two names in a billion that are taken for one would
 * only be told as a repetition. */
static uint64_t
hash_of(const void *bytes, size_t n)
{
    return XXH3_64bits(bytes, n) | 1;
}

static ac_status
seen(ac_tar_seen *self, uint64_t hash, bool *was_there)
{
    ac_status st = AC_OK;

    *was_there = false;
    if (4 * self->count >= 3 * self->capacity) {
        const int64_t capacity = self->capacity ? 2 * self->capacity : 16;
        uint64_t *slots = NULL;
        bool ignored;
        AC_TRY(ac_alloc(&slots, capacity, sizeof *slots));
        for (int64_t i = 0; i < self->capacity; i++)
            if (self->slots[i])
                put(slots, capacity, self->slots[i], &ignored);
        free(self->slots);
        self->slots = slots;
        self->capacity = capacity;
    }
    put(self->slots, self->capacity, hash, was_there);
    self->count += !*was_there;
out:
    return st;
}

/* Of a sample with very many members the memory is given back. */
static void
forget(ac_tar_seen *self)
{
    if (self->count == 0)
        return;
    if (self->capacity > 1024) {
        free(self->slots);
        *self = (ac_tar_seen){ 0 };
        return;
    }
    memset(self->slots, 0, (size_t) self->capacity * sizeof *self->slots);
    self->count = 0;
}

/* ---- names ---- */

static const char *
base_of(const char *name, size_t n)
{
    size_t at = n;

    while (at && name[at - 1] != '/')
        at--;
    return name + at;
}

/* Could the name, put behind a folder, lead out of it? Zero bytes would hide its end. */
static bool
leaves_folder(const char *name, size_t n)
{
    if (n == 0 || name[0] == '/' || memchr(name, '\0', n))
        return true;
    for (size_t at = 0; at < n;) {
        const char *slash = memchr(name + at, '/', n - at);
        const size_t part = slash ? (size_t) (slash - name) - at : n - at;
        if (part == 2 && name[at] == '.' && name[at + 1] == '.')
            return true;
        at += part + 1;
    }
    return false;
}

static bool
is_meta(const char *name, size_t n)
{
    const char *base = base_of(name, n);
    const size_t size = n - (size_t) (base - name);

    return size >= 2 && memcmp(base, "__", 2) == 0 && memcmp(name + n - 2, "__", 2) == 0;
}

/* "._NAME", and AppleDouble's first bytes. */
static ac_status
check_apple_double(ac_tar_samples *self, const ac_tar_member *m, bool *is)
{
    static const char magic[] = { 0, 5, 0x16, 7 };
    const char *base = base_of(m->name, m->name_size);
    ac_buffer head = { 0 };
    ac_status st = AC_OK;

    *is = false;
    if (m->name_size - (size_t) (base - m->name) > 2 && memcmp(base, "._", 2) == 0) {
        st = ac_tar_reader_bytes(&self->reader, m->at, (int64_t) sizeof magic, &head);
        *is = st == AC_OK && head.size == sizeof magic &&
              memcmp(head.data, magic, sizeof magic) == 0;
    }
    ac_buffer_free(&head);
    return st;
}

/* ---- samples ---- */

/* The key's size, and the suffix; false: webdataset has no key for such a name. */
static bool
split(ac_tar_samples *self, ac_tar_part *part)
{
    const char *name = part->member.name, *base = base_of(name, part->member.name_size);
    const size_t n = part->member.name_size, base_size = n - (size_t) (base - name);
    const char *dot = memchr(base, '.', base_size);

    ac_buffer_reset(&self->suffix);
    if (self->files)
        part->key_size = ac_location_stem(name, n);
    else if (dot && dot > base)
        part->key_size = (size_t) (dot - name);
    else
        return false;
    for (size_t i = part->key_size + 1; i < n; i++)
        ac_buffer_push_char(&self->suffix, name[i] >= 'A' && name[i] <= 'Z'
                                               ? (char) (name[i] + 'a' - 'A')
                                               : name[i]);
    part->suffix = self->suffix.size ? self->suffix.data : "";
    return true;
}

/* A new sample where the key is another, or the sample has such a suffix already. */
static ac_status
group(ac_tar_samples *self, ac_tar_part *part)
{
    const char *name = part->member.name;
    const uint64_t suffix =
        hash_of(self->suffix.data ? self->suffix.data : "", self->suffix.size);
    uint64_t key;
    bool repeated = false;
    ac_status st = AC_OK;

    part->begins = !self->is_begun || self->key.size != part->key_size ||
                   memcmp(self->key.data, name, part->key_size) != 0;
    if (!part->begins)
        AC_TRY(seen(&self->suffixes, suffix, &repeated));
    part->begins = part->begins || repeated;
    if (!part->begins)
        return AC_OK;
    forget(&self->suffixes);
    AC_TRY(seen(&self->suffixes, suffix, &repeated));
    key = hash_of(name, part->key_size);
    AC_TRY(seen(&self->keys[key >> 56], key, &part->again));
    self->is_begun = true;
    ac_buffer_reset(&self->key);
    st = ac_buffer_push(&self->key, name, part->key_size);
out:
    return st;
}

ac_status
ac_tar_samples_open(ac_tar_samples *self, const char *path, bool files)
{
    *self = (ac_tar_samples){ .files = files };
    return ac_tar_reader_open(&self->reader, path);
}

void
ac_tar_samples_close(ac_tar_samples *self)
{
    ac_tar_reader_close(&self->reader);
    ac_buffer_free(&self->key);
    ac_buffer_free(&self->suffix);
    free(self->suffixes.slots);
    for (int p = 0; p < AC_TAR_KEY_PARTS; p++)
        free(self->keys[p].slots);
    ac_skip_free(&self->skipping);
    *self = (ac_tar_samples){ 0 };
}

ac_status
ac_tar_samples_next(ac_tar_samples *self, ac_tar_part *part, bool *there)
{
    const ac_tar_member *m = &part->member;
    bool apple_double = false, by_name = false;
    ac_status st = AC_OK;

    *part = (ac_tar_part){ .suffix = "" };
    AC_TRY(ac_tar_reader_next(&self->reader, &part->member, there));
    if (!*there)
        return AC_OK;
    if (m->kind == AC_TAR_OTHER)
        part->skip = AC_TAR_NO_FILE;
    else if (leaves_folder(m->name, m->name_size))
        part->skip = AC_TAR_OUTSIDE;
    else if (!self->files && is_meta(m->name, m->name_size))
        part->skip = AC_TAR_META;
    if (part->skip == AC_TAR_TAKEN)
        AC_TRY(ac_skip_ask_member(&self->skipping, m->name, m->name_size, &by_name));
    if (by_name)
        part->skip = AC_TAR_BY_NAME;
    if (part->skip != AC_TAR_TAKEN)
        return AC_OK;
    AC_TRY(check_apple_double(self, m, &apple_double));
    if (apple_double)
        part->skip = AC_TAR_APPLE_DOUBLE;
    else if (!split(self, part))
        part->skip = AC_TAR_NO_STEM;
    AC_TRY(self->suffix.status);
    if (part->skip == AC_TAR_TAKEN && !self->files)
        st = group(self, part);
out:
    return st;
}
