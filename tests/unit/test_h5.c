/* io/h5 and io/publish: what is written reads back, equal content gives equal bytes, nothing
 * half, damage is seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "io/file/checksum.h"
#include "io/hdf5/h5.h"
#include "io/hdf5/h5_check.h"
#include "io/hdf5/h5_rows.h"
#include "io/file/publish.h"
#include "io/file/text_file.h"

enum { ROWS = 500, COLUMNS = 40 };

static char folder[] = "/tmp/antarctic-h5-XXXXXX";

static char *
in_folder(const char *name)
{
    char *path = NULL;

    assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
    return path;
}

static int
files_in_folder(void)
{
    DIR *d = opendir(folder);
    int n = 0;

    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n - 2;
}

static void
make(float *x, ac_texts *texts)
{
    for (int i = 0; i < ROWS * COLUMNS; i++)
        x[i] = (float) ac_random_uniform(3, 1, (uint32_t) i, 0);
    for (int i = 0; i < ROWS; i++)
        assert_int_equal(ac_texts_push(texts, "abcdefghijklmnopq", (size_t) (i % 17)), AC_OK);
}

static void
write_file(const char *path, const float *x, const ac_texts *texts, ac_compression compression,
           char checksum[33])
{
    ac_h5_writer w = { 0 };

    assert_int_equal(ac_h5_create(&w, path, compression), AC_OK);
    assert_int_not_equal(access(path, F_OK), 0); /* not before the commit */
    assert_int_equal(ac_h5_write(&w, "x", AC_F32, 2, (int64_t[]){ ROWS, COLUMNS }, x), AC_OK);
    assert_int_equal(ac_h5_write(&w, "nothing", AC_I64, 2, (int64_t[]){ 0, 5 }, NULL), AC_OK);
    assert_int_equal(ac_h5_write_texts(&w, "texts", texts), AC_OK);
    assert_int_equal(ac_h5_write_text_attribute(&w, "content", "a test"), AC_OK);
    assert_int_equal(ac_h5_write_int_attribute(&w, "items", ROWS), AC_OK);
    assert_int_equal(ac_h5_commit(&w, checksum), AC_OK);
    ac_h5_abandon(&w);
}

static void
reads_back_and_repeats_its_bytes(void **state)
{
    static float x[ROWS * COLUMNS], y[ROWS * COLUMNS];
    ac_texts texts = { 0 }, read = { 0 };

    (void) state;
    make(x, &texts);
    for (int c = AC_COMPRESSION_ZSTD; c <= AC_COMPRESSION_NONE; c++) {
        char *path = in_folder("a.h5"), *content, first[33], second[33], whole[33];
        ac_h5_reader r = { 0 };
        int64_t shape[2], items;
        write_file(path, x, &texts, (ac_compression) c, first);
        unlink(path);
        write_file(path, x, &texts, (ac_compression) c, second);
        assert_string_equal(first, second);
        assert_int_equal(ac_file_checksum(path, whole), AC_OK);
        assert_string_equal(first, whole);
        assert_int_equal(ac_h5_open(&r, path), AC_OK);
        assert_true(ac_h5_has(&r, "x") && !ac_h5_has(&r, "z"));
        assert_int_equal(ac_h5_shape(&r, "x", 2, shape), AC_OK);
        assert_true(shape[0] == ROWS && shape[1] == COLUMNS);
        assert_int_equal(ac_h5_read(&r, "x", AC_F32, 2, shape, y), AC_OK);
        assert_memory_equal(x, y, sizeof x);
        assert_int_equal(ac_h5_read_rows(&r, "x", AC_F32, 490, 10, COLUMNS, y), AC_OK);
        assert_memory_equal(x + 490 * COLUMNS, y, 10 * COLUMNS * sizeof *x);
        assert_int_equal(ac_h5_read_rows(&r, "x", AC_F32, 491, 10, COLUMNS, y), AC_E_FORMAT);
        assert_int_equal(ac_h5_read(&r, "x", AC_F32, 2, (int64_t[]){ ROWS, COLUMNS + 1 }, y),
                         AC_E_FORMAT);
        assert_int_equal(ac_h5_shape(&r, "x", 1, shape), AC_E_FORMAT);
        assert_int_equal(ac_h5_shape(&r, "z", 1, shape), AC_E_FORMAT);
        assert_non_null(strstr(ac_error_message(), "a.h5: has no dataset z"));
        assert_int_equal(ac_h5_shape(&r, "nothing", 2, shape), AC_OK);
        assert_true(shape[0] == 0 && shape[1] == 5);
        assert_int_equal(ac_h5_read_texts(&r, "texts", &read), AC_OK);
        assert_int_equal(read.count, ROWS);
        assert_memory_equal(read.offsets, texts.offsets, (ROWS + 1) * sizeof *read.offsets);
        assert_memory_equal(read.bytes.data, texts.bytes.data, texts.bytes.size);
        assert_int_equal(ac_h5_read_int_attribute(&r, "items", &items), AC_OK);
        assert_int_equal(items, ROWS);
        assert_int_equal(ac_h5_read_text_attribute(&r, "content", &content), AC_OK);
        assert_string_equal(content, "a test");
        free(content);
        ac_h5_close(&r);
        ac_h5_close(&r);
        unlink(path);
        free(path);
    }
    ac_texts_free(&texts);
    ac_texts_free(&read);
    assert_int_equal(files_in_folder(), 0);
}

