/* Bytes and pixels written piece by piece, and read by their place in the file: the same
 * whatever the pieces, and a flipped byte is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/file/checksum.h"
#include "io/hdf5/image_shard.h"

enum { MIB = 1 << 20, SIDE = 5, IMAGES = 3 };

static char path[] = "/tmp/ac-image-shard-XXXXXX";

static int
set_up(void **state)
{
    const int fd = mkstemp(path);

    (void) state;
    srand(7);
    return fd < 0 || close(fd);
}

static int
tear_down(void **state)
{
    (void) state;
    return unlink(path);
}

static void
fill(unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bytes[i] = (unsigned char) rand();
}

/* A file with the dataset "x" of these bytes, pushed in pieces of random size up to `most`. */
static void
write_stream(const unsigned char *bytes, size_t n, size_t most, char checksum[33])
{
    ac_h5_writer w = { 0 };
    ac_h5_stream s = { 0 };

    assert_int_equal(ac_h5_create(&w, path, AC_COMPRESSION_NONE), AC_OK);
    assert_int_equal(ac_h5_stream_begin(&s, &w, "x", 1, NULL), AC_OK);
    for (size_t at = 0; at < n;) {
        const size_t part = 1 + (size_t) rand() % most, left = n - at;
        assert_int_equal(ac_h5_stream_push(&s, bytes + at, part < left ? part : left), AC_OK);
        at += part < left ? part : left;
    }
    assert_int_equal(ac_h5_stream_end(&s), AC_OK);
    ac_h5_stream_free(&s);
    assert_int_equal(ac_h5_commit(&w, checksum), AC_OK);
}

static void
bytes_do_not_depend_on_the_pieces(void **state)
{
    static const int64_t sizes[] = { 0, 1, 1000, MIB - 1, MIB, MIB + 1, 3 * MIB, 3 * MIB + 77 };
    unsigned char *bytes = malloc(4 * MIB), *back = malloc(4 * MIB);

    (void) state;
    fill(bytes, 4 * MIB);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int64_t n = sizes[i];
        char one[33], other[33];
        ac_h5_reader r = { 0 };
        ac_h5_chunks c = { 0 };
        int fd;

        write_stream(bytes, (size_t) n, 70000, one);
        write_stream(bytes, (size_t) n, 4 * MIB, other);
        assert_string_equal(one, other);
        assert_int_equal(ac_h5_open(&r, path), AC_OK);
        assert_int_equal(ac_h5_read(&r, "x", AC_U8, 1, &n, back), AC_OK);
        assert_memory_equal(back, bytes, (size_t) n);
        assert_int_equal(ac_h5_chunks_load(&c, &r, "x", 1), AC_OK);
        ac_h5_close(&r);
        assert_int_equal(c.rows, n);
        fd = open(path, O_RDONLY);
        for (int k = 0; k < 20; k++) {
            const int64_t from = n ? rand() % n : 0, count = n ? rand() % (n - from + 1) : 0;
            assert_int_equal(ac_h5_chunks_read(&c, fd, path, from, count, back), AC_OK);
            assert_memory_equal(back, bytes + from, (size_t) count);
        }
        close(fd);
        ac_h5_chunks_free(&c);
    }
    free(bytes);
    free(back);
}

/* A compressed dataset, and one of another type, cannot be read this way. */
static void
other_layouts_are_refused(void **state)
{
    static const char zeros[100];
    static const int64_t n = 100, few = 10;
    char checksum[33];
    ac_h5_writer w = { 0 };
    ac_h5_reader r = { 0 };
    ac_h5_chunks c = { 0 };

    (void) state;
    assert_int_equal(ac_h5_create(&w, path, AC_COMPRESSION_GZIP), AC_OK);
    assert_int_equal(ac_h5_write(&w, "x", AC_U8, 1, &n, zeros), AC_OK);
    w.compression = AC_COMPRESSION_NONE;
    assert_int_equal(ac_h5_write(&w, "y", AC_I64, 1, &few, zeros), AC_OK);
    assert_int_equal(ac_h5_commit(&w, checksum), AC_OK);
    assert_int_equal(ac_h5_open(&r, path), AC_OK);
    assert_int_equal(ac_h5_chunks_load(&c, &r, "x", 1), AC_E_FORMAT);
    assert_int_equal(ac_h5_chunks_load(&c, &r, "y", 1), AC_E_FORMAT);
    assert_int_equal(ac_h5_chunks_load(&c, &r, "x", 2), AC_E_FORMAT);
    assert_int_equal(ac_h5_chunks_load(&c, &r, "z", 1), AC_E_FORMAT);
    ac_h5_close(&r);
}

