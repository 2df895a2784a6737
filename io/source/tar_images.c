#include "io/source/tar_images.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/text/unicode.h"
#include "io/file/file_head.h"
#include "io/file/json_value.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "io/source/selected_images.h"
#include "io/source/tar_files.h"
#include "io/source/tar_notes.h"
#include "io/source/tar_scan.h"

typedef enum caption_form { CAPTION_TXT = 0, CAPTION_NONE, CAPTION_JSON } caption_form;

typedef struct tar_images {
    ac_tar_index index;
    char *index_path, *captions; /* captions: the setting, as it was given */
    caption_form form;
    const char *field; /* of CAPTION_JSON; in captions */
    bool captioned;
    ac_tar_files files;
} tar_images;

static void
free_state(void *state)
{
    tar_images *self = state;

    ac_tar_index_close(&self->index);
    ac_tar_files_free(&self->files);
    free(self->index_path);
    free(self->captions);
    free(self);
}

/* ---- captions ---- */

static const char json_form[] = "json:";

ac_status
ac_tar_captions_check(const char *captions)
{
    if (!captions || strcmp(captions, "txt") == 0 || strcmp(captions, "none") == 0 ||
        (strncmp(captions, json_form, sizeof json_form - 1) == 0 &&
         captions[sizeof json_form - 1]))
        return AC_OK;
    return ac_error_set(
        AC_E_ARG, "input.captions: \"%s\" is none of txt, json:FIELD (json:caption), none",
        captions);
}

static bool
is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* As the source of captioned folders strips them; else a line as it stands, without its CR. */
static ac_status
push_caption(const tar_images *self, const char *text, size_t n, ac_texts *out)
{
    if (n && !self->captioned && text[n - 1] == '\r')
        n--;
    while (self->captioned && n && is_space(*text)) {
        text++;
        n--;
    }
    while (self->captioned && n && is_space(text[n - 1]))
        n--;
    return n ? ac_texts_push(out, text, n) : AC_OK;
}

static ac_status
push_lines(const tar_images *self, const ac_buffer *text, ac_texts *out)
{
    ac_status st = AC_OK;

    for (size_t at = 0; at < text->size && st == AC_OK; at++) {
        const char *line = text->data + at, *newline = memchr(line, '\n', text->size - at);
        const size_t n = newline ? (size_t) (newline - line) : text->size - at;
        st = push_caption(self, line, n, out);
        at += n;
    }
    return st;
}

/* The field's text, or texts. */
static ac_status
push_field(const tar_images *self, const ac_buffer *text, ac_texts *out)
{
    json_t *root = text->size ? ac_json_parse_metadata(text->data, text->size) : NULL;
    const json_t *field = json_object_get(root, self->field);
    const size_t count = json_is_array(field) ? json_array_size(field) : 1;
    ac_status st = AC_OK;

    for (size_t i = 0; i < count && st == AC_OK; i++) {
        const json_t *one = json_is_array(field) ? json_array_get(field, i) : field;
        if (json_is_string(one))
            st = push_caption(self, json_string_value(one), json_string_length(one), out);
    }
    json_decref(root);
    return st;
}

/* The member that captions are in; empty: none, or it cannot be read. */
static ac_status
read_captions(tar_images *self, int64_t i, ac_buffer *text)
{
    const ac_tar_item *item = &self->index.items[i];
    const bool json = self->form == CAPTION_JSON;
    const int64_t at = json ? item->metadata_at : item->caption_at;
    ac_item_status status = { 0 };

    ac_buffer_reset(text);
    if (self->form == CAPTION_NONE || !at)
        return AC_OK;
    return ac_tar_files_read(&self->files, &self->index, item->tar, at,
                             json ? item->metadata_size : item->caption_size, text, &status);
}

/* Without a byte-order mark; what is not UTF-8 is replaced, as in captions beside images. */
static ac_status
push_text(const tar_images *self, const ac_buffer *raw, ac_texts *out)
{
    const size_t mark = raw->size ? ac_head_mark(raw->data, raw->size) : 0;
    ac_buffer text = { 0 };
    ac_status st = AC_OK;

    if (raw->size > mark)
        AC_TRY(ac_utf8_replace(&text, raw->data + mark, raw->size - mark));
    st = push_lines(self, &text, out);
out:
    ac_buffer_free(&text);
    return st;
}

