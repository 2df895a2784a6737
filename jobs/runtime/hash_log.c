#include "jobs/runtime/hash_log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/base/text.h"
#include "io/file/file_look.h"
#include "io/file/file_open.h"
#include "io/file/json_lines.h"
#include "io/file/path.h"
#include "io/file/publish.h"

static ac_status
append(const char *path, const ac_buffer *line)
{
    const int file = open(path, O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0644);
    ac_status st = AC_OK;

    /* the line break in front ends a line that a kill cut short */
    if (file < 0 || !ac_file_write(file, line->data, line->size))
        st = ac_error_set(ac_io_failure(errno), "%s: cannot be written: %s", path,
                          strerror(errno));
    if (file >= 0)
        close(file);
    return st;
}

void
ac_hash_log_append(const ac_run *run, int64_t shard, const ac_image_hash *hashes, int64_t count)
{
    ac_buffer line = { 0 };
    char *path = NULL;
    ac_status st =
        ac_run_path(run, &path, "journal/%s%04d.hashes", run->prefix, run->comm->rank);

    ac_buffer_printf(&line, "\n{\"shard\": %lld, \"hashes\": [", (long long) shard);
    for (int64_t i = 0; i < count; i++)
        ac_buffer_printf(&line, "%s\"%s\"", i ? "," : "", hashes[i].hex);
    ac_buffer_push_text(&line, "]}\n");
    if (st == AC_OK)
        st = line.status == AC_OK ? append(path, &line) : line.status;
    if (st != AC_OK)
        ac_log(AC_LOG_DEBUG, "%s", ac_error_message());
    ac_buffer_free(&line);
    free(path);
}

typedef struct reader {
    ac_image_hash *hashes;
    int64_t shard_items, count;
} reader;

/* An ac_json_line. */
static ac_status
take_line(void *context, json_t *record)
{
    const reader *self = context;
    const json_int_t shard = json_integer_value(json_object_get(record, "shard"));
    json_t *list = json_object_get(record, "hashes"), *one;
    size_t i;

    if (shard < 0 || shard > self->count / self->shard_items ||
        json_array_size(list) > (size_t) self->shard_items)
        return AC_OK;
    json_array_foreach(list, i, one)
    {
        const int64_t number = shard * self->shard_items + (int64_t) i;
        const char *hex = json_string_value(one);
        char *mine = number < self->count ? self->hashes[number].hex : NULL;
        if (!mine || !hex || strlen(hex) != 32)
            continue;
        if (!*mine)
            memcpy(mine, hex, 33);
        else if (strcmp(mine, hex) != 0)
            memcpy(mine, "?", 2);
    }
    return AC_OK;
}

ac_status
ac_hash_log_read(const char *folder, int64_t shard_items, ac_image_hash *hashes, int64_t count)
{
    reader self = { hashes, shard_items, count };
    char *journal = NULL, *path = NULL;
    struct dirent *entry;
    DIR *d = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&journal, "%s/journal", folder));
    if (!(d = ac_folder_open(journal)))
        AC_FAIL(ac_io_failure(errno), "%s: the folder cannot be read: %s", journal,
                strerror(errno));
    for (;;) {
        AC_TRY(ac_folder_next(&entry, d, journal));
        if (!entry)
            break;
        if (!ac_text_ends_with(entry->d_name, ".hashes"))
            continue;
        free(path);
        AC_TRY(ac_path_format(&path, "%s/%s", journal, entry->d_name));
        AC_TRY(ac_json_lines_read(path, take_line, &self));
    }
    for (int64_t i = 0; i < count; i++)
        if (hashes[i].hex[0] == '?')
            hashes[i].hex[0] = '\0';
out:
    if (d)
        closedir(d);
    free(journal);
    free(path);
    return st;
}
