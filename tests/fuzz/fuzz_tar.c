/* AC_FUZZ_CORPUS: data/golden/formats/tar */
/* Tars, as webdataset's samples and as files. Promises: members lie inside the tar unless they
 * are cut, keys inside names, and an index of them is sound and holds no item that lies
 * elsewhere. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/source/tar_images.h"
#include "io/source/tar_samples.h"
#include "io/source/tar_scan.h"
#include "tests/support/fuzz.h"

static void
walk(const char *path, bool files)
{
    ac_tar_samples tar = { 0 };
    ac_tar_part part;
    bool there = true;

    if (ac_tar_samples_open(&tar, path, files) == AC_OK)
        while (ac_tar_samples_next(&tar, &part, &there) == AC_OK && there) {
            const ac_tar_member *m = &part.member;
            FUZZ_CHECK(m->at > 0 && m->size >= 0);
            FUZZ_CHECK(m->cut == (m->size > tar.reader.bytes - m->at));
            FUZZ_CHECK(part.key_size <= m->name_size);
        }
    ac_tar_samples_close(&tar);
}

static void
read_items(const char *path, ac_tar_grouping grouping)
{
    const ac_tar_options settings = { .grouping = grouping,
                                      .all_pages = true,
                                      .captioned = true };
    ac_tar_inputs inputs = { 0 };
    ac_image_source images = { 0 };
    ac_buffer text = { 0 };
    ac_texts captions = { 0 };
    ac_item_status status;

    FUZZ_CHECK(ac_texts_push(&inputs.texts, path, strlen(path) + 1) == AC_OK &&
               ac_texts_push(&inputs.texts, path, strlen(path) + 1) == AC_OK &&
               ac_tar_inputs_take(&inputs) == AC_OK);
    if (ac_tar_images_open_alone(&images, &inputs, &settings) == AC_OK)
        for (int64_t i = 0; i < images.count; i++) {
            FUZZ_CHECK(ac_image_source_key(&images, i, &text) == AC_OK);
            FUZZ_CHECK(ac_image_source_locate(&images, i, &text) == AC_OK);
            FUZZ_CHECK(ac_image_source_check(&images, i, &status) == AC_OK);
            if (status.reason == AC_GOOD)
                FUZZ_CHECK(ac_image_source_read(&images, i, &text, &status) == AC_OK);
            FUZZ_CHECK(ac_image_source_captions(&images, i, &captions) == AC_OK);
            FUZZ_CHECK(ac_image_source_metadata(&images, i, &text) == AC_OK);
        }
    ac_image_source_free(&images);
    ac_buffer_free(&text);
    ac_texts_free(&captions);
    ac_tar_inputs_free(&inputs);
}

static void
read_all(const uint8_t *data, size_t n)
{
    const char *path = fuzz_file(data, n);

    walk(path, false);
    walk(path, true);
    read_items(path, n % 2 ? AC_TAR_GROUPING_AUTO : AC_TAR_GROUPING_FILES);
}

enum { BLOCK = 512, SUM_AT = 148, SUM_SIZE = 8, MAGIC_AT = 257, MOST = 1 << 21 };

/* Right checksums for what looks like headers: else little comes past them. */
static void
repair(uint8_t *data, size_t n)
{
    for (uint8_t *block = data; block + BLOCK <= data + n; block += BLOCK) {
        unsigned sum = 0;
        char digits[16];
        if (memcmp(block + MAGIC_AT, "ustar", 5) != 0)
            continue;
        memset(block + SUM_AT, ' ', SUM_SIZE);
        for (int i = 0; i < BLOCK; i++)
            sum += block[i];
        snprintf(digits, sizeof digits, "%06o", sum);
        memcpy(block + SUM_AT, digits, 6);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static uint8_t repaired[MOST];

    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 1); /* nothing there waits for a disk */
    if (n <= MOST) {
        memcpy(repaired, data, n);
        repair(repaired, n);
        read_all(repaired, n);
    } else {
        read_all(data, n);
    }
    return 0;
}
