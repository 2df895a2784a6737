#include "io/source/tar_scan.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "engine/base/heartbeat.h"
#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/file_look.h"
#include "io/file/json_value.h"
#include "io/file/path.h"
#include "io/file/spill.h"
#include "io/file/text_file.h"
#include "io/image/decode.h"
#include "io/image/names.h"
#include "io/source/location.h"
#include "io/source/sample_name.h"
#include "io/source/tar_notes.h"
#include "io/source/tar_samples.h"

enum {
    MOST_TEXT = 16 << 20, /* of a txt or json member: beyond, it is none */
    MOST_JSON = 1 << 20,  /* in which antarctic_key is looked for */
    MOST_IMAGE = 1 << 30, /* whose pages are counted */
    MOST_PAGES = UINT16_MAX
};

/* What a member is to a sample. */
typedef enum role { ROLE_IMAGE = 0, ROLE_CAPTION, ROLE_METADATA, ROLE_OTHER, ROLES } role;

/* A member that was read, of a sample or of the whole tar; its name is in the scanner's. */
typedef struct held {
    int64_t name, order; /* order: in the tar */
    size_t name_size, key_size;
    int64_t at, size; /* at 0: none */
    role role;
    bool sparse, cut;
} held;

typedef struct scanner {
    const ac_tar_options *options;
    const char *base; /* the tar's base name */
    ac_tar_samples samples;
    ac_tar_notes notes;
    ac_spill items; /* ac_tar_item [count] */
    int64_t count, images;
    ac_spill texts;         /* of the items */
    ac_buffer names;        /* of what is held */
    held sample[ROLES];     /* webdataset: the present one; its members' first of each role */
    bool in_sample, dotted; /* dotted: an image has more than an extension behind the key */
    held *all;              /* as files: every member of use */
    int64_t all_count, all_capacity;
    uint64_t captions;
    bool damaged, last_is_image;
    ac_buffer text; /* of one member, or note */
} scanner;

static void
scanner_free(scanner *self)
{
    ac_tar_samples_close(&self->samples);
    ac_tar_notes_free(&self->notes);
    ac_spill_free(&self->items);
    ac_spill_free(&self->texts);
    ac_buffer_free(&self->names);
    free(self->all);
    ac_buffer_free(&self->text);
}

/* ---- notes ---- */

static ac_status
note(scanner *self, ac_tar_note which, const char *name, size_t n)
{
    ac_status st = AC_OK;

    if (self->notes.count[which] < AC_TAR_NOTE_NAMES) {
        ac_buffer_reset(&self->text);
        ac_buffer_printf(&self->text, "%s#%.*s", self->base, (int) n, name);
        AC_TRY(self->text.status);
        st = ac_tar_notes_add(&self->notes, which, self->text.data, self->text.size);
    } else {
        self->notes.count[which]++;
    }
out:
    return st;
}

static ac_status
note_skipped(scanner *self, const ac_tar_part *part)
{
    static const ac_tar_note of[] = {
        [AC_TAR_NO_FILE] = AC_TAR_NOTE_NO_FILE,
        [AC_TAR_OUTSIDE] = AC_TAR_NOTE_OUTSIDE,
        [AC_TAR_NO_STEM] = AC_TAR_NOTE_NO_STEM,
        [AC_TAR_META] = AC_TAR_NOTE_META,
        [AC_TAR_APPLE_DOUBLE] = AC_TAR_NOTE_APPLE_DOUBLE,
        [AC_TAR_BY_NAME] = AC_TAR_NOTE_SKIPPED,
    };

    return note(self, of[part->skip], part->member.name, part->member.name_size);
}

/* ---- an item ---- */

/* "antarctic_key" of a json member: the true key of an image dataset's export, in place of the
 * image's own. */
static ac_status
read_true_key(scanner *self, const held *image, const held *metadata, ac_buffer *key)
{
    json_t *root = NULL;
    const json_t *value;
    ac_status st = AC_OK;

    if (!metadata->at || metadata->size > MOST_JSON)
        return AC_OK;
    AC_TRY(
        ac_tar_reader_bytes(&self->samples.reader, metadata->at, metadata->size, &self->text));
    if (!self->text.size || !memmem(self->text.data, self->text.size, ac_sample_key_field,
                                    strlen(ac_sample_key_field)))
        return AC_OK;
    root = ac_json_parse_metadata(self->text.data, self->text.size);
    value = json_object_get(root, ac_sample_key_field);
    if (json_is_string(value) && json_string_length(value))
        st = ac_sample_key(json_string_value(value), self->names.data + image->name,
                           image->key_size, key);
    json_decref(root);
out:
    return st;
}

