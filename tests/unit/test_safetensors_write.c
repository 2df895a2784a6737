/* Written safetensors read back, bit for bit; equal content gives equal bytes; the layout is
 * the format's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/checkpoint/safetensors.h"
#include "io/checkpoint/safetensors_write.h"
#include "tests/support/golden.h"

static const float floats[6] = { 1.5f, -0.0f, 3e38f, 1e-40f, 2, 3 };
static const int64_t numbers[1] = { -5 };
static const unsigned char bytes[3] = { 1, 2, 255 };

static const ac_tensor items[] = {
    { "a.weight", AC_F32, 2, { 2, 3 }, floats, NULL },
    { "b", AC_I64, 0, { 0 }, numbers, NULL },
    { "c \"quoted\" \xc3\xa9", AC_U8, 1, { 3 }, bytes, NULL },
    { "d.empty", AC_F32, 2, { 0, 7 }, floats, NULL },
};
static const ac_tensors all = { items, 4, "memory" };
static const ac_metadata metadata[] = { { "format", "pt" }, { "note", "line\nbreak" } };

static void
reads_back(void **state)
{
    ac_safetensors file = { 0 };

    (void) state;
    assert_int_equal(ac_safetensors_save("written.safetensors", &all, metadata, 2), AC_OK);
    assert_int_equal(ac_safetensors_open(&file, "written.safetensors"), AC_OK);
    assert_int_equal(file.tensors.count, 4);
    for (int64_t i = 0; i < 4; i++) {
        const ac_tensor *t = ac_tensors_find(&file.tensors, items[i].name);
        assert_non_null(t);
        assert_int_equal(t->dtype, items[i].dtype);
        assert_int_equal(t->rank, items[i].rank);
        assert_memory_equal(t->shape, items[i].shape, sizeof t->shape);
        assert_memory_equal(t->data, items[i].data,
                            (size_t) ac_tensor_count(&items[i]) * ac_dtype_bytes(t->dtype));
    }
    assert_ptr_not_equal(ac_tensor_in_place(&file.tensors.items[0]),
                         NULL); /* aligned: usable where it lies */
    ac_safetensors_close(&file);
}

static void
has_the_formats_layout(void **state)
{
    size_t size;
    char *file;
    uint64_t length = 0;
    json_t *header;

    (void) state;
    assert_int_equal(ac_safetensors_save("layout.safetensors", &all, metadata, 2), AC_OK);
    file = test_read_file("layout.safetensors", &size);
    for (int i = 0; i < 8; i++)
        length |= (uint64_t) (unsigned char) file[i] << (8 * i);
    assert_int_equal(length % 8, 0);
    assert_int_equal(size, 8 + length + sizeof floats + sizeof numbers + sizeof bytes);
    assert_int_equal(file[8], '{');
    header = json_loadb(file + 8, length, JSON_REJECT_DUPLICATES, NULL);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(header, "__metadata__"), "note")),
        "line\nbreak");
    assert_int_equal(json_integer_value(json_array_get(
                         json_object_get(json_object_get(header, "b"), "data_offsets"), 0)),
                     24);
    json_decref(header);
    free(file);
}

static void
equal_content_gives_equal_bytes(void **state)
{
    ac_buffer once = { 0 }, twice = { 0 };
    size_t size;
    char *file;

    (void) state;
    assert_int_equal(ac_safetensors_format(&once, &all, metadata, 2), AC_OK);
    assert_int_equal(ac_safetensors_format(&twice, &all, metadata, 2), AC_OK);
    assert_int_equal(once.size, twice.size);
    assert_memory_equal(once.data, twice.data, once.size);
    assert_int_equal(ac_safetensors_save("bytes.safetensors", &all, metadata, 2), AC_OK);
    file = test_read_file("bytes.safetensors", &size);
    assert_int_equal(size, once.size);
    assert_memory_equal(file, once.data, size);
    free(file);
    ac_buffer_free(&once);
    ac_buffer_free(&twice);
}

static void
no_tensors_no_metadata(void **state)
{
    const ac_tensors none = { NULL, 0, "memory" };
    ac_safetensors file = { 0 };

    (void) state;
    assert_int_equal(ac_safetensors_save("none.safetensors", &none, NULL, 0), AC_OK);
    assert_int_equal(ac_safetensors_open(&file, "none.safetensors"), AC_OK);
    assert_int_equal(file.tensors.count, 0);
    ac_safetensors_close(&file);
}

/* A name that cannot be had: said with the path, and no temporary file stays. */
static void
a_failed_write_leaves_nothing_behind(void **state)
{
    char temporary[64];

    (void) state;
    assert_int_equal(ac_safetensors_save("/dev/full/x.safetensors", &all, NULL, 0), AC_E_IO);
    assert_non_null(strstr(ac_error_message(), "/dev/full/x.safetensors"));
    mkdir("is_a_folder.safetensors", 0755);
    assert_int_equal(ac_safetensors_save("is_a_folder.safetensors", &all, NULL, 0), AC_E_IO);
    snprintf(temporary, sizeof temporary, "is_a_folder.safetensors.tmp.%d", (int) getpid());
    assert_int_not_equal(access(temporary, F_OK), 0);
    rmdir("is_a_folder.safetensors");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back),
        cmocka_unit_test(has_the_formats_layout),
        cmocka_unit_test(equal_content_gives_equal_bytes),
        cmocka_unit_test(no_tensors_no_metadata),
        cmocka_unit_test(a_failed_write_leaves_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
