/* The cache as an object: import, slices across shards, its manifest beside another's members,
 * the order of embedding, duplicates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache_builder/cache.h"
#include "cache_builder/duplicates.h"
#include "cache_builder/exchange.h"
#include "cache_builder/prefix_order.h"
#include "engine/base/memory.h"
#include "io/checkpoint/npy.h"
#include "io/file/publish.h"

enum { ROWS = 10000, D = 4 };

static char folder[] = "/tmp/antarctic-cache.XXXXXX";

static const char *
in_folder(const char *name)
{
    static char path[8][256];
    static int next;

    next = (next + 1) % 8;
    snprintf(path[next], sizeof path[next], "%s/%s", folder, name);
    return path[next];
}

static uint16_t
half(int64_t small) /* of a whole number from 0 to 2047 */
{
    int exponent = 0;

    if (small == 0)
        return 0;
    while (small >> (exponent + 1))
        exponent++;
    return (uint16_t) ((exponent + 15) << 10 | ((small << (10 - exponent)) & 0x3ff));
}

static float
value(int64_t row, int64_t column)
{
    return (float) ((row * D + column) % 2048);
}

/* Parts text_emb_2.npy and text_emb_10.npy in fp16, and as many lines, some of them empty. */
static void
write_foreign(void)
{
    ac_buffer text = { 0 };
    uint16_t *x = calloc(ROWS * D, sizeof *x);

    for (int64_t i = 0; i < ROWS; i++) {
        if (i % 100)
            ac_buffer_printf(&text, "entry %lld", (long long) i);
        ac_buffer_push_text(&text, i % 3 ? "\n" : "\r\n");
        for (int64_t d = 0; d < D; d++)
            x[i * D + d] = half((i * D + d) % 2048);
    }
    assert_int_equal(mkdir(in_folder("text_emb"), 0777), 0);
    assert_int_equal(ac_publish_file(in_folder("lines.txt"), text.data, text.size), AC_OK);
    assert_int_equal(
        ac_npy_save(in_folder("text_emb/text_emb_2.npy"), AC_F16, 2, (int64_t[]){ 7000, D }, x),
        AC_OK);
    assert_int_equal(ac_npy_save(in_folder("text_emb/text_emb_10.npy"), AC_F16, 2,
                                 (int64_t[]){ ROWS - 7000, D }, x + 7000 * D),
                     AC_OK);
    ac_buffer_free(&text);
    free(x);
}

static void
import_and_slices(void **state)
{
    ac_cache identity = { 0 }, cache = { 0 };
    ac_texts entries = { 0 };
    float *y = calloc(ROWS * D, sizeof *y);
    const char *const embeddings[] = { folder };
    char lines[256];
    const ac_import from = {
        .text = lines, .embeddings = embeddings, .count = 1, .prefix = "a photo of "
    };

    (void) state;
    snprintf(lines, sizeof lines, "%s", in_folder("lines.txt"));
    write_foreign();
    assert_int_equal(ac_cache_identity_set(&identity, "0123456789abcdef0123456789abcdef",
                                           "some/model", "a photo of ", D),
                     AC_OK);
    if (ac_cache_import(&from, &identity, AC_COMPRESSION_ZSTD, in_folder("cache")) != AC_OK)
        fail_msg("%s", ac_error_message());
    assert_int_equal(ac_cache_open(&cache, folder), AC_OK); /* the folder `cache` in it */
    assert_int_equal(cache.entries, ROWS);
    assert_true(cache.shard_count > 2);
    assert_string_equal(cache.prefix, "a photo of ");
    for (int64_t first = 0; first < ROWS;
         first += 3001) { /* across the borders of shards and parts */
        const int64_t n = ROWS - first < 4500 ? ROWS - first : 4500;
        char expected[32];
        assert_int_equal(ac_cache_read_slice(&cache, first, n, y, &entries), AC_OK);
        assert_int_equal(entries.count, n);
        for (int64_t i = 0; i < n; i++) {
            snprintf(expected, sizeof expected, "entry %lld", (long long) (first + i));
            assert_int_equal(ac_texts_size(&entries, i),
                             (first + i) % 100 ? strlen(expected) : 0);
            assert_memory_equal(ac_texts_at(&entries, i), expected, ac_texts_size(&entries, i));
            for (int64_t d = 0; d < D; d++)
                assert_true(y[i * D + d] == value(first + i, d));
        }
    }
    assert_int_equal(ac_cache_read_slice(&cache, 5, 1, NULL, &entries), AC_OK);
    assert_memory_equal(ac_texts_at(&entries, 0), "entry 5", 7);
    assert_int_equal(ac_cache_read_slice(&cache, 5, 1, y, NULL), AC_OK);
    assert_true(y[0] == value(5, 0));
    assert_int_equal(ac_cache_check_model(&cache, "0123456789abcdef0123456789abcdef", "x", D),
                     AC_OK);
    assert_int_equal(ac_cache_check_model(&cache, "f123456789abcdef0123456789abcdef", "x", D),
                     AC_E_FORMAT);
    assert_int_equal(
        ac_cache_check_model(&cache, "0123456789abcdef0123456789abcdef", "x", D + 1),
        AC_E_FORMAT);
    identity.prefix[0] = 'b';
    assert_int_equal(ac_cache_check_same(&cache, &identity), AC_E_FORMAT);
    ac_cache_close(&identity);
    ac_cache_close(&cache);
    ac_cache_close(&cache);
    ac_texts_free(&entries);
    free(y);
}