/* A dataset of chunks that are not there: any extent in a few bytes. */
static void
claim(hid_t file, const char *name, int rank, const hsize_t *dims, hid_t type)
{
    const hsize_t chunk[3] = { 1, 1, 1 };
    const hid_t space = H5Screate_simple(rank, dims, NULL), p = H5Pcreate(H5P_DATASET_CREATE);
    hid_t set;

    assert_true(H5Pset_chunk(p, rank, chunk) >= 0);
    set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, p, H5P_DEFAULT);
    assert_true(set >= 0);
    H5Dclose(set);
    H5Pclose(p);
    H5Sclose(space);
}

static void
list_attribute(hid_t file, const char *name, hid_t type, const void *values, hsize_t count)
{
    const hid_t space = H5Screate_simple(1, &count, NULL),
                a = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);

    assert_true(a >= 0 && H5Awrite(a, type, values) >= 0);
    H5Aclose(a);
    H5Sclose(space);
}

/* A file of the kind that we write, by hand. */
static hid_t
create_by_hand(const char *path)
{
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    hid_t file;

    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V110);
    file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    assert_true(file >= 0);
    H5Pclose(access);
    return file;
}

/* What is refused by name when a file is opened. */
static void
refused_as(const char *path, const char *why)
{
    ac_h5_reader r = { 0 };

    assert_int_equal(ac_h5_open_joined(&r, path), AC_E_FORMAT);
    if (!strstr(ac_error_message(), why))
        fail_msg("said: %s", ac_error_message());
    ac_h5_close(&r);
}

/* Lists as attributes wrote past the room for one; extents beyond any memory went round for
 * ever, or were passed over as if empty; offsets may fall. */