static ac_status
captions(const void *state, int64_t i, ac_texts *out)
{
    tar_images *self = (tar_images *) (size_t) state; /* its open files change */
    ac_buffer text = { 0 };
    ac_status st = AC_OK;

    AC_TRY(read_captions(self, i, &text));
    st =
        self->form == CAPTION_JSON ? push_field(self, &text, out) : push_text(self, &text, out);
out:
    ac_buffer_free(&text);
    return st;
}

static ac_status
check_references(const void *state, int64_t i, ac_item_status *status)
{
    tar_images *self = (tar_images *) (size_t) state;
    ac_buffer text = { 0 };
    ac_status st = AC_OK;

    AC_TRY(read_captions(self, i, &text));
    if (text.size == 0)
        ac_item_status_set(status, AC_REJECT_NO_CAPTION, "%s", "");
    else if (self->form == CAPTION_TXT && ac_utf8_check(text.data, text.size) != AC_OK)
        ac_item_status_set(status, AC_REJECT_CAPTION_NOT_UTF8,
                           "its txt member is not UTF-8: %.150s", ac_error_message());
out:
    ac_buffer_free(&text);
    return st;
}

/* ---- items ---- */

static ac_status
key(const void *state, int64_t i, ac_buffer *out)
{
    const tar_images *self = state;
    const ac_tar_item *item = &self->index.items[i];

    return ac_buffer_push(out, self->index.texts + item->text, item->key_size);
}

static ac_status
locate(const void *state, int64_t i, ac_buffer *out)
{
    const tar_images *self = state;
    const ac_tar_item *item = &self->index.items[i];

    ac_buffer_push_text(out, ac_tar_index_name(&self->index, item->tar));
    if (item->image_at < 0) /* stands for the tar's damage */
        return out->status;
    ac_buffer_push_char(out, '#');
    ac_buffer_push(out, self->index.texts + item->text + item->key_size, item->name_size);
    if (item->page)
        ac_buffer_printf(out, "#%d", item->page + 1);
    return out->status;
}

static ac_status
read_item(const void *state, int64_t i, ac_buffer *bytes, ac_item_status *status)
{
    tar_images *self = (tar_images *) (size_t) state;
    const ac_tar_item *item = &self->index.items[i];

    return ac_tar_files_read(&self->files, &self->index, item->tar, item->image_at,
                             item->image_size, bytes, status);
}

static int64_t
page(const void *state, int64_t i)
{
    return ((const tar_images *) state)->index.items[i].page;
}

/* A tar that was written anew counts as changed in all its members. */
static ac_image_stamp
stamp(const void *state, int64_t i)
{
    const ac_tar_index *index = &((const tar_images *) state)->index;
    const ac_tar_record *tar = &index->tars[index->items[i].tar];

    return (ac_image_stamp){ index->items[i].image_size,
                             tar->seconds * 1000000000 + tar->nanoseconds };
}

static bool
is_duplicate(const ac_tar_index *index, int64_t i)
{
    const ac_tar_item *a = &index->items[i - (i > 0)], *b = &index->items[i];

    return i > 0 && a->key_size == b->key_size &&
           memcmp(index->texts + a->text, index->texts + b->text, b->key_size) == 0;
}

static ac_status
check_captions(tar_images *self, int64_t i, ac_item_status *status)
{
    ac_buffer text = { 0 };
    ac_texts lines = { 0 };
    ac_status st = AC_OK;

    AC_TRY(read_captions(self, i, &text));
    if (self->form != CAPTION_JSON &&
        ac_utf8_check(text.data ? text.data : "", text.size) != AC_OK) {
        ac_item_status_set(status, AC_REJECT_CAPTION_NOT_UTF8,
                           "found before the image was opened");
        goto out;
    }
    AC_TRY(self->form == CAPTION_JSON ? push_field(self, &text, &lines)
                                      : push_text(self, &text, &lines));
    if (lines.count == 0)
        ac_item_status_set(status, AC_REJECT_NO_CAPTION, "found before the image was opened");
out:
    ac_buffer_free(&text);
    ac_texts_free(&lines);
    return st;
}