static ac_status
count_pages(scanner *self, const held *image, int64_t *pages)
{
    ac_status st = AC_OK;

    *pages = 1;
    if (!self->options->all_pages || image->cut || image->sparse || image->size > MOST_IMAGE)
        return AC_OK;
    AC_TRY(ac_tar_reader_bytes(&self->samples.reader, image->at, 4, &self->text));
    if (self->text.size < 4 || (memcmp(self->text.data, "II", 2) != 0 &&
                                memcmp(self->text.data, "MM", 2) != 0)) /* no TIFF */
        return AC_OK;
    AC_TRY(ac_tar_reader_bytes(&self->samples.reader, image->at, image->size, &self->text));
    *pages = ac_image_count_pages(self->text.data, self->text.size);
    *pages = *pages < 1 ? 1 : *pages < MOST_PAGES ? *pages : MOST_PAGES;
out:
    return st;
}

/* The fingerprint of a training set is of its captions too. */
static ac_status
hash_captions(scanner *self, const held *member)
{
    ac_status st = AC_OK;

    if (!self->options->captioned || !member->at)
        return AC_OK;
    if (member->size > MOST_JSON) { /* no caption: the item is rejected where it is read */
        self->captions = XXH64(&member->size, sizeof member->size, self->captions + 1);
        return AC_OK;
    }
    AC_TRY(ac_tar_reader_bytes(&self->samples.reader, member->at, member->size, &self->text));
    self->captions = XXH64(self->text.data, self->text.size, self->captions + 1);
out:
    return st;
}

static ac_status
push_page(scanner *self, const char *key, size_t n, const ac_tar_item *like, const char *name,
          int64_t page)
{
    ac_tar_item item = *like;
    const size_t before = self->texts.size;
    char suffix[24];
    ac_status st = AC_OK;

    item.text = (int64_t) before;
    AC_TRY(ac_spill_push(&self->texts, key, n));
    if (page)
        AC_TRY(ac_spill_push(
            &self->texts, suffix,
            (size_t) snprintf(suffix, sizeof suffix, "#%lld", (long long) page + 1)));
    item.key_size = (uint32_t) (self->texts.size - before);
    item.page = (uint16_t) page;
    AC_TRY(ac_spill_push(&self->texts, name, item.name_size));
    AC_TRY(ac_spill_push(&self->items, &item, sizeof item));
    self->count++;
out:
    return st;
}

/* An image with what belongs to it (at 0: nothing). */
static ac_status
push_item(scanner *self, const held *image, const held *caption, const held *metadata)
{
    const char *name = self->names.data + image->name;
    ac_tar_item item = { .name_size = (uint32_t) image->name_size,
                         .reason = image->sparse ? AC_REJECT_UNSUPPORTED_FORMAT : AC_GOOD,
                         .image_at = image->at,
                         .image_size = image->size,
                         .caption_at = caption->at,
                         .caption_size = (uint32_t) caption->size,
                         .metadata_at = metadata->at,
                         .metadata_size = (uint32_t) metadata->size };
    ac_buffer key = { 0 };
    int64_t pages;
    ac_status st = AC_OK;

    AC_TRY(ac_buffer_push(&key, name, image->key_size));
    AC_TRY(read_true_key(self, image, metadata, &key));
    AC_TRY(hash_captions(self, ac_tar_captions_are_json(self->options) ? metadata : caption));
    AC_TRY(count_pages(self, image, &pages));
    for (int64_t p = 0; p < pages; p++)
        AC_TRY(push_page(self, key.data, key.size, &item, name, p));
    self->images++;
out:
    ac_buffer_free(&key);
    return st;
}

/* ---- members ---- */

