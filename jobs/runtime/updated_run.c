/* A run that has generations: which items its numbers are, and updates.jsonl. */
#include <stdlib.h>
#include <unistd.h>

#include "io/file/file_look.h"
#include "io/file/json_lines.h"
#include "io/file/publish.h"
#include "io/file/text_file.h"
#include "jobs/runtime/item_list.h"
#include "jobs/runtime/update.h"

ac_status
ac_update_numbers(const char *folder, const ac_manifest *manifest, int64_t *numbers)
{
    ac_item_list_reader list = { 0 };
    ac_listed_item item = { 0 };
    const int64_t count = ac_manifest_numbers(manifest);
    bool found;
    ac_status st = AC_OK;

    for (int64_t i = 0; i < count; i++)
        numbers[i] = -1;
    AC_TRY(ac_item_list_open(&list, folder, ac_manifest_last_generation(manifest), &found));
    if (!found || list.count != manifest->items)
        AC_FAIL(AC_E_FORMAT,
                "%s/generations: the list of the run's items %s; --run with another folder "
                "starts afresh",
                folder, found ? "is not the manifest's" : "is gone");
    for (int64_t i = 0;; i++) {
        AC_TRY(ac_item_list_next(&list, &item, &found));
        if (!found)
            break;
        if (item.number >= count)
            AC_FAIL(AC_E_FORMAT, "%s: item %lld has a number that no shard has", list.path,
                    (long long) i);
        numbers[item.number] = i;
    }
out:
    ac_item_list_close(&list);
    ac_listed_item_free(&item);
    return st;
}

typedef struct line_finder {
    int64_t generation;
    bool found;
} line_finder;

/* An ac_json_line. */
static ac_status
find_line(void *context, json_t *record)
{
    line_finder *self = context;

    self->found = self->found ||
                  json_integer_value(json_object_get(record, "generation")) == self->generation;
    return AC_OK;
}

ac_status
ac_update_record(const ac_run *run, bool nothing)
{
    const ac_manifest *m = &run->manifest;
    line_finder finder = { .generation = ac_manifest_last_generation(m) };
    ac_buffer text = { 0 };
    char *path = NULL, *line = NULL;
    ac_status st = AC_OK;

    if (!nothing && !m->generation_count)
        return AC_OK;
    AC_TRY(ac_run_path(run, &path, "updates.jsonl"));
    if (!nothing)
        AC_TRY(ac_json_lines_read(path, find_line, &finder));
    if (finder.found)
        goto out;
    if (ac_file_is_there(path))
        AC_TRY(ac_text_file_read(path, &text));
    if (nothing) {
        AC_TRY(ac_buffer_printf(&text,
                                "{\"generation\": %lld, \"new\": 0, \"changed\": 0, "
                                "\"removed\": 0, \"unchanged\": %lld, \"keys\": {\"new\": [], "
                                "\"changed\": [], \"removed\": []}}\n",
                                (long long) finder.generation, (long long) m->items));
    } else {
        AC_TRY(
            ac_run_path(run, &line, "generations/%05lld.json", (long long) finder.generation));
        AC_TRY(ac_text_file_read(line, &text));
    }
    st = ac_publish_file(path, text.data, text.size);
out:
    ac_buffer_free(&text);
    free(path);
    free(line);
    return st;
}