static ac_status
check(const void *state, int64_t i, ac_item_status *status)
{
    tar_images *self = (tar_images *) (size_t) state;
    const ac_tar_item *item = &self->index.items[i];

    if (item->image_at < 0)
        return ac_item_status_set(status, (ac_reject_reason) item->reason, "%.*s",
                                  (int) item->name_size,
                                  self->index.texts + item->text + item->key_size);
    if (item->reason != AC_GOOD)
        return ac_item_status_set(status, (ac_reject_reason) item->reason,
                                  "a sparse member of a tar");
    if (is_duplicate(&self->index, i))
        return ac_item_status_set(status, AC_REJECT_DUPLICATE_KEY,
                                  "another image before it has this key");
    return self->captioned ? check_captions(self, i, status) : AC_OK;
}

/* The json member, where it is an object. */
static ac_status
metadata(const void *state, int64_t i, ac_buffer *out)
{
    tar_images *self = (tar_images *) (size_t) state;
    const ac_tar_item *item = &self->index.items[i];
    ac_item_status status = { 0 };
    ac_status st = AC_OK;

    if (!item->metadata_at)
        return AC_OK;
    AC_TRY(ac_tar_files_read(&self->files, &self->index, item->tar, item->metadata_at,
                             item->metadata_size, out, &status));
    st = ac_json_keep_metadata(out);
out:
    return st;
}

/* ---- for other processes ---- */

static ac_status
pack(const void *state, ac_buffer *out)
{
    const tar_images *self = state;
    const char captioned = (char) ('0' + self->captioned);

    ac_buffer_push_char(out, captioned);
    ac_buffer_push(out, self->index_path, strlen(self->index_path) + 1);
    return ac_buffer_push(out, self->captions, strlen(self->captions) + 1);
}

static ac_status
open_state(tar_images **out, const char *index, const char *captions_setting, bool captioned)
{
    const char *given = captions_setting ? captions_setting : "txt";
    tar_images *self = NULL;
    ac_status st = AC_OK;

    *out = NULL;
    AC_TRY(ac_tar_captions_check(given));
    AC_TRY(ac_alloc(&self, 1, sizeof *self));
    ac_tar_files_init(&self->files);
    AC_TRY(ac_duplicate(&self->index_path, index, strlen(index)));
    AC_TRY(ac_duplicate(&self->captions, given, strlen(given)));
    self->captioned = captioned;
    self->form = strcmp(given, "none") == 0  ? CAPTION_NONE
                 : strcmp(given, "txt") == 0 ? CAPTION_TXT
                                             : CAPTION_JSON;
    self->field = self->captions + (self->form == CAPTION_JSON ? sizeof json_form - 1 : 0);
    AC_TRY(ac_tar_index_open(&self->index, index));
    *out = self;
    self = NULL;
out:
    if (self)
        free_state(self);
    return st;
}

static ac_status
unpack(void **state, const char *bytes, size_t n)
{
    const char *index = bytes + 1, *captions_setting = index + strlen(index) + 1;
    tar_images *self;
    const ac_status st = open_state(&self, index, captions_setting, bytes[0] == '1');

    AC_CHECK(captions_setting + strlen(captions_setting) + 1 == bytes + n);
    *state = self;
    return st;
}

const ac_image_source_type ac_tar_images_type = {
    .name = "members of tars",
    .key = key,
    .locate = locate,
    .read = read_item,
    .page = page,
    .check = check,
    .captions = captions,
    .check_captions = check_references,
    .metadata = metadata,
    .stamp = stamp,
    .pack = pack,
    .unpack = unpack,
    .free = free_state,
};

/* ---- opening ---- */

/* Not one image: what is wrong with the tars, or what they hold instead. */
static ac_status
no_image(const ac_tar_index *index)
{
    ac_tar_notes notes = { 0 };
    ac_texts lines = { 0 };
    ac_buffer text = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_tar_notes_read(&notes, index->notes));
    AC_TRY(ac_tar_notes_describe(&notes, &lines));
    for (int64_t i = 0; i < lines.count; i++)
        ac_buffer_printf(&text, "; %.*s", (int) ac_texts_size(&lines, i),
                         ac_texts_at(&lines, i));
    st = ac_error_set(AC_E_FORMAT, "%s%s: no image in %s%.*s",
                      index->head->tars ? ac_tar_index_path(index, 0) : "",
                      index->head->tars > 1 ? " and others" : "",
                      index->head->tars > 1 ? "them" : "this tar", (int) text.size,
                      text.size ? text.data : "");