static role
role_of(const char *suffix)
{
    char name[64];
    const char *dot = strrchr(suffix, '.');
    const char *last = dot ? dot + 1 : suffix;

    if (strcmp(last, "txt") == 0)
        return ROLE_CAPTION;
    if (strcmp(last, "json") == 0)
        return ROLE_METADATA;
    if (strlen(last) >= sizeof name - 3)
        return ROLE_OTHER;
    name[0] = 'x';
    name[1] = '.';
    strcpy(name + 2, last);
    return ac_image_name_is(name) ? ROLE_IMAGE : ROLE_OTHER;
}

static ac_status
hold(scanner *self, held *out, const ac_tar_part *part, role r)
{
    const ac_tar_member *m = &part->member;

    *out = (held){ .name = (int64_t) self->names.size,
                   .order = self->samples.reader.members,
                   .name_size = m->name_size,
                   .key_size = part->key_size,
                   .at = m->at,
                   .size = m->size,
                   .role = r,
                   .sparse = m->kind == AC_TAR_SPARSE,
                   .cut = m->cut };
    return ac_buffer_push(&self->names, m->name, m->name_size);
}

/* A text that is whole and of a sane size. */
static bool
is_of_use(const ac_tar_part *part)
{
    return part->member.kind == AC_TAR_FILE && !part->member.cut &&
           part->member.size <= MOST_TEXT;
}

static ac_status
end_sample(scanner *self)
{
    const held *s = self->sample;
    ac_status st = AC_OK;

    if (self->in_sample && s[ROLE_IMAGE].at)
        st = push_item(self, &s[ROLE_IMAGE], &s[ROLE_CAPTION], &s[ROLE_METADATA]);
    else if (self->in_sample && s[ROLE_OTHER].name_size)
        st = note(self, AC_TAR_NOTE_NO_IMAGE, self->names.data + s[ROLE_OTHER].name,
                  s[ROLE_OTHER].key_size);
    memset(self->sample, 0, sizeof self->sample);
    self->in_sample = false;
    ac_buffer_reset(&self->names);
    return st;
}

/* Of a webdataset's sample the members whose suffix is exactly txt or json. */
static ac_status
add_to_sample(scanner *self, const ac_tar_part *part, role r)
{
    const ac_tar_member *m = &part->member;
    ac_status st = AC_OK;

    if (part->begins) {
        AC_TRY(end_sample(self));
        self->in_sample = true;
        if (part->again)
            AC_TRY(note(self, AC_TAR_NOTE_AGAIN, m->name, part->key_size));
    }
    if (!self->sample[ROLE_OTHER].name_size) /* its first member names the sample */
        AC_TRY(hold(self, &self->sample[ROLE_OTHER], part, ROLE_OTHER));
    if (r == ROLE_IMAGE && self->sample[r].at)
        AC_TRY(note(self, AC_TAR_NOTE_MORE_IMAGES, m->name, m->name_size));
    else if (r == ROLE_IMAGE ||
             ((strcmp(part->suffix, "txt") == 0 || strcmp(part->suffix, "json") == 0) &&
              is_of_use(part)))
        AC_TRY(hold(self, &self->sample[r], part, r));
out:
    return st;
}

static ac_status
add_file(scanner *self, const ac_tar_part *part, role r)
{
    ac_status st = AC_OK;

    if (r != ROLE_IMAGE && !is_of_use(part))
        return AC_OK;
    AC_TRY(ac_grow(&self->all, &self->all_capacity, self->all_count + 1, sizeof *self->all));
    st = hold(self, &self->all[self->all_count], part, r);
    self->all_count += st == AC_OK;
out:
    return st;
}

/* More than an extension behind the first dot: IMG_2021.03.04.jpg is no sample IMG_2021. */
static bool
is_dotted(const ac_tar_part *part, role r)
{
    return r == ROLE_IMAGE && strchr(part->suffix, '.') != NULL;
}

static ac_status
add(scanner *self, const ac_tar_part *part)
{
    const role r = role_of(part->suffix);
    ac_status st = AC_OK;

    self->last_is_image = false;
    if (part->skip != AC_TAR_TAKEN)
        return note_skipped(self, part);
    self->dotted = self->dotted || is_dotted(part, r);
    self->last_is_image = r == ROLE_IMAGE;
    if (r == ROLE_OTHER)
        AC_TRY(note(self, AC_TAR_NOTE_OTHER, part->member.name, part->member.name_size));
    if (!self->samples.files)
        st = add_to_sample(self, part, r);
    else if (r != ROLE_OTHER)
        st = add_file(self, part, r);
out:
    return st;
}

