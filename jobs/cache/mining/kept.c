#include "jobs/cache/mining/kept.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cache_builder/cache.h"
#include "io/file/checksum.h"
#include "io/file/file_look.h"
#include "io/file/json_write.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "io/file/text_file.h"

static void
push_options(ac_buffer *out, const ac_mining_options *o)
{
    for (int kind = 0; kind < AC_ENTRY_KINDS; kind++)
        ac_buffer_printf(out, "%d ", o->wanted[kind]);
    ac_buffer_printf(out, "%d %d %d %lld %lld %s\n", o->lower, o->cross_lines, o->unique,
                     (long long) o->most, (long long) o->filter, o->member_extension);
}

ac_status
ac_mined_fingerprint(const ac_mining_options *options, const char *input, char hex[33])
{
    ac_skip skip = { 0 };
    ac_texts sources = { 0 };
    ac_buffer text = { 0 };
    ac_status st = AC_OK;

    hex[0] = '\0';
    if (strcmp(input, "-") == 0)
        return AC_OK;
    AC_TRY(ac_skip_init(&skip, options->skip));
    AC_TRY(ac_text_sources_list(&sources, &input, 1, &skip));
    push_options(&text, options);
    for (int64_t i = 0; i < sources.count; i++) {
        const char *path = ac_texts_at(&sources, i);
        struct stat info;
        if (ac_file_stat(path, &info) != 0)
            AC_FAIL(AC_E_IO, "%s: was there when the folder was listed, and is gone now", path);
        ac_buffer_printf(&text, "%s %lld %lld.%09ld\n", path, (long long) info.st_size,
                         (long long) info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
    }
    AC_TRY(text.status);
    ac_checksum_bytes(text.data, text.size, hex);
out:
    ac_skip_free(&skip);
    ac_texts_free(&sources);
    ac_buffer_free(&text);
    return st;
}

static bool
is_text_of(const json_t *object, const char *name, const char *text)
{
    const char *value = json_string_value(json_object_get(object, name));

    return value && strcmp(value, text) == 0;
}

bool
ac_mined_load(const char *folder, const char *fingerprint, ac_texts *entries)
{
    char *record = NULL, *list = NULL, checksum[33];
    json_t *root = NULL;
    bool found = false;

    if (fingerprint[0] && ac_path_format(&record, "%s/mining.json", folder) == AC_OK &&
        ac_path_format(&list, "%s/mined.txt", folder) == AC_OK &&
        (root = json_load_file(record, 0, NULL)) &&
        is_text_of(root, "fingerprint", fingerprint) &&
        ac_file_checksum(list, checksum) == AC_OK &&
        is_text_of(root, "mined_checksum", checksum)) {
        ac_texts_reset(entries);
        found = ac_cache_read_mined(list, entries) == AC_OK;
    }
    json_decref(root);
    free(record);
    free(list);
    return found;
}

static ac_status
save_entries(const char *path, const ac_texts *entries, char checksum[33])
{
    ac_text_file f = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_text_file_create(&f, path));
    for (int64_t i = 0; i < entries->count; i++) {
        ac_text_file_write(&f, ac_texts_at(entries, i), ac_texts_size(entries, i));
        ac_text_file_write(&f, "\n", 1);
    }
    AC_TRY(ac_text_file_commit(&f));
    st = ac_file_checksum(path, checksum);
out:
    ac_text_file_abandon(&f);
    return st;
}

static void
push_record(ac_buffer *out, const char *fingerprint, const char *checksum,
            const ac_mined *mined, const ac_mining_report *r)
{
    static const char *const kinds[AC_ENTRY_KINDS] = { "unigrams", "bigrams", "trigrams",
                                                       "lines" };

    ac_buffer_printf(
        out,
        "{\n  \"fingerprint\": \"%s\",\n  \"mined_checksum\": \"%s\",\n  \"texts\": %lld,\n  "
        "\"bytes\": %lld,\n  \"lines\": %lld,\n  \"words\": %lld,\n",
        fingerprint, checksum, (long long) r->texts, (long long) r->bytes, (long long) r->lines,
        (long long) r->words);
    for (int kind = 0; kind < AC_ENTRY_KINDS; kind++)
        ac_buffer_printf(out, "%s\"%s\": %lld", kind ? ", " : "  \"entries\": {", kinds[kind],
                         (long long) r->entries[kind]);
    ac_buffer_push_text(out, "},\n");
    for (int kind = 0; kind < AC_NGRAM_KINDS; kind++)
        ac_buffer_printf(out, "%s\"%s\": %lld", kind ? ", " : "  \"distinct\": {", kinds[kind],
                         (long long) r->distinct[kind]);
    ac_buffer_printf(out, "},\n  \"duplicates\": %lld,\n  \"not_utf8\": [",
                     (long long) r->duplicates);
    for (int64_t i = 0; i < mined->skipped.count; i++) {
        ac_buffer_push_text(out, i ? ", " : "");
        ac_json_string(out, ac_texts_at(&mined->skipped, i), ac_texts_size(&mined->skipped, i));
    }
    ac_buffer_push_text(out, "]\n}\n");
}

ac_status
ac_mined_save(const char *folder, const char *fingerprint, const ac_mined *mined,
              const ac_mining_report *report)
{
    char *record = NULL, *list = NULL, checksum[33];
    ac_buffer text = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&record, "%s/mining.json", folder));
    AC_TRY(ac_path_format(&list, "%s/mined.txt", folder));
    AC_TRY(save_entries(list, &mined->entries, checksum));
    push_record(&text, fingerprint, checksum, mined, report);
    AC_TRY(text.status);
    st = ac_publish_file(record, text.data, text.size);
out:
    ac_buffer_free(&text);
    free(record);
    free(list);
    return st;
}
