/* Training's token ids: what is put into the file comes out of it, and tables of images that
 * have not all of theirs do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jobs/train/captioned_set.h"

enum { IMAGES = 30000, EACH = 2 }; /* the table ids are in a file without a name then */

static char folder[] = "/tmp/ac_set_XXXXXX";
static char path[64];

/* List k of those of image i: 40 ids and some. */
static int64_t
list_of(int32_t *ids, int64_t i, int64_t k)
{
    const int64_t n = 40 + (i + k) % 7;

    for (int64_t j = 0; j < n; j++)
        ids[j] = (int32_t) (i * 31 + k * 7 + j);
    return n;
}

static void
push_image(ac_set_builder *set, int64_t i)
{
    int32_t ids[64];
    char key[32];
    const int n = snprintf(key, sizeof key, "k%lld", (long long) i);

    if (i % 5 == 0) { /* a table of an image that has no second one */
        assert_int_equal(ac_set_builder_push_table(set, ids, list_of(ids, 1000000, 0)), AC_OK);
        ac_set_builder_drop_tables(set);
    }
    for (int64_t k = 0; k < EACH; k++)
        assert_int_equal(ac_set_builder_push_table(set, ids, list_of(ids, i, k)), AC_OK);
    for (int64_t k = 0; k < i % 3; k++)
        assert_int_equal(ac_set_builder_push_caption(set, ids, list_of(ids, i, 10 + k)), AC_OK);
    assert_int_equal(ac_set_builder_push_image(set, key, (size_t) n, (uint64_t) i * 3), AC_OK);
}

static void
check_list(const ac_id_view *lists, int64_t l, int64_t i, int64_t k)
{
    int32_t ids[64];
    const int64_t n = list_of(ids, i, k);

    assert_int_equal(lists->offsets[l + 1] - lists->offsets[l], n);
    assert_memory_equal(lists->ids + lists->offsets[l], ids, (size_t) n * sizeof *ids);
}

static void
check_set(const ac_captioned_set *set, int64_t images)
{
    assert_int_equal(set->count, images);
    assert_int_equal(set->tables.count, images * EACH);
    for (int64_t i = 0; i < images; i++) {
        char key[32];
        size_t n;
        const char *at = ac_captioned_set_key(set, i, &n);
        snprintf(key, sizeof key, "k%lld", (long long) i);
        assert_int_equal(n, strlen(key));
        assert_memory_equal(at, key, n);
        assert_int_equal(set->streams[i], i * 3);
        for (int64_t k = 0; k < EACH; k++)
            check_list(&set->tables, i * EACH + k, i, k);
        assert_int_equal(set->caption_offsets[i + 1] - set->caption_offsets[i], i % 3);
        for (int64_t k = 0; k < i % 3; k++)
            check_list(&set->captions, set->caption_offsets[i] + k, i, 10 + k);
    }
    assert_int_equal(set->caption_offsets[images], set->captions.count);
}

static void
sets_are_read_as_written(void **state)
{
    ac_set_builder builders[AC_SETS];
    ac_set_size sizes[AC_SETS];
    ac_captioned_set train, validation;
    ac_captioned_set *const sets[AC_SETS] = { &train, &validation };
    ac_map map = { 0 };

    (void) state;
    for (int s = 0; s < AC_SETS; s++)
        ac_set_builder_init(&builders[s], EACH, folder);
    for (int64_t i = 0; i < IMAGES; i++)
        push_image(&builders[0], i);
    assert_true(builders[0].table_ids.is_file);
    push_image(&builders[1], 0);
    assert_int_equal(ac_captioned_sets_write(builders, path, sizes), AC_OK);
    for (int s = 0; s < AC_SETS; s++)
        ac_set_builder_free(&builders[s]);
    assert_int_equal(ac_captioned_sets_open(sets, &map, path, sizes), AC_OK);
    check_set(&train, IMAGES);
    check_set(&validation, 1);
    ac_map_close(&map);

    sizes[1].captions++; /* another file than the one that was published */
    assert_int_equal(ac_captioned_sets_open(sets, &map, path, sizes), AC_E_FORMAT);
    assert_null(train.streams);
    ac_map_close(&map);
    remove(path);
}

static void
empty_sets(void **state)
{
    ac_set_builder builders[AC_SETS];
    ac_set_size sizes[AC_SETS];
    ac_captioned_set train, validation;
    ac_captioned_set *const sets[AC_SETS] = { &train, &validation };
    ac_map map = { 0 };

    (void) state;
    for (int s = 0; s < AC_SETS; s++)
        ac_set_builder_init(&builders[s], 1, folder);
    assert_int_equal(ac_captioned_sets_write(builders, path, sizes), AC_OK);
    assert_int_equal(ac_captioned_sets_open(sets, &map, path, sizes), AC_OK);
    assert_int_equal(train.count, 0);
    assert_int_equal(validation.caption_offsets[0], 0);
    ac_map_close(&map);
    remove(path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(sets_are_read_as_written),
                                        cmocka_unit_test(empty_sets) };
    int failed;

    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/training.data", folder);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