static void
push_all(ac_texts *texts, const char *text)
{
    for (int i = 0; i < IMAGES; i++)
        assert_int_equal(ac_texts_push(texts, text, strlen(text)), AC_OK);
}

/* A shard of three images: bytes, or pixels where rgb is not NULL. */
static void
write_shard(const unsigned char *bytes, const int64_t offsets[IMAGES + 1],
            const unsigned char *rgb)
{
    static const int64_t numbers[IMAGES] = { 0, 1, 2 }, counts[IMAGES] = { 2, 0, 1 };
    ac_texts keys = { 0 }, hashes = { 0 }, text = { 0 }, none = { 0 };
    ac_shard_writer w = { 0 };
    ac_h5_stream s = { 0 };
    char checksum[33];

    push_all(&text, "JPEG");
    for (int i = 0; i < IMAGES; i++) {
        char key[2] = { (char) ('a' + i) };
        ac_checksum_bytes(bytes + offsets[i], (size_t) (offsets[i + 1] - offsets[i]), checksum);
        assert_int_equal(ac_texts_push(&keys, key, 1), AC_OK);
        assert_int_equal(ac_texts_push(&hashes, checksum, 32), AC_OK);
    }
    assert_int_equal(ac_shard_create(&w, path, AC_COMPRESSION_NONE, AC_SHARD_IMAGES), AC_OK);
    assert_int_equal(ac_shard_stream(&w, rgb ? AC_IMAGES_PIXELS : AC_IMAGES_IMAGES, &s,
                                     (const int64_t[]){ 0, SIDE, SIDE, 3 }),
                     AC_OK);
    assert_int_equal(
        ac_h5_stream_push(&s, rgb ? rgb : bytes,
                          rgb ? IMAGES * SIDE * SIDE * 3 : (size_t) offsets[IMAGES]),
        AC_OK);
    assert_int_equal(ac_h5_stream_end(&s), AC_OK);
    ac_h5_stream_free(&s);
    if (!rgb)
        assert_int_equal(ac_shard_write_offsets(&w, AC_IMAGES_IMAGES, IMAGES, offsets), AC_OK);
    assert_int_equal(ac_shard_write_texts(&w, AC_IMAGES_KEYS, &keys), AC_OK);
    assert_int_equal(ac_shard_write_texts(&w, AC_IMAGES_FORMAT, &text), AC_OK);
    assert_int_equal(ac_shard_write(&w, AC_IMAGES_WIDTH, IMAGES, 0, numbers), AC_OK);
    assert_int_equal(ac_shard_write(&w, AC_IMAGES_HEIGHT, IMAGES, 0, numbers), AC_OK);
    assert_int_equal(ac_shard_write(&w, AC_IMAGES_PAGE, IMAGES, 0, numbers), AC_OK);
    assert_int_equal(ac_shard_write_texts(&w, AC_IMAGES_CAPTIONS, &keys), AC_OK);
    assert_int_equal(ac_shard_write(&w, AC_IMAGES_CAPTION_COUNTS, IMAGES, 0, counts), AC_OK);
    assert_int_equal(ac_shard_write_texts(&w, AC_IMAGES_METADATA, &text), AC_OK);
    assert_int_equal(ac_shard_write_texts(&w, AC_IMAGES_SOURCE, &text), AC_OK);
    assert_int_equal(ac_shard_write_texts(&w, AC_IMAGES_CONTENT_HASH, &hashes), AC_OK);
    assert_int_equal(ac_shard_write_texts(&w, AC_IMAGES_REJECTED_KEYS, &none), AC_OK);
    assert_int_equal(ac_shard_write_texts(&w, AC_IMAGES_REJECTED_REASONS, &none), AC_OK);
    assert_int_equal(ac_shard_write_texts(&w, AC_IMAGES_REJECTED_DETAILS, &none), AC_OK);
    assert_int_equal(ac_shard_commit(&w, checksum), AC_OK);
    ac_texts_free(&keys);
    ac_texts_free(&hashes);
    ac_texts_free(&text);
}

