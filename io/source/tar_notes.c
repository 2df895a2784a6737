#include "io/source/tar_notes.h"

#include <jansson.h>

#include "io/file/json_write.h"

typedef struct note_words {
    const char *name, *words;
} note_words;

static const note_words notes[AC_TAR_NOTES] = {
    { "no_files", "members that are no files (folders, links, devices)" },
    { "outside", "members passed over whose names lead out of a folder" },
    { "no_stem", "members passed over without a stem or an extension" },
    { "meta", "__…__ members passed over" },
    { "apple_double", "._ files passed over, which macOS leaves beside others" },
    { "skipped", "members passed over by input.skip" },
    { "other", "members passed over that are neither images, .txt nor .json" },
    { "without_image", "samples without an image" },
    { "further_images", "further images of a sample, whose first one is the item" },
    { "again", "keys that come again later in their tar, as samples of their own" },
    { "more_data", "tars with data behind their end, which is not read" },
    { "damaged", "damaged tars, of which is used what lies before the damage" },
    { "stats", "tars that hold another number of images than their _stats.json says" },
    { "stats_equal", "tars that hold as many images as their _stats.json says" },
};

void
ac_tar_notes_free(ac_tar_notes *self)
{
    for (int n = 0; n < AC_TAR_NOTES; n++)
        ac_texts_free(&self->names[n]);
    *self = (ac_tar_notes){ 0 };
}

ac_status
ac_tar_notes_add(ac_tar_notes *self, ac_tar_note note, const char *name, size_t n)
{
    if (self->count[note]++ >= AC_TAR_NOTE_NAMES)
        return AC_OK;
    return ac_texts_push(&self->names[note], name, n);
}

ac_status
ac_tar_notes_print(const ac_tar_notes *self, ac_buffer *out)
{
    const char *comma = "";

    ac_buffer_push_char(out, '{');
    for (int n = 0; n < AC_TAR_NOTES; n++) {
        const ac_texts *names = &self->names[n];
        if (!self->count[n])
            continue;
        ac_buffer_printf(out, "%s\"%s\": {\"count\": %lld, \"first\": [", comma, notes[n].name,
                         (long long) self->count[n]);
        for (int64_t i = 0; i < names->count; i++) {
            if (i)
                ac_buffer_push_text(out, ", ");
            ac_json_string(out, ac_texts_at(names, i), ac_texts_size(names, i));
        }
        ac_buffer_push_text(out, "]}");
        comma = ", ";
    }
    return ac_buffer_push_char(out, '}');
}

static ac_status
read_note(ac_tar_notes *self, ac_tar_note n, const json_t *note)
{
    const json_t *first = json_object_get(note, "first");
    const json_int_t count = json_integer_value(json_object_get(note, "count"));
    ac_status st = AC_OK;
    size_t i;
    json_t *name;

    json_array_foreach(first, i, name)
    {
        if (self->names[n].count < AC_TAR_NOTE_NAMES)
            AC_TRY(ac_texts_push(&self->names[n], json_string_value(name),
                                 json_string_length(name)));
    }
    self->count[n] += count;
out:
    return st;
}

ac_status
ac_tar_notes_read(ac_tar_notes *self, const char *json)
{
    json_error_t error;
    json_t *root = json_loads(json, 0, &error);
    ac_status st = AC_OK;

    if (!json_is_object(root))
        AC_FAIL(AC_E_FORMAT, "an index of tars whose notes cannot be read: %s", error.text);
    for (int n = 0; n < AC_TAR_NOTES; n++) {
        const json_t *note = json_object_get(root, notes[n].name);
        if (note)
            AC_TRY(read_note(self, (ac_tar_note) n, note));
    }
out:
    json_decref(root);
    return st;
}

ac_status
ac_tar_notes_describe(const ac_tar_notes *self, ac_texts *lines)
{
    ac_buffer line = { 0 };
    ac_status st = AC_OK;

    for (int n = 0; n < AC_TAR_NOTES; n++) {
        const ac_texts *names = &self->names[n];
        if (!self->count[n])
            continue;
        ac_buffer_reset(&line);
        ac_buffer_printf(&line, "%lld %s: ", (long long) self->count[n], notes[n].words);
        for (int64_t i = 0; i < names->count; i++)
            ac_buffer_printf(&line, "%s%.*s", i ? ", " : "", (int) ac_texts_size(names, i),
                             ac_texts_at(names, i));
        if (self->count[n] > names->count)
            ac_buffer_push_text(&line, ", …");
        AC_TRY(line.status);
        AC_TRY(ac_texts_push(lines, line.data, line.size));
    }
out:
    ac_buffer_free(&line);
    return st;
}