/* ---- as files ---- */

typedef struct held_order {
    const held *member;
    const char *name;
} held_order;

static int
compare_keys(const held_order *x, const held_order *y)
{
    return ac_bytes_compare(x->name, x->member->key_size, y->name, y->member->key_size);
}

/* Captions first, then metadata; each by key, and of one key the first in the tar. */
static int
compare_texts(const void *a, const void *b)
{
    const held_order *x = a, *y = b;
    const int order = compare_keys(x, y);

    if (x->member->role != y->member->role)
        return x->member->role < y->member->role ? -1 : 1;
    return order
               ? order
               : (x->member->order > y->member->order) - (x->member->order < y->member->order);
}

/* The first text [n] of this role with the image's key; at 0: none. */
static held
text_of(const held_order *texts, int64_t n, const held_order *image, role r)
{
    int64_t low = 0, high = n;

    while (low < high) {
        const int64_t middle = (low + high) / 2;
        const held_order *t = &texts[middle];
        if (t->member->role != r ? t->member->role < r : compare_keys(t, image) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && texts[low].member->role == r && compare_keys(&texts[low], image) == 0
               ? *texts[low].member
               : (held){ 0 };
}

static ac_status
pair_files(scanner *self)
{
    held_order *texts = NULL;
    int64_t n = 0;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&texts, self->all_count, sizeof *texts));
    for (int64_t i = 0; i < self->all_count; i++)
        if (self->all[i].role != ROLE_IMAGE)
            texts[n++] = (held_order){ &self->all[i], self->names.data + self->all[i].name };
    qsort(texts, (size_t) n, sizeof *texts, compare_texts);
    for (int64_t i = 0; i < self->all_count; i++) {
        const held_order image = { &self->all[i], self->names.data + self->all[i].name };
        const held caption = text_of(texts, n, &image, ROLE_CAPTION),
                   metadata = text_of(texts, n, &image, ROLE_METADATA);
        if (image.member->role == ROLE_IMAGE)
            AC_TRY(push_item(self, image.member, &caption, &metadata));
    }
out:
    free(texts);
    return st;
}

/* ---- a tar ---- */

static ac_status
push_damage(scanner *self, ac_reject_reason reason)
{
    const char *message = ac_error_message();
    const size_t path = strlen(self->samples.reader.path);
    ac_tar_item item = { .reason = (uint16_t) reason, .image_at = -1 };

    if (strncmp(message, self->samples.reader.path, path) == 0 && message[path] == ':')
        message += path + 2; /* the tar's name stands beside it */
    self->damaged = true;
    item.name_size = (uint32_t) strlen(message);
    ac_buffer_reset(&self->text);
    ac_buffer_printf(&self->text, "%s: %s", self->base, message);
    if (self->text.status == AC_OK)
        self->text.status = ac_tar_notes_add(&self->notes, AC_TAR_NOTE_DAMAGED, self->text.data,
                                             self->text.size);
    if (self->text.status != AC_OK || self->last_is_image)
        return self->text.status; /* the image that is cut is rejected by itself */
    return push_page(self, "", 0, &item, message, 0);
}

/* All members. A tar that is told to be files by its names is begun again. */
static ac_status
read_tar(scanner *self, const char *tar, bool files)
{
    ac_tar_part part;
    bool there = true, cut = false;
    ac_status st = AC_OK;

    AC_TRY(ac_tar_samples_open(&self->samples, tar, files));
    AC_TRY(ac_skip_init(&self->samples.skipping, self->options->skip));
    while (there) {
        st = ac_tar_samples_next(&self->samples, &part, &there);
        if (st != AC_OK)
            break;
        ac_heartbeat_beat(self->options->heartbeat);
        if (there)
            AC_TRY(add(self, &part));
        if (there && self->dotted && !files && self->options->grouping == AC_TAR_GROUPING_AUTO)
            return AC_OK;
        cut = there && part.member.cut;
    }
    if (st == AC_E_FORMAT) {
        self->last_is_image = self->last_is_image && cut;
        st = push_damage(self, self->samples.reader.damage);
    }
    AC_TRY(st);
    AC_TRY(files ? pair_files(self) : end_sample(self));
    if (self->samples.reader.more)
        st = ac_tar_notes_add(&self->notes, AC_TAR_NOTE_MORE_DATA, self->base,
                              strlen(self->base));
out:
    return st;
}

