/* engine/base and io/file/base64: messages, memory, buffers, texts, tensors, random numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buffer.h"
#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "engine/base/tensor.h"
#include "engine/base/text.h"
#include "io/file/base64.h"
#include "tests/support/golden.h"

static void
messages_nest(void **state)
{
    (void) state;
    assert_int_equal(ac_error_set(AC_E_IO, "no room"), AC_E_IO);
    assert_int_equal(ac_error_prefix(AC_E_IO, "shard %d", 3), AC_E_IO);
    assert_string_equal(ac_error_message(), "shard 3: no room");
    ac_error_set(AC_E_IO, "again: %s", ac_error_message());
    assert_string_equal(ac_error_message(), "again: shard 3: no room");
}

static void
allocation_checks_overflow(void **state)
{
    void *p = &p;

    (void) state;
    assert_int_equal(ac_alloc(&p, INT64_MAX / 2, 16), AC_E_NOMEM);
    assert_null(p);
    assert_int_equal(ac_alloc(&p, -1, 16), AC_E_NOMEM);
}

/* Large allocations begin where a huge page may; sizes around the border, every byte usable. */
static void
large_tensors_are_aligned(void **state)
{
    const int64_t border = 3 * AC_HUGE_PAGE;
    const int64_t sizes[] = { 0, 1, 64, border - 1, border, border + 1, 4 * AC_HUGE_PAGE };

    (void) state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const uintptr_t align = sizes[i] < border ? 64 : AC_HUGE_PAGE;
        unsigned char *p;
        assert_int_equal(ac_alloc_aligned(&p, sizes[i], 1), AC_OK);
        assert_int_equal((uintptr_t) p % align, 0);
        memset(p, 1, (size_t) sizes[i]);
        free(p);
    }
}

/* A count from a damaged file: refused, and the array stays. It went round for ever. */
static void
growth_checks_overflow(void **state)
{
    int64_t capacity = 0;
    char *p = NULL;

    (void) state;
    assert_int_equal(ac_grow(&p, &capacity, 10, 1), AC_OK);
    assert_int_equal(capacity, 16);
    assert_int_equal(ac_grow(&p, &capacity, INT64_MAX, 1), AC_E_NOMEM);
    assert_int_equal(ac_grow(&p, &capacity, INT64_MAX - 1, 8), AC_E_NOMEM);
    assert_int_equal(capacity, 16);
    assert_non_null(p);
    free(p);
}

static void
texts_keep_offsets(void **state)
{
    ac_texts t = { 0 };

    (void) state;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(ac_texts_push(&t, "abcdefgh", (size_t) (i % 9)), AC_OK);
    assert_int_equal(t.count, 1000);
    assert_int_equal(ac_texts_size(&t, 8), 8);
    assert_int_equal(ac_texts_size(&t, 9), 0);
    assert_memory_equal(ac_texts_at(&t, 17), "abcdefgh", 8);
    ac_texts_free(&t);
    ac_texts_free(&t);
}

static void
halves_convert_exactly(void **state)
{
    (void) state;
    assert_true(ac_f16_to_f32(0x3c00) == 1.0f);
    assert_true(ac_f16_to_f32(0xc000) == -2.0f);
    assert_true(ac_f16_to_f32(0x0001) == 0x1p-24f);
    assert_true(ac_f16_to_f32(0x83ff) == -1023 * 0x1p-24f);
    assert_true(ac_f16_to_f32(0x7bff) == 65504.0f);
    assert_true(isinf(ac_f16_to_f32(0x7c00)) && isnan(ac_f16_to_f32(0x7c01)));
    assert_true(signbit(ac_f16_to_f32(0x8000)) && ac_f16_to_f32(0x8000) == 0);
}

static void
tensors_are_found_and_checked(void **state)
{
    const float x[4] = { 1, 2, 3, 4 };
    const ac_tensor items[2] = { { "a", AC_F32, 2, { 2, 2 }, x, NULL },
                                 { "b", AC_I32, 1, { 4 }, x, NULL } };
    const ac_tensors t = { items, 2, "model.safetensors" };
    const ac_tensor *found;

    (void) state;
    assert_int_equal(ac_tensors_need(&t, &found, "a", 2, (int64_t[]){ 2, 2 }), AC_OK);
    assert_ptr_equal(found, items);
    assert_int_equal(ac_tensors_need(&t, &found, "a", 2, (int64_t[]){ 2, 3 }), AC_E_FORMAT);
    assert_string_equal(
        ac_error_message(),
        "model.safetensors: tensor \"a\" has shape [2, 2], but config.json asks for [2, 3]");
    assert_int_equal(ac_tensors_need(&t, &found, "b", 1, (int64_t[]){ 4 }), AC_E_FORMAT);
    assert_int_equal(ac_tensors_need(&t, &found, "c", 1, (int64_t[]){ 4 }), AC_E_FORMAT);
}