static void
flip(int64_t at)
{
    FILE *f = fopen(path, "r+b");
    int c;

    assert_non_null(f);
    assert_int_equal(fseek(f, (long) at, SEEK_SET), 0);
    c = fgetc(f);
    assert_int_equal(fseek(f, (long) at, SEEK_SET), 0);
    fputc(c ^ 1, f);
    fclose(f);
}

static void
count(void *context, const char *name)
{
    (void) name;
    ++*(int *) context;
}

static int
faults(int64_t rows)
{
    int n = 0;

    assert_int_equal(ac_image_shard_check(path, rows, count, &n), AC_OK);
    return n;
}

static void
images_are_read_and_compared(void **state)
{
    static const int64_t offsets[IMAGES + 1] = { 0, 1000, 1000, 2 * MIB };
    unsigned char *bytes = malloc(2 * MIB);
    ac_image_shard s = { 0 };
    ac_buffer out = { 0 };

    (void) state;
    fill(bytes, 2 * MIB);
    write_shard(bytes, offsets, NULL);
    assert_int_equal(ac_image_shard_open(&s, path, IMAGES + 1), AC_E_FORMAT);
    assert_int_equal(ac_image_shard_open(&s, path, IMAGES), AC_OK);
    for (int i = 0; i < IMAGES; i++) {
        assert_int_equal(ac_image_shard_read(&s, i, &out), AC_OK);
        assert_int_equal(out.size, offsets[i + 1] - offsets[i]);
        assert_memory_equal(out.data, bytes + offsets[i], out.size);
    }
    assert_int_equal(ac_image_shard_read_rest(&s), AC_OK);
    assert_int_equal(s.caption_offsets[1], 2);
    assert_int_equal(s.caption_offsets[2], 2);
    assert_int_equal(s.caption_offsets[3], 3);
    assert_int_equal(s.page[2], 2);
    assert_int_equal(faults(IMAGES), 0);
    flip(s.data.addresses[1] + 5); /* of the third image */
    assert_int_equal(ac_image_shard_read(&s, 0, &out), AC_OK);
    assert_int_equal(ac_image_shard_read(&s, 2, &out), AC_E_FORMAT);
    assert_int_equal(faults(IMAGES), 1);
    ac_image_shard_close(&s);
    ac_buffer_free(&out);
    free(bytes);
}

static void
pixels_are_read_and_checked(void **state)
{
    static const int64_t offsets[IMAGES + 1] = { 0, 1, 2, 3 };
    unsigned char rgb[IMAGES * SIDE * SIDE * 3], out[SIDE * SIDE * 3];
    ac_image_shard s = { 0 };
    ac_buffer bytes = { 0 };

    (void) state;
    fill(rgb, sizeof rgb);
    write_shard(rgb, offsets, rgb);
    assert_int_equal(ac_image_shard_open(&s, path, IMAGES), AC_OK);
    assert_true(s.has_pixels);
    for (int i = 0; i < IMAGES; i++) { /* our Fletcher-32 agrees with HDF5's, of odd rows too */
        assert_int_equal(ac_image_shard_read_pixels(&s, i, out), AC_OK);
        assert_memory_equal(out, rgb + (size_t) i * sizeof out, sizeof out);
    }
    assert_int_equal(ac_image_shard_read(&s, 0, &bytes), AC_E_FORMAT);
    flip(s.data.addresses[1]);
    assert_int_equal(ac_image_shard_read_pixels(&s, 0, out), AC_OK);
    assert_int_equal(ac_image_shard_read_pixels(&s, 1, out), AC_E_FORMAT);
    assert_int_equal(faults(IMAGES), 1);
    ac_image_shard_close(&s);
    ac_buffer_free(&bytes);
}