static void
scanner_reset(scanner *self)
{
    const scanner fresh = { .options = self->options,
                            .base = self->base,
                            .items.folder = self->items.folder,
                            .texts.folder = self->texts.folder };

    scanner_free(self);
    *self = fresh;
}

/* What img2dataset says of its tar, in NAME_stats.json beside it. */
static ac_status
compare_stats(scanner *self, const char *tar)
{
    const size_t stem = ac_location_tar_stem(tar);
    char *path = NULL;
    json_t *stats = NULL;
    const json_t *successes;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&path, "%.*s_stats.json", (int) stem, tar));
    stats = ac_file_is_readable(path) ? json_load_file(path, 0, NULL) : NULL;
    successes = json_object_get(stats, "successes");
    if (!json_is_integer(successes))
        goto out;
    ac_buffer_reset(&self->text);
    ac_buffer_printf(&self->text, "%s: %lld images, %lld by its _stats.json", self->base,
                     (long long) self->images, (long long) json_integer_value(successes));
    AC_TRY(self->text.status);
    st =
        ac_tar_notes_add(&self->notes,
                         json_integer_value(successes) == self->images ? AC_TAR_NOTE_STATS_EQUAL
                                                                       : AC_TAR_NOTE_STATS,
                         self->text.data, self->text.size);
out:
    json_decref(stats);
    free(path);
    return st;
}

static ac_status
write_scan(scanner *self, const ac_tar_place *tar, const char *path)
{
    const ac_tar_reader *reader = &self->samples.reader;
    const ac_tar_record record = { .bytes = reader->bytes,
                                   .seconds = reader->seconds,
                                   .nanoseconds = reader->nanoseconds,
                                   .name = (int64_t) strlen(tar->path) + 1,
                                   .items = self->images,
                                   .captions = self->captions,
                                   .files = self->samples.files };
    ac_tar_head head = { .tars = 1,
                         .items = self->count,
                         .paths_bytes = record.name + (int64_t) strlen(tar->name) + 1,
                         .texts_bytes = (int64_t) self->texts.size,
                         .options = ac_tar_options_hash(self->options) };
    ac_buffer notes = { 0 };
    ac_text_file file = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_tar_notes_print(&self->notes, &notes));
    memcpy(head.magic, ac_tar_index_magic, sizeof head.magic);
    head.notes_bytes = (int64_t) notes.size + 1;
    AC_TRY(ac_text_file_create(&file, path));
    ac_text_file_write(&file, (const char *) &head, sizeof head);
    ac_text_file_write(&file, (const char *) &record, sizeof record);
    if (self->count)
        ac_text_file_write(&file, self->items.data, self->items.size);
    ac_text_file_write(&file, tar->path, (size_t) record.name);
    ac_text_file_write(&file, tar->name, strlen(tar->name) + 1);
    if (self->texts.size)
        ac_text_file_write(&file, self->texts.data, self->texts.size);
    ac_text_file_write(&file, notes.data, (size_t) head.notes_bytes);
    st = ac_text_file_commit(&file);
out:
    ac_text_file_abandon(&file);
    ac_buffer_free(&notes);
    return st;
}

ac_status
ac_tar_scan(const ac_tar_place *tar, const ac_tar_options *options, const char *path)
{
    const char *slash = strrchr(tar->name, '/');
    scanner self = { .options = options, .base = slash ? slash + 1 : tar->name };
    const bool files = options->grouping == AC_TAR_GROUPING_FILES;
    char *folder = NULL;
    ac_status st = AC_OK;

    slash = strrchr(path, '/');
    AC_TRY(ac_duplicate(&folder, slash ? path : ".", slash ? (size_t) (slash - path) : 1));
    self.items.folder = self.texts.folder = folder;
    AC_TRY(read_tar(&self, tar->path, files));
    if (self.dotted && !files && options->grouping == AC_TAR_GROUPING_AUTO) {
        scanner_reset(&self);
        AC_TRY(read_tar(&self, tar->path, true));
    }
    AC_TRY(compare_stats(&self, tar->given));
    st = write_scan(&self, tar, path);
out:
    scanner_free(&self);
    free(folder);
    return st;
}