static void
extents_are_not_believed(void **state)
{
    static int64_t numbers[1000];
    const int64_t ends[2] = { 0, INT64_MAX - 1 }, two = 2, few = 10;
    const hsize_t long_row[3] = { 4, (hsize_t) 1 << 32, (hsize_t) 1 << 31 },
                  bytes = INT64_MAX - 1, thousand = 1000;
    const struct {
        int rank;
        const hsize_t *dims;
    } claims[] = { { 3, long_row }, { 1, &bytes }, { 1, &thousand } };
    char *path = in_folder("c.h5"), *text = NULL, checksum[33];
    hid_t file = create_by_hand(path);
    ac_h5_writer w = { 0 };
    ac_h5_reader r = { 0 };
    ac_texts texts = { 0 };
    int64_t number = 7, datasets;

    (void) state;
    list_attribute(file, "numbers", H5T_NATIVE_INT64, numbers, 1000);
    list_attribute(file, "letters", H5T_C_S1, numbers, 8000);
    H5Fclose(file);
    assert_int_equal(ac_h5_open(&r, path), AC_OK);
    assert_int_equal(ac_h5_read_int_attribute(&r, "numbers", &number), AC_E_FORMAT);
    assert_int_equal(number, 7);
    assert_int_equal(ac_h5_read_text_attribute(&r, "letters", &text), AC_E_FORMAT);
    assert_null(text);
    ac_h5_close(&r);
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        file = create_by_hand(path);
        claim(file, "x", claims[i].rank, claims[i].dims, H5T_NATIVE_FLOAT);
        H5Fclose(file);
        refused_as(path, i == 0 ? "x has chunks of an impossible size"
                                : "x has 0 chunks, and its shape needs");
        assert_int_equal(ac_h5_check(path, &datasets), AC_E_FORMAT);
    }
    assert_int_equal(ac_h5_create(&w, path, AC_COMPRESSION_NONE), AC_OK);
    assert_int_equal(ac_h5_write(&w, "texts_bytes", AC_U8, 1, &few, numbers), AC_OK);
    assert_int_equal(ac_h5_write(&w, "texts_offsets", AC_I64, 1, &two, ends), AC_OK);
    assert_int_equal(ac_h5_commit(&w, checksum), AC_OK);
    assert_int_equal(ac_h5_open(&r, path), AC_OK);
    assert_int_equal(ac_h5_read_texts(&r, "texts", &texts), AC_E_FORMAT);
    ac_h5_close(&r);
    ac_texts_free(&texts);
    unlink(path);
    free(path);
}

