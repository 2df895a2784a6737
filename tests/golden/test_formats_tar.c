/* AC_TEST_LABELS: formats */
/* Tars as webdataset's samples: keys, members, bytes, what is passed over; damaged ones
 * (golden/formats). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/source/tar_samples.h"
#include "io/source/tar_unpack.h"
#include "tests/support/formats.h"
#include "tests/support/golden.h"

/* Where a comparison is: which sample, which of its members, which member passed over. */
typedef struct place {
    const char *name;
    const json_t *samples, *skipped;
    size_t sample, members, skip;
} place;

static bool
is_text(const json_t *text, const char *bytes, size_t n)
{
    return json_string_length(text) == n && memcmp(json_string_value(text), bytes, n) == 0;
}

static void
check_skipped(place *at, const ac_tar_part *part)
{
    const json_t *wanted = json_array_get(json_array_get(at->skipped, at->skip++), 0);

    if (!is_text(wanted, part->member.name, part->member.name_size))
        test_format_wrong("%s: passed over %.*s, wanted %s\n", at->name,
                          (int) part->member.name_size, part->member.name,
                          json_string_value(wanted));
}

/* Was the sample before this one whole? */
static void
end_sample(const place *at)
{
    const json_t *files =
        at->sample ? json_object_get(json_array_get(at->samples, at->sample - 1), "files")
                   : NULL;

    if (at->sample && json_object_size(files) != at->members)
        test_format_wrong("%s: sample %zu has %zu members\n", at->name, at->sample - 1,
                          at->members);
}

static void
check_member(place *at, const ac_tar_part *part, const ac_buffer *bytes)
{
    const json_t *sample, *file;
    char hex[65];

    if (part->begins) {
        end_sample(at);
        at->sample++;
        at->members = 0;
    }
    at->members++;
    sample = json_array_get(at->samples, at->sample - 1);
    file = json_object_get(json_object_get(sample, "files"), part->suffix);
    test_sha256(hex, bytes->data ? bytes->data : "", bytes->size);
    if (!is_text(json_object_get(sample, "key"), part->member.name, part->key_size) ||
        json_integer_value(json_object_get(file, "bytes")) != part->member.size ||
        !is_text(json_object_get(file, "sha256"), hex, 64))
        test_format_wrong("%s: member %.*s is not as in sample %zu\n", at->name,
                          (int) part->member.name_size, part->member.name, at->sample - 1);
}

static ac_status
read_all(ac_tar_samples *tar, place *at, bool compare)
{
    ac_tar_part part;
    ac_buffer bytes = { 0 };
    bool there = true;
    ac_status st = AC_OK;

    for (;;) {
        AC_TRY(ac_tar_samples_next(tar, &part, &there));
        if (!there)
            break;
        AC_TRY(ac_tar_reader_bytes(&tar->reader, part.member.at,
                                   part.member.cut ? 0 : part.member.size, &bytes));
        if (compare && part.skip != AC_TAR_TAKEN)
            check_skipped(at, &part);
        else if (compare)
            check_member(at, &part, &bytes);
    }
out:
    ac_buffer_free(&bytes);
    return st;
}

/* A compressed tar is unpacked, as `ingest` does. */
static ac_status
open_any(ac_tar_samples *tar, const char *path, char plain[64])
{
    ac_buffer damage = { 0 };
    ac_status st = ac_tar_samples_open(tar, path, false);

    if (st != AC_E_ARG)
        return st;
    snprintf(plain, 64, "/tmp/ac-tar-%d.tar", (int) getpid());
    AC_TRY(ac_tar_unpack(path, plain, 0, &damage));
    AC_TRY(ac_tar_samples_open(tar, plain, false));
    if (damage.size) {
        ac_tar_samples_close(tar);
        st = ac_error_set(AC_E_FORMAT, "%s", damage.data);
    }
out:
    ac_buffer_free(&damage);
    return st;
}

static void
check_tar(const char *name, const char *path, const json_t *expected)
{
    place at = { .name = name,
                 .samples = json_object_get(expected, "samples"),
                 .skipped = json_object_get(expected, "skipped") };
    ac_tar_samples tar = { 0 };
    char plain[64] = "";
    ac_status st = open_any(&tar, path, plain);

    if (st == AC_OK)
        st = read_all(&tar, &at, at.samples != NULL);
    if (test_format_verdict(name, expected, st)) {
        end_sample(&at);
        if (at.sample != json_array_size(at.samples) || at.skip != json_array_size(at.skipped))
            test_format_wrong("%s: %zu samples, %zu passed over\n", name, at.sample, at.skip);
    }
    ac_tar_samples_close(&tar);
    if (plain[0])
        unlink(plain);
}

static void
tars(void **state)
{
    (void) state;
    test_format_topic("tar", check_tar);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(tars) };

    return golden_result(cmocka_run_group_tests(tests, NULL, NULL));
}
