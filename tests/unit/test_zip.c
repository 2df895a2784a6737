/* The zip directory reader on archives made by hand: 64-bit fields as PyTorch writes them past
 * 4 GB, and each bound broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buffer.h"
#include "io/checkpoint/zip.h"

static void
number(ac_buffer *b, int bytes, uint64_t x)
{
    for (int i = 0; i < bytes; i++)
        ac_buffer_push_char(b, (char) (unsigned char) (i < 8 ? x >> (8 * i) : 0));
}

/* What to write into the fields of the archive; the right values come first. */
typedef struct recipe {
    bool zip64;
    uint64_t size, packed, offset; /* of the one member, in its directory entry */
    uint16_t method, flags;
    uint64_t count, directory_bytes, directory_offset;
} recipe;

static const char content[] = "0123456789";

/* root/data/0 with ten bytes; 8 bytes of extra field in the local header, as PyTorch pads. */
static void
build(ac_buffer *b, const recipe *r)
{
    static const char name[] = "root/data/0";
    const uint16_t n = sizeof name - 1;
    const size_t extra = r->zip64 ? 28 : 0;
    size_t directory, end;

    ac_buffer_push(b, "PK\3\4", 4);
    number(b, 22, 0);
    number(b, 2, n);
    number(b, 2, 8);
    ac_buffer_push(b, name, n);
    number(b, 8, 0);
    ac_buffer_push(b, content, 10);
    directory = b->size;
    ac_buffer_push(b, "PK\1\2", 4);
    number(b, 4, 0);
    number(b, 2, r->flags);
    number(b, 2, r->method);
    number(b, 8, 0);
    number(b, 4, r->zip64 ? UINT32_MAX : r->packed);
    number(b, 4, r->zip64 ? UINT32_MAX : r->size);
    number(b, 2, n);
    number(b, 2, extra);
    number(b, 10, 0);
    number(b, 4, r->zip64 ? UINT32_MAX : r->offset);
    ac_buffer_push(b, name, n);
    if (r->zip64) {
        number(b, 2, 1);
        number(b, 2, 24);
        number(b, 8, r->size);
        number(b, 8, r->packed);
        number(b, 8, r->offset);
    }
    end = b->size;
    if (r->zip64) {
        ac_buffer_push(b, "PK\6\6", 4);
        number(b, 8, 44);
        number(b, 12, 0);
        number(b, 8, r->count);
        number(b, 8, r->count);
        number(b, 8, end - directory + r->directory_bytes);
        number(b, 8, directory + r->directory_offset);
        ac_buffer_push(b, "PK\6\7", 4);
        number(b, 4, 0);
        number(b, 8, end);
        number(b, 4, 1);
    }
    ac_buffer_push(b, "PK\5\6", 4);
    number(b, 4, 0);
    number(b, 4, r->zip64 ? UINT32_MAX : r->count | r->count << 16);
    number(b, 4, r->zip64 ? UINT32_MAX : end - directory + r->directory_bytes);
    number(b, 4, r->zip64 ? UINT32_MAX : directory + r->directory_offset);
    number(b, 2, 0);
}

static const recipe good = { .size = 10, .packed = 10, .count = 1 };

static void
check_good(const recipe *r)
{
    ac_buffer b = { 0 };
    ac_zip zip;
    const ac_zip_member *m;

    build(&b, r);
    if (ac_zip_open(&zip, (const unsigned char *) b.data, b.size, "made.zip") != AC_OK)
        fail_msg("%s", ac_error_message());
    assert_int_equal(zip.count, 1);
    m = ac_zip_find(&zip, "data/0", 6);
    assert_non_null(m);
    assert_int_equal(m->size, 10);
    assert_memory_equal(m->data, content, 10);
    assert_null(ac_zip_find(&zip, "data/1", 6));
    assert_null(ac_zip_find(&zip, "data", 4));
    ac_zip_close(&zip);
    ac_buffer_free(&b);
}

static void
plain_and_64_bit(void **state)
{
    recipe wide = good;

    (void) state;
    check_good(&good);
    wide.zip64 = true;
    check_good(&wide);
}

static void
check_refused(const recipe *r, const char *what)
{
    recipe both = *r;

    for (int wide = 0; wide < 2; wide++) {
        ac_buffer b = { 0 };
        unsigned char *exact;
        ac_zip zip;

        both.zip64 = wide;
        build(&b, &both);
        exact = malloc(b.size); /* so that a sanitizer sees a read behind it */
        assert_non_null(exact);
        memcpy(exact, b.data, b.size);
        if (ac_zip_open(&zip, exact, b.size, "made.zip") != AC_E_FORMAT ||
            !strstr(ac_error_message(), "made.zip"))
            fail_msg("%s (zip64 %d): not refused", what, wide);
        free(exact);
        ac_buffer_free(&b);
    }
}

static void
each_bound(void **state)
{
    recipe r;

    (void) state;
    r = good, r.packed = r.size = 1000;
    check_refused(&r, "a member past the end");
    r = good, r.size = 11;
    check_refused(&r, "a stored member of two sizes");
    r = good, r.offset = 1000;
    check_refused(&r, "a local header past the end");
    r = good, r.offset = 4;
    check_refused(&r, "a local header where none is");
    r = good, r.count = 2;
    check_refused(&r, "more entries than the directory holds");
    r = good, r.directory_bytes = 10000;
    check_refused(&r, "a directory past the end");
    r = good, r.directory_offset = 3;
    check_refused(&r, "a directory elsewhere");
    r = good, r.count = 0;
    check_refused(&r, "an empty archive");
}

static void
huge_numbers(void **state)
{
    recipe r = good;
    ac_buffer b = { 0 };
    ac_zip zip;

    (void) state;
    r.zip64 = true;
    for (int i = 0; i < 5; i++) {
        uint64_t *const fields[] = { &r.size, &r.packed, &r.offset, &r.count,
                                     &r.directory_offset };
        const uint64_t before = *fields[i];
        *fields[i] = UINT64_MAX - 20;
        ac_buffer_reset(&b);
        build(&b, &r);
        assert_int_equal(ac_zip_open(&zip, (const unsigned char *) b.data, b.size, "made.zip"),
                         AC_E_FORMAT);
        *fields[i] = before;
    }
    ac_buffer_free(&b);
}

/* Compressed and encrypted members are listed, but have no bytes. */
static void
not_stored(void **state)
{
    recipe r = good;
    ac_buffer b = { 0 };
    ac_zip zip;

    (void) state;
    for (int i = 0; i < 2; i++) {
        r.method = i ? 0 : 8;
        r.flags = i ? 1 : 0;
        ac_buffer_reset(&b);
        build(&b, &r);
        assert_int_equal(ac_zip_open(&zip, (const unsigned char *) b.data, b.size, "made.zip"),
                         AC_OK);
        assert_false(zip.members[0].stored);
        assert_null(zip.members[0].data);
        ac_zip_close(&zip);
    }
    ac_buffer_free(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_and_64_bit),
        cmocka_unit_test(each_bound),
        cmocka_unit_test(huge_numbers),
        cmocka_unit_test(not_stored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