/* HDF5 1.10.8 loses memory of its own where a header that it reads is damaged: LeakSanitizer
 * asks what to pass over. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
    return "leak:libhdf5";
}

/* Cut at many places, and flipped all over: a message, never a crash, and never other bytes. */
static void
damage_anywhere_is_survived(void **state)
{
    static const int64_t offsets[IMAGES + 1] = { 0, 100, 300, 700 };
    unsigned char bytes[700];
    FILE *f;
    long size;

    (void) state;
    fill(bytes, sizeof bytes);
    write_shard(bytes, offsets, NULL);
    f = fopen(path, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    size = ftell(f);
    fclose(f);
    for (int k = 0; k < 300; k++) {
        const int64_t at = rand() % size;
        ac_image_shard s = { 0 };
        ac_buffer out = { 0 };

        flip(at);
        if (ac_image_shard_open(&s, path, IMAGES) == AC_OK) {
            for (int i = 0; i < IMAGES; i++)
                if (ac_image_shard_read(&s, i, &out) == AC_OK) {
                    assert_int_equal(out.size, offsets[i + 1] - offsets[i]);
                    assert_memory_equal(out.data, bytes + offsets[i], out.size);
                }
            (void) !ac_image_shard_read_rest(&s);
        }
        ac_image_shard_close(&s);
        ac_buffer_free(&out);
        flip(at);
    }
    for (int k = 1; k < 30; k++) {
        ac_image_shard s = { 0 };
        assert_int_equal(truncate(path, size - size * k / 30), 0);
        assert_int_not_equal(ac_image_shard_open(&s, path, IMAGES), AC_OK);
        ac_image_shard_close(&s);
        write_shard(bytes, offsets, NULL);
    }
}

/* As HDF5 defines it: words with the higher byte first, sums modulo 65535. */
static uint32_t
plain_fletcher32(const unsigned char *at, size_t n)
{
    uint64_t a = 0, b = 0;

    for (size_t i = 0; i < n; i += 2) {
        a += (uint64_t) at[i] << 8 | (i + 1 < n ? at[i + 1] : 0);
        a = a > 65535 ? a - 65535 : a;
        b += a;
        b = b > 65535 ? b - 65535 : b;
    }
    return (uint32_t) (b << 16 | a);
}

static void
sums_are_hdf5s(void **state)
{
    static unsigned char bytes[60000];
    static const size_t sizes[] = {
        0, 1, 2, 31, 32, 33, 65, 11519, 11520, 11521, 23041, 60000
    };

    (void) state;
    for (int kind = 0; kind < 4; kind++) {
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (unsigned char) (kind < 2 ? rand() : kind == 2 ? 0xff : 0);
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
            assert_int_equal(ac_h5_fletcher32(bytes, sizes[k]),
                             plain_fletcher32(bytes, sizes[k]));
    }
    bytes[1] = 0; /* a sum that is a multiple of 65535 without being 0 */
    bytes[2] = bytes[3] = 0xff;
    assert_int_equal(ac_h5_fletcher32(bytes, 4), plain_fletcher32(bytes, 4));
    assert_int_equal(ac_h5_fletcher32(bytes, 4) & 0xffff, 0xffff);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_do_not_depend_on_the_pieces),
        cmocka_unit_test(sums_are_hdf5s),
        cmocka_unit_test(other_layouts_are_refused),
        cmocka_unit_test(images_are_read_and_compared),
        cmocka_unit_test(pixels_are_read_and_checked),
        cmocka_unit_test(damage_anywhere_is_survived),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