static void
philox_equals_golden(void **state)
{
    char *path = golden_path("sampling/philox4x32_10.json");
    json_t *whole, *all, *row;
    size_t i;

    (void) state;
    if (!path)
        skip();
    whole = test_read_json(path);
    all = json_object_get(whole, "vectors");
    assert_true(json_array_size(all) >= 3);
    json_array_foreach(all, i, row)
    {
        uint32_t c[4], k[2], y[4];
        for (size_t j = 0; j < 4; j++)
            c[j] = (uint32_t) json_integer_value(
                json_array_get(json_object_get(row, "counter"), j));
        for (size_t j = 0; j < 2; j++)
            k[j] =
                (uint32_t) json_integer_value(json_array_get(json_object_get(row, "key"), j));
        ac_philox(y, c, k);
        for (size_t j = 0; j < 4; j++)
            assert_int_equal(
                y[j], json_integer_value(json_array_get(json_object_get(row, "result"), j)));
    }
    json_decref(whole);
    free(path);
}

static void
controls_become_visible(void **state)
{
    static const char text[] = "a\tb\nc\rd\x1b[0m\x7f \xc3\xa4 \xe4 \xc2\x85 \xed\xa0\x80 \\n";
    ac_buffer seen = { 0 };

    (void) state;
    assert_int_equal(ac_text_push_visible(&seen, text, sizeof text - 1), AC_OK);
    assert_string_equal(seen.data, "a\tb\\nc\\rd\\x1b[0m\\x7f \xc3\xa4 \\xe4 \\xc2\\x85 "
                                   "\\xed\\xa0\\x80 \\n");
    ac_buffer_reset(&seen);
    assert_int_equal(ac_text_push_utf8(&seen, "\xff\xc3\xa4\xc3", 4), AC_OK);
    assert_string_equal(seen.data, "\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd");
    ac_buffer_free(&seen);
}

/* Every code point is a character; nothing else is. */
static void
utf8_is_as_unicode_has_it(void **state)
{
    (void) state;
    for (unsigned p = 0; p < 0x110000; p++) {
        const char two[] = { (char) (0xc0 | p >> 6), (char) (0x80 | (p & 63)) };
        const char three[] = { (char) (0xe0 | p >> 12), (char) (0x80 | (p >> 6 & 63)), two[1] };
        const char four[] = { (char) (0xf0 | p >> 18), (char) (0x80 | (p >> 12 & 63)), three[1],
                              two[1] };
        const bool surrogate = p >= 0xd800 && p < 0xe000;
        if (p < 0x800)
            assert_int_equal(ac_text_utf8(two, 2), p < 0x80 ? 0 : 2);
        if (p < 0x10000)
            assert_int_equal(ac_text_utf8(three, 3), p < 0x800 || surrogate ? 0 : 3);
        assert_int_equal(ac_text_utf8(four, 4), p < 0x10000 ? 0 : 4);
        assert_int_equal(ac_text_utf8(four, 3), 0);
    }
    assert_int_equal(ac_text_utf8("\xf4\x90\x80\x80", 4), 0);
    assert_int_equal(ac_text_utf8("\x80", 1), 0);
    assert_int_equal(ac_text_utf8("", 0), 0);
}

static void
base64_reads_back(void **state)
{
    ac_buffer text = { 0 }, read = { 0 };
    char bytes[100];
    bool good;

    (void) state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char) (256 * ac_random_uniform(5, 0, (uint32_t) i, 0));
    for (size_t n = 0; n <= sizeof bytes; n++) {
        ac_buffer_reset(&text);
        ac_buffer_reset(&read);
        assert_int_equal(ac_base64_push(&text, bytes, n), AC_OK);
        ac_buffer_push_text(&text, "\n");
        assert_int_equal(ac_base64_read(&read, text.data, text.size, &good), AC_OK);
        assert_true(good);
        assert_int_equal(read.size, n);
        assert_true(n == 0 || memcmp(read.data, bytes, n) == 0);
    }
    for (int i = 0; i < 6; i++) {
        static const char *const wrong[] = { "=", "A", "AB", "ABC", "AB==C", "A*==" };
        assert_int_equal(ac_base64_read(&read, wrong[i], strlen(wrong[i]), &good), AC_OK);
        assert_false(good);
    }
    ac_buffer_free(&text);
    ac_buffer_free(&read);
}

static void
sha256_known_answer(void **state)
{
    char hex[65];

    (void) state;
    test_sha256(hex, "abc", 3);
    assert_string_equal(hex,
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    test_sha256(hex, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56);
    assert_string_equal(hex,
                        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_nest),
        cmocka_unit_test(allocation_checks_overflow),
        cmocka_unit_test(large_tensors_are_aligned),
        cmocka_unit_test(growth_checks_overflow),
        cmocka_unit_test(texts_keep_offsets),
        cmocka_unit_test(halves_convert_exactly),
        cmocka_unit_test(tensors_are_found_and_checked),
        cmocka_unit_test(philox_equals_golden),
        cmocka_unit_test(controls_become_visible),
        cmocka_unit_test(utf8_is_as_unicode_has_it),
        cmocka_unit_test(base64_reads_back),
        cmocka_unit_test(sha256_known_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