/* The cache's part of a manifest leaves the rest of it alone; without it there is no cache. */
static void
beside_a_run(void **state)
{
    static const char run[] = "{\"format\": 1, \"job\": \"build-cache\", \"stages\": "
                              "[{\"name\": \"embed\", \"seconds\": 1.25}]}\n";
    ac_cache cache = { 0 }, grown = { 0 };
    ac_cache_source source = { .kind = "lines", .path = (char[]){ "more.txt" }, .entries = 1 };
    const ac_cache_shard shard = { .rows = 1, .checksum = "00000000000000000000000000000000" };
    char before[33];
    json_t *root;

    (void) state;
    assert_int_equal(ac_cache_open(&cache, in_folder("cache")), AC_OK);
    assert_int_equal(mkdir(in_folder("run"), 0777), 0);
    assert_int_equal(ac_publish_file(in_folder("run/manifest.json"), run, sizeof run - 1),
                     AC_OK);
    assert_int_equal(ac_cache_open(&grown, in_folder("run")), AC_E_FORMAT);
    assert_non_null(strstr(ac_error_message(), "the same command resumes"));
    memcpy(before, cache.fingerprint, sizeof before);
    assert_int_equal(ac_cache_add_shards(&cache, &shard, 1), AC_OK);
    assert_int_equal(ac_cache_add_source(&cache, &source), AC_OK);
    assert_string_not_equal(before, cache.fingerprint);
    assert_int_equal(ac_cache_save(&cache, in_folder("run")), AC_OK);
    assert_int_equal(ac_cache_open(&grown, in_folder("run")), AC_OK);
    assert_int_equal(grown.entries, ROWS + 1);
    assert_int_equal(grown.source_count, 2);
    assert_string_equal(grown.sources[1].path, "more.txt");
    assert_string_equal(grown.fingerprint, cache.fingerprint);
    root = json_load_file(in_folder("run/manifest.json"), 0, NULL);
    assert_string_equal(json_string_value(json_object_get(root, "job")), "build-cache");
    assert_int_equal(json_array_size(json_object_get(root, "stages")), 1);
    json_decref(root);
    ac_cache_close(&cache);
    ac_cache_close(&grown);
}

static void
order(void **state)
{
    enum { LISTS = 5000 };
    ac_token_lists lists = { 0 };
    int64_t numbers[LISTS], positions, one;
    int32_t ids[8];

    (void) state;
    srand(3);
    for (int64_t i = 0; i < LISTS; i++) {
        const int64_t n = 1 + rand() % 8;
        for (int64_t k = 0; k < n; k++) /* ids around those where the sort's key says no more */
            ids[k] = k == 0 ? 1 : rand() % 3 ? 65530 + rand() % 10 : rand() % 3;
        assert_int_equal(ac_token_lists_push(&lists, ids, n), AC_OK);
    }
    assert_int_equal(ac_prefix_order(&lists, numbers), AC_OK);
    for (int64_t i = 1; i < LISTS; i++) {
        const int64_t a = numbers[i - 1], b = numbers[i], n = ac_token_lists_length(&lists, a),
                      m = ac_token_lists_length(&lists, b);
        const int32_t *p = lists.ids + lists.offsets[a], *q = lists.ids + lists.offsets[b];
        int64_t k = 0;
        while (k < n && k < m && p[k] == q[k])
            k++;
        assert_true(k < n && k < m ? p[k] < q[k] : n < m || (n == m && a < b));
    }
    assert_int_equal(ac_prefix_order_positions(&lists, numbers, 1, 1000, &positions), AC_OK);
    assert_int_equal(positions, lists.offsets[LISTS]); /* one at a time nothing is shared */
    assert_int_equal(ac_prefix_order_positions(&lists, numbers, LISTS, 1 << 20, &one), AC_OK);
    assert_true(one < positions);
    assert_int_equal(ac_prefix_order_positions(&lists, numbers, 100, 50, &positions), AC_OK);
    assert_true(one < positions && positions < lists.offsets[LISTS]);
    ac_token_lists_free(&lists);
}

static void
duplicates(void **state)
{
    static const char *const old[] = { "red car", "", "zebra" }, *const fresh[] = {
        "zebra", "cat", "", "cat", "red  car", "dog"
    };
    static const int64_t expected[] = { 1, 4, 5 };
    ac_texts a = { 0 }, b = { 0 }, none = { 0 };
    int64_t picked[6], count;

    (void) state;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(ac_texts_push(&a, old[i], strlen(old[i])), AC_OK);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(ac_texts_push(&b, fresh[i], strlen(fresh[i])), AC_OK);
    assert_int_equal(ac_entries_pick_new(&a, &b, picked, &count), AC_OK);
    assert_int_equal(count, 3);
    assert_memory_equal(picked, expected, sizeof expected);
    assert_int_equal(ac_entries_pick_new(&none, &b, picked, &count), AC_OK);
    assert_int_equal(count, 5);
    assert_int_equal(ac_entries_pick_new(&a, &none, picked, &count), AC_OK);
    assert_int_equal(count, 0);
    ac_texts_free(&a);
    ac_texts_free(&b);
}

static int
make_folder(void **state)
{
    (void) state;
    return mkdtemp(folder) ? 0 : -1;
}

static int
remove_folder(void **state)
{
    char command[300];

    (void) state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(import_and_slices),
                                        cmocka_unit_test(beside_a_run), cmocka_unit_test(order),
                                        cmocka_unit_test(duplicates) };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