out:
    ac_tar_notes_free(&notes);
    ac_texts_free(&lines);
    ac_buffer_free(&text);
    return st;
}

ac_status
ac_tar_images_open(ac_image_source *out, const char *index, const ac_tar_options *options)
{
    tar_images *self = NULL;
    int64_t images = 0;
    ac_status st = AC_OK;

    *out = (ac_image_source){ 0 };
    AC_TRY(open_state(&self, index, options->captions, options->captioned));
    for (int64_t t = 0; t < self->index.head->tars; t++)
        images += self->index.tars[t].items;
    if (images == 0)
        AC_TRY(no_image(&self->index));
    out->type = &ac_tar_images_type;
    out->state = self;
    out->count = self->index.head->items;
    memcpy(out->fingerprint, self->index.head->fingerprint, sizeof out->fingerprint);
    self = NULL;
out:
    if (self)
        free_state(self);
    return st;
}

/* The scan of tar t, or (t < 0) the index, in a folder of its own. */
static ac_status
temporary_path(char **out, const char *folder, int64_t t)
{
    return t < 0 ? ac_path_format(out, "%s/index", folder)
                 : ac_path_format(out, "%s/%lld", folder, (long long) t);
}

static void
remove_folder(const char *folder, int64_t scans)
{
    for (int64_t t = -1; t < scans; t++) {
        char *path = NULL;
        if (temporary_path(&path, folder, t) == AC_OK)
            unlink(path);
        free(path);
    }
    rmdir(folder);
}

static ac_status
make_folder(char **folder)
{
    const char *temporary = getenv("TMPDIR");
    char *made = NULL;
    ac_status st = AC_OK;

    *folder = NULL;
    AC_TRY(ac_path_format(&made, "%s/antarctic.XXXXXX", temporary ? temporary : "/tmp"));
    if (!mkdtemp(made))
        AC_FAIL(ac_io_failure(errno), "%s: cannot be made: %s", made, strerror(errno));
    *folder = made;
    made = NULL;
out:
    free(made);
    return st;
}

ac_status
ac_tar_images_open_alone(ac_image_source *out, const ac_tar_inputs *inputs,
                         const ac_tar_options *options)
{
    ac_tar_index *scans = NULL;
    char *folder = NULL, *path = NULL;
    ac_status st = AC_OK;

    *out = (ac_image_source){ 0 };
    AC_TRY(ac_alloc(&scans, inputs->count, sizeof *scans));
    AC_TRY(make_folder(&folder));
    for (int64_t t = 0; t < inputs->count; t++) {
        free(path);
        AC_TRY(temporary_path(&path, folder, t));
        AC_TRY(ac_tar_scan(&inputs->tars[t], options, path));
        AC_TRY(ac_tar_index_open(&scans[t], path));
    }
    free(path);
    AC_TRY(temporary_path(&path, folder, -1));
    AC_TRY(ac_tar_index_merge(path, scans, inputs->count, options));
    st = ac_tar_images_open(out, path, options);
out:
    for (int64_t t = 0; scans && t < inputs->count; t++)
        ac_tar_index_close(&scans[t]);
    if (folder)
        remove_folder(folder, inputs->count);
    free(scans);
    free(folder);
    free(path);
    return st;
}

/* NULL: another source. Of some of their items it is that of all. */
static const tar_images *
tars_of(const ac_image_source *source)
{
    const ac_image_source *whole = ac_listed_images_whole(source);

    return whole->type == &ac_tar_images_type ? whole->state : NULL;
}

int64_t
ac_tar_images_count(const ac_image_source *source)
{
    const tar_images *self = tars_of(source);

    return self ? self->index.head->tars : 0;
}

int64_t
ac_tar_images_bytes(const ac_image_source *source, int64_t i)
{
    return source->type == &ac_tar_images_type
               ? ((const tar_images *) source->state)->index.items[i].image_size
               : -1;
}

const char *
ac_tar_images_notes(const ac_image_source *source)
{
    const tar_images *self = tars_of(source);

    return self ? self->index.notes : NULL;
}

bool
ac_tar_images_prefixed(const ac_image_source *source)
{
    const tar_images *self = tars_of(source);

    return self && self->index.head->prefixed;
}
