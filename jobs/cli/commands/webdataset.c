#include "jobs/cli/commands/webdataset.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/text.h"
#include "io/file/file_look.h"
#include "io/file/json_write.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "io/source/sample_name.h"
#include "jobs/runtime/run.h"

ac_status
ac_webdataset_open(ac_webdataset *self, const char *folder)
{
    struct dirent *entry;
    ac_status st = AC_OK;
    DIR *d = NULL;

    *self = (ac_webdataset){ .folder = folder };
    AC_TRY(ac_run_make_folder(folder));
    if (!(d = ac_folder_open(folder)))
        AC_FAIL(ac_io_failure(errno), "%s: the folder cannot be read: %s", folder,
                strerror(errno));
    for (;;) {
        AC_TRY(ac_folder_next(&entry, d, folder));
        if (!entry)
            break;
        if (ac_text_ends_with(entry->d_name, ".tar"))
            AC_FAIL(AC_E_ARG,
                    "%s: holds %s already, which a reader would take for a part of the export; "
                    "give --out a new folder",
                    folder, entry->d_name);
    }
out:
    if (d)
        closedir(d);
    return st;
}

ac_status
ac_webdataset_begin(ac_webdataset *self, int64_t number)
{
    char *path = NULL;
    ac_status st = ac_path_format(&path, "%s/%05lld.tar", self->folder, (long long) number);

    if (st == AC_OK)
        st = ac_tar_create(&self->tar, path);
    free(path);
    return st;
}

ac_status
ac_webdataset_end(ac_webdataset *self)
{
    return ac_tar_commit(&self->tar);
}

void
ac_webdataset_close(ac_webdataset *self)
{
    ac_tar_abandon(&self->tar);
    ac_buffer_free(&self->name);
    ac_buffer_free(&self->json);
    ac_buffer_free(&self->fields);
}

/* NAME.extension */
static ac_status
add_member(ac_webdataset *self, const char *extension, const ac_buffer *bytes)
{
    const size_t n = self->name.size;
    ac_status st = AC_OK;

    AC_TRY(ac_buffer_printf(&self->name, ".%s", extension));
    st = ac_tar_add(&self->tar, self->name.data, self->name.size, bytes->data, bytes->size);
    self->name.size = n;
    self->name.data[n] = '\0';
out:
    return st;
}

ac_status
ac_webdataset_add(ac_webdataset *self, const ac_sample *sample)
{
    static const char *const none[] = { NULL };
    ac_status st = AC_OK;

    AC_TRY(ac_sample_name(sample->key, sample->key_size, &self->name));
    ac_buffer_reset(&self->json);
    ac_buffer_reset(&self->fields);
    if (sample->fields && sample->fields->size) {
        ac_buffer_push(&self->fields, sample->fields->data, sample->fields->size);
        ac_buffer_push_text(&self->fields, ", ");
    }
    ac_buffer_printf(&self->fields, "\"%s\": ", ac_sample_key_field);
    AC_TRY(ac_json_string(&self->fields, sample->key, sample->key_size));
    AC_TRY(ac_sample_json(sample->metadata, sample->metadata_size, &self->fields,
                          sample->names ? sample->names : none, &self->json));
    AC_TRY(add_member(self, sample->extension, sample->image));
    if (sample->text)
        AC_TRY(add_member(self, "txt", sample->text));
    st = add_member(self, "json", &self->json);
out:
    return st;
}