/* Links, groups, types, filters and storage that we do not write. */
static void
other_kinds_are_refused_by_name(void **state)
{
    char *path = in_folder("k.h5");
    const hsize_t n = 4;
    const hid_t space = H5Screate_simple(1, &n, NULL), varying = H5Tcopy(H5T_C_S1);
    hid_t file, p;

    (void) state;
    H5Tset_size(varying, H5T_VARIABLE);
    file = create_by_hand(path);
    assert_true(H5Lcreate_soft("/x", file, "soft", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    H5Fclose(file);
    refused_as(path, "soft is a link to a name");
    file = create_by_hand(path);
    assert_true(
        H5Lcreate_external("/etc/passwd", "/x", file, "out", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    H5Fclose(file);
    refused_as(path, "out is a link into another file");
    file = create_by_hand(path);
    H5Gclose(H5Gcreate2(file, "group", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Fclose(file);
    refused_as(path, "group is a group, not a dataset");
    file = create_by_hand(path);
    assert_true(H5Lcreate_hard(file, "/", file, "cycle", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    H5Fclose(file);
    refused_as(path, "cycle");
    file = create_by_hand(path);
    H5Dclose(H5Dcreate2(file, "texts", varying, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Fclose(file);
    refused_as(path, "texts holds texts of varying length");
    file = create_by_hand(path);
    p = H5Pcreate(H5P_DATASET_CREATE);
    assert_true(H5Pset_external(p, "/etc/passwd", 0, 16) >= 0);
    H5Dclose(H5Dcreate2(file, "outside", H5T_NATIVE_INT32, space, H5P_DEFAULT, p, H5P_DEFAULT));
    H5Pclose(p);
    H5Fclose(file);
    refused_as(path, "outside is stored in another file (external storage)");
    file = create_by_hand(path);
    p = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(p, 1, &n);
    H5Pset_shuffle(p);
    p = H5Dcreate2(file, "shuffled", H5T_NATIVE_INT32, space, H5P_DEFAULT, p, H5P_DEFAULT);
    assert_true(H5Dwrite(p, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                         (int[]){ 1, 2, 3, 4 }) >= 0);
    H5Dclose(p);
    H5Fclose(file);
    refused_as(path, "shuffled is stored through filter 2");
    for (int i = 0; i < 4; i++) {
        static const char *const names[] = { "/etc/passwd", "../x.h5", "a/../../x.h5", "." };
        ac_h5_source source = { .file = names[i], .rows = 4, .dataset = "x" };
        ac_h5_writer w = { 0 };
        char checksum[33];
        assert_int_equal(ac_h5_create(&w, path, AC_COMPRESSION_NONE), AC_OK);
        assert_int_equal(ac_h5_write_virtual(&w, "shown", AC_I32, 0, &source, 1), AC_OK);
        assert_int_equal(ac_h5_commit(&w, checksum), AC_OK);
        refused_as(path, "which is not beside or below it");
    }
    file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    refused_as(path, "an HDF5 file of another program (superblock 0)");
    H5Sclose(space);
    H5Tclose(varying);
    unlink(path);
    free(path);
}

/* The reason of a failed write is told, whatever other calls failed between it and the commit.
 */
static void
first_error_is_told(void **state)
{
    static char bytes[1 << 16];
    char *path = in_folder("d.txt"), *temporary = NULL;
    ac_text_file f = { 0 };

    (void) state;
    assert_int_equal(ac_publish_temporary(&temporary, path), AC_OK);
    assert_int_equal(symlink("/dev/full", temporary), 0);
    assert_int_equal(ac_text_file_create(&f, path), AC_OK);
    ac_text_file_write(&f, bytes, sizeof bytes);
    assert_int_equal(access("/there/is/no/such/file", F_OK), -1);
    assert_int_equal(ac_text_file_commit(&f), AC_E_IO);
    assert_non_null(strstr(ac_error_message(), "No space left on device"));
    assert_int_equal(access(path, F_OK), -1);
    free(temporary);
    free(path);
}

/* One bit flipped anywhere in the data is never returned as data: the chunk's checksum sees it.
 */
static void
damage_is_seen(void **state)
{
    static float x[ROWS * COLUMNS], y[ROWS * COLUMNS];
    char *path = in_folder("a.h5"), checksum[33], now[33];
    ac_texts texts = { 0 };
    struct stat info;
    int refused = 0;

    (void) state;
    make(x, &texts);
    write_file(path, x, &texts, AC_COMPRESSION_NONE, checksum);
    assert_int_equal(stat(path, &info), 0);
    for (int trial = 0; trial < 60; trial++) {
        const long at =
            (long) (ac_random_uniform(5, 2, (uint32_t) trial, 0) * (double) info.st_size);
        ac_h5_reader r = { 0 };
        FILE *f = fopen(path, "r+b");
        int byte;
        assert_non_null(f);
        fseek(f, at, SEEK_SET);
        byte = fgetc(f);
        fseek(f, at, SEEK_SET);
        fputc(byte ^ 1 << trial % 8, f);
        fclose(f);
        assert_int_equal(ac_file_checksum(path, now), AC_OK);
        assert_string_not_equal(checksum, now);
        memset(y, 0, sizeof y);
        if (ac_h5_open(&r, path) != AC_OK ||
            ac_h5_read(&r, "x", AC_F32, 2, (int64_t[]){ ROWS, COLUMNS }, y) != AC_OK)
            refused++;
        else
            assert_memory_equal(x, y, sizeof x); /* the flip lay elsewhere */
        ac_h5_close(&r);
        f = fopen(path, "r+b");
        fseek(f, at, SEEK_SET);
        fputc(byte, f);
        fclose(f);
    }
    print_message("refused: %d of 60\n", refused);
    assert_true(refused > 30); /* most of the file is x */
    unlink(path);
    free(path);
    ac_texts_free(&texts);
}

static void
no_file_is_an_error_of_its_own(void **state)
{
    ac_h5_reader r = { 0 };
    ac_h5_writer w = { 0 };
    char *path = in_folder("not.h5");

    (void) state;
    assert_int_equal(ac_h5_open(&r, path), AC_E_IO);
    assert_int_equal(ac_publish_file(path, "hello", 5), AC_OK);
    assert_int_equal(ac_h5_open(&r, path), AC_E_FORMAT);
    assert_non_null(strstr(ac_error_message(), "not.h5: not an HDF5 file"));
    assert_int_equal(ac_h5_create(&w, "/proc/none/x.h5", AC_COMPRESSION_NONE), AC_E_IO);
    ac_h5_abandon(&w);
    unlink(path);
    free(path);
}

/* Virtual datasets: rows of several files under another name, empty ones among them, and none
 * at all. */
static void
virtual_datasets_show_their_sources(void **state)
{
    char *path = in_folder("all.h5"), checksum[33];
    float y[6 * 2];
    const char *names[3] = { "0.h5", "1.h5", "2.h5" };
    const int64_t rows[3] = { 4, 0, 2 };
    ac_h5_source sources[3];
    ac_h5_writer w = { 0 };
    ac_h5_reader r = { 0 };
    int64_t shape[2];

    (void) state;
    for (int i = 0; i < 3; i++) {
        float x[4 * 2];
        char *source = in_folder(names[i]);
        for (int j = 0; j < 8; j++)
            x[j] = (float) (10 * i + j);
        assert_int_equal(ac_h5_create(&w, source, AC_COMPRESSION_ZSTD), AC_OK);
        assert_int_equal(ac_h5_write(&w, "x", AC_F32, 2, (int64_t[]){ rows[i], 2 }, x), AC_OK);
        assert_int_equal(ac_h5_commit(&w, checksum), AC_OK);
        sources[i] = (ac_h5_source){ .file = names[i], .rows = rows[i], .dataset = "x" };
        free(source);
    }
    assert_int_equal(ac_h5_create(&w, path, AC_COMPRESSION_ZSTD), AC_OK);
    assert_int_equal(ac_h5_write_virtual(&w, "y", AC_F32, 2, sources, 3), AC_OK);
    assert_int_equal(ac_h5_write_virtual(&w, "none", AC_F32, 2, sources + 1, 1), AC_OK);
    assert_int_equal(ac_h5_commit(&w, checksum), AC_OK);
    assert_int_equal(ac_h5_open(&r, path), AC_E_FORMAT);
    assert_non_null(strstr(ac_error_message(), "y shows other files"));
    assert_int_equal(ac_h5_open_joined(&r, path), AC_OK);
    assert_int_equal(ac_h5_read(&r, "y", AC_F32, 2, (int64_t[]){ 6, 2 }, y), AC_OK);
    for (int j = 0; j < 8; j++)
        assert_true(y[j] == (float) j);
    for (int j = 0; j < 4; j++)
        assert_true(y[8 + j] == (float) (20 + j));
    assert_int_equal(ac_h5_shape(&r, "none", 2, shape), AC_OK);
    assert_true(shape[0] == 0 && shape[1] == 2);
    ac_h5_close(&r);
    for (int i = 0; i < 3; i++) {
        char *source = in_folder(names[i]);
        unlink(source);
        free(source);
    }
    unlink(path);
    free(path);
}

static void
publishing_is_whole_or_not_at_all(void **state)
{
    char *path = in_folder("text");
    ac_buffer read = { 0 };
    ac_text_file f = { 0 };

    (void) state;
    assert_int_equal(ac_publish_file(path, "first", 5), AC_OK);
    assert_int_equal(ac_publish_file(path, "second", 6), AC_OK); /* replaced */
    assert_int_equal(ac_text_file_create(&f, path), AC_OK);
    ac_text_file_write(&f, "third", 5);
    assert_int_equal(files_in_folder(), 2);
    ac_text_file_abandon(&f); /* as if it had failed: what was there stays */
    ac_text_file_abandon(&f);
    assert_int_equal(files_in_folder(), 1);
    assert_int_equal(ac_text_file_read(path, &read), AC_OK);
    assert_string_equal(read.data, "second");
    ac_buffer_free(&read);
    assert_int_equal(ac_publish_file("/proc/none/x", "a", 1), AC_E_IO);
    unlink(path);
    free(path);
}

/* Rows that come in pieces of any size leave the bytes of rows that come at once. */
static void
pieces_leave_the_same_bytes(void **state)
{
    static float x[60000 * 7];
    static const ac_compression kinds[] = { AC_COMPRESSION_ZSTD, AC_COMPRESSION_GZIP,
                                            AC_COMPRESSION_NONE };
    static const int64_t rows[] = { 0, 1, 37448, 37449, 37450, 60000 }; /* 37449: of a chunk */
    char *whole = in_folder("whole.h5"), *pieces = in_folder("pieces.h5"), sums[2][33];

    (void) state;
    for (size_t i = 0; i < sizeof x / sizeof *x; i++)
        x[i] = (float) ac_random_uniform(3, 2, (uint32_t) i, 0);
    for (int k = 0; k < 3; k++)
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
            for (int64_t piece = 1; piece <= 60001; piece = piece * 40 + 1) {
                ac_h5_writer w = { 0 };
                ac_h5_rows s = { 0 };
                if (rows[r] / piece > 5000)
                    continue;
                assert_int_equal(ac_h5_create(&w, whole, kinds[k]), AC_OK);
                assert_int_equal(ac_h5_write(&w, "x", AC_F32, 2, (int64_t[]){ rows[r], 7 }, x),
                                 AC_OK);
                assert_int_equal(ac_h5_write(&w, "y", AC_U8, 1, &rows[r], x), AC_OK);
                assert_int_equal(ac_h5_commit(&w, sums[0]), AC_OK);
                assert_int_equal(ac_h5_create(&w, pieces, kinds[k]), AC_OK);
                assert_int_equal(ac_h5_rows_begin(&s, &w, "x", AC_F32, rows[r], 7), AC_OK);
                for (int64_t at = 0; at < rows[r]; at += piece)
                    assert_int_equal(
                        ac_h5_rows_push(&s, x + 7 * at,
                                        rows[r] - at < piece ? rows[r] - at : piece),
                        AC_OK);
                assert_int_equal(ac_h5_rows_end(&s), AC_OK);
                assert_int_equal(ac_h5_rows_begin(&s, &w, "y", AC_U8, rows[r], 0), AC_OK);
                assert_int_equal(ac_h5_rows_push(&s, x, rows[r]), AC_OK);
                assert_int_equal(ac_h5_rows_end(&s), AC_OK);
                ac_h5_rows_free(&s);
                assert_int_equal(ac_h5_commit(&w, sums[1]), AC_OK);
                assert_string_equal(sums[0], sums[1]);
            }
    unlink(whole);
    unlink(pieces);
    free(whole);
    free(pieces);
}

/* No room: a limit on the size of files stands for a full disk. Each writer fails with the
 * reason, and leaves nothing. */
static void
without_room_nothing_is_left(void **state)
{
    static float x[ROWS * COLUMNS];
    const struct rlimit before = { RLIM_INFINITY, RLIM_INFINITY },
                        small = { 4096, RLIM_INFINITY };
    char *path = in_folder("large"), checksum[33];
    ac_h5_writer w = { 0 };
    ac_text_file f = { 0 };
    ac_status st;

    (void) state;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(ac_publish_file(path, x, sizeof x), AC_E_IO);
    assert_non_null(strstr(ac_error_message(), "File too large"));
    assert_int_equal(ac_text_file_create(&f, path), AC_OK);
    ac_text_file_write(&f, (const char *) x, sizeof x);
    assert_int_equal(ac_text_file_commit(&f), AC_E_IO);
    assert_int_equal(ac_h5_create(&w, path, AC_COMPRESSION_NONE), AC_OK);
    st = ac_h5_write(&w, "x", AC_F32, 2, (int64_t[]){ ROWS, COLUMNS }, x);
    if (st == AC_OK)
        st = ac_h5_commit(&w, checksum);
    assert_int_equal(st, AC_E_IO);
    ac_h5_abandon(&w);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(files_in_folder(), 0);
    free(path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back_and_repeats_its_bytes),
        cmocka_unit_test(damage_is_seen),
        cmocka_unit_test(extents_are_not_believed),
        cmocka_unit_test(other_kinds_are_refused_by_name),
        cmocka_unit_test(first_error_is_told),
        cmocka_unit_test(no_file_is_an_error_of_its_own),
        cmocka_unit_test(virtual_datasets_show_their_sources),
        cmocka_unit_test(publishing_is_whole_or_not_at_all),
        cmocka_unit_test(pieces_leave_the_same_bytes),
        cmocka_unit_test(without_room_nothing_is_left),
    };
    int failed;

    if (!mkdtemp(folder))
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
