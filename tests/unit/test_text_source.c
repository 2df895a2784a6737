/* Text sources: the same text plain, in gzip, zstd and tar; lines in pieces of any size; what
 * is damaged, vanishes or changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "engine/base/memory.h"
#include "engine/text/words.h"
#include "io/text/text_corpus.h"

static char folder[64];

static const char *
place(const char *name)
{
    static char path[200];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void
write_file(const char *name, const char *bytes, size_t n)
{
    FILE *f = fopen(place(name), "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void
write_gzip(const char *name, const char *bytes, size_t n)
{
    gzFile f = gzopen(place(name), "wb");

    assert_non_null(f);
    assert_int_equal(gzwrite(f, bytes, (unsigned) (n / 2)), n / 2);
    assert_int_equal(gzclose(f), Z_OK);
    f = gzopen(place(name), "ab"); /* a second member */
    assert_int_equal(gzwrite(f, bytes + n / 2, (unsigned) (n - n / 2)), n - n / 2);
    assert_int_equal(gzclose(f), Z_OK);
}

static void
write_zstd(const char *name, const char *bytes, size_t n)
{
    const size_t room = ZSTD_compressBound(n);
    char *out = malloc(room);
    const size_t size = ZSTD_compress(out, room, bytes, n, 3);

    assert_false(ZSTD_isError(size));
    write_file(name, out, size);
    free(out);
}

typedef struct member {
    const char *name, *bytes;
    size_t size;
} member;

static void
write_tar(const char *name, bool gzip, const member *members, int count)
{
    struct archive *a = archive_write_new();

    archive_write_set_format_pax_restricted(a);
    if (gzip)
        archive_write_add_filter_gzip(a);
    assert_int_equal(archive_write_open_filename(a, place(name)), ARCHIVE_OK);
    for (int i = 0; i < count; i++) {
        struct archive_entry *e = archive_entry_new();
        archive_entry_set_pathname(e, members[i].name);
        archive_entry_set_size(e, (la_int64_t) members[i].size);
        archive_entry_set_filetype(e, AE_IFREG);
        archive_entry_set_perm(e, 0644);
        assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
        assert_int_equal(archive_write_data(a, members[i].bytes, members[i].size),
                         members[i].size);
        archive_entry_free(e);
    }
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
}

/* Prepare one source; its document and the names of what was left out. */
static ac_status
prepare(const char *name, ac_text_document *d, ac_texts *skipped)
{
    char *path = strdup(strcmp(name, "-") == 0 ? name : place(name));
    const ac_status st =
        ac_text_source_prepare(path, place("spool"), "txt", 0, d, skipped, NULL);

    free(path);
    return st;
}

typedef struct lines {
    ac_buffer all; /* each that is not empty, with a newline */
} lines;

static ac_status
take(void *context, const char *text, size_t n)
{
    lines *self = context;

    for (size_t at = 0, from, to; ac_lines_next(text, n, &at, &from, &to);) {
        if (from == to)
            continue;
        ac_buffer_push(&self->all, text + from, to - from);
        ac_buffer_push_char(&self->all, '\n');
    }
    return self->all.status;
}

/* All lines of prepared sources, read in pieces. */
static ac_status
read_all(const char *const *names, int count, int64_t piece_bytes, lines *out)
{
    ac_text_corpus corpus = { 0 };
    ac_texts skipped = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&corpus.documents, count, sizeof *corpus.documents));
    corpus.count = count;
    for (int i = 0; i < count; i++) {
        AC_TRY(prepare(names[i], &corpus.documents[i], &skipped));
        assert_false(corpus.documents[i].spooled &&
                     count > 1); /* they would share the spool file */
        AC_TRY(ac_texts_push(
            &corpus.paths, place(corpus.documents[i].spooled ? "spool" : names[i]),
            strlen(place(corpus.documents[i].spooled ? "spool" : names[i])) + 1));
    }
    AC_TRY(ac_text_corpus_arrange(&corpus, piece_bytes));
    for (int64_t piece = 0; piece < corpus.pieces; piece++)
        AC_TRY(ac_text_corpus_read(&corpus, piece, take, out));
    st = ac_text_corpus_check(&corpus);
out:
    ac_text_corpus_free(&corpus);
    ac_texts_free(&skipped);
    unlink(place("spool"));
    return st;
}

static const char text[] =
    "a red car\r\nlone\rcarriage\r\rreturn\n\nform\ffeed "
    "line\xe2\x80\xa8separator\n\xc3\xa9t\xc3\xa9 \xf0\x9f\xa6\x93\r\n\r\nno end";
static const char expected[] =
    "a red car\nlone\ncarriage\nreturn\nform\ffeed "
    "line\xe2\x80\xa8separator\n\xc3\xa9t\xc3\xa9 \xf0\x9f\xa6\x93\nno end\n";

static void
assert_lines(const char *const *names, int count, int64_t piece_bytes, const char *wanted,
             size_t n)
{
    lines got = { 0 };

    if (read_all(names, count, piece_bytes, &got) != AC_OK)
        fail_msg("%s: %s", names[0], ac_error_message());
    if (got.all.size != n || memcmp(got.all.data, wanted, n) != 0)
        fail_msg("%s in pieces of %lld: \"%s\"", names[0], (long long) piece_bytes,
                 got.all.data);
    ac_buffer_free(&got.all);
}

static void
same_in_every_form(void **state)
{
    const member members[] = { { "a.txt", text, sizeof text - 1 }, { "a.jpg", "\xff\xd8", 2 } };
    const char *const names[] = { "t.txt", "t.txt.gz", "t.txt.zst",
                                  "t.tar", "t.tar.gz", "t.tar.zst" };
    char *tar;
    FILE *f;
    size_t n;

    (void) state;
    write_file("t.txt", text, sizeof text - 1);
    write_gzip("t.txt.gz", text, sizeof text - 1);
    write_zstd("t.txt.zst", text, sizeof text - 1);
    write_tar("t.tar", false, members, 2);
    write_tar("t.tar.gz", true, members, 2);
    tar = malloc(1 << 16);
    assert_non_null(f = fopen(place("t.tar"), "rb"));
    n = fread(tar, 1, 1 << 16, f);
    fclose(f);
    write_zstd("t.tar.zst", tar, n);
    free(tar);
    for (int i = 0; i < 6; i++)
        for (int64_t piece = 1; piece < (int64_t) sizeof text + 3; piece++)
            assert_lines(&names[i], 1, piece, expected, sizeof expected - 1);
}

/* Documents end where they end, whatever their last byte; empty ones are nothing. */
static void
several_documents(void **state)
{
    const char *const names[] = {
        "e.txt", "1.txt", "e.txt", "e.txt", "2.txt", "3.txt", "e.txt"
    };

    (void) state;
    write_file("e.txt", "", 0);
    write_file("1.txt", "one\r", 4);
    write_file("2.txt", "\ntwo", 4);
    write_file("3.txt", "three\n\n", 7);
    for (int64_t piece = 1; piece < 20; piece++)
        assert_lines(names, 7, piece, "one\ntwo\nthree\n", 14);
}

static void
members_of_a_tar(void **state)
{
    const member members[] = {
        { "x/1.txt", "first", 5 },       { "x/2.txt", "caf\xe9\n", 5 },
        { "x/2.cls", "7", 1 },           { "x/3.txt", "", 0 },
        { "x/4.TXT", "no", 2 },          { "x/5.txt", "second\nthird\n", 13 },
        { "x/6.txt", "cut \xe7\x8c", 6 }
    };
    const char *const name = "m.tar";
    ac_text_document d;
    ac_texts skipped = { 0 };

    (void) state;
    write_tar(name, false, members, 7);
    assert_lines(&name, 1, 4, "first\nsecond\nthird\n", 19);
    assert_int_equal(prepare(name, &d, &skipped), AC_OK);
    assert_int_equal(d.texts, 3);
    assert_int_equal(d.skipped, 2);
    assert_int_equal(skipped.count, 2);
    assert_non_null(strstr(ac_texts_at(&skipped, 0), "m.tar: x/2.txt"));
    ac_texts_free(&skipped);
    unlink(place("spool"));
}

static void
left_out(void **state)
{
    static const char *const bad[] = { "\xff",         "good\ncaf\xe9 au lait\n",
                                       "cut \xe7\x8c", "\xed\xa0\x80",
                                       "\xc0\x80",     "\xf4\x90\x80\x80" };
    ac_text_document d;
    ac_texts skipped = { 0 };

    (void) state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_file("bad.txt", bad[i], strlen(bad[i]));
        write_gzip("bad.txt.gz", bad[i], strlen(bad[i]));
        ac_texts_reset(&skipped);
        assert_int_equal(prepare("bad.txt", &d, &skipped), AC_OK);
        assert_true(d.skipped == 1 && d.bytes == 0 && d.texts == 0 && skipped.count == 1);
        assert_int_equal(prepare("bad.txt.gz", &d, &skipped), AC_OK);
        assert_true(d.skipped == 1 && d.bytes == 0 && !d.spooled && skipped.count == 2);
        assert_int_equal(access(place("spool"), F_OK), -1);
    }
    ac_texts_free(&skipped);
}

/* A character that lies across the blocks that are checked; a line of 10 MB; bytes of zero. */
static void
long_and_odd(void **state)
{
    const char *const names[] = { "long.txt", "long.txt.gz" };
    const size_t n = 10 << 20;
    char *line = malloc(n + 1);

    (void) state;
    assert_non_null(line);
    memset(line, 'a', n);
    for (size_t block = 1 << 20; block < n; block += 1 << 20)
        memcpy(line + block - 1 - block / (1 << 20) % 3, "\xf0\x9f\xa6\x93", 4);
    line[5] = '\0';
    line[n] = '\n';
    write_file("long.txt", line, n);
    write_gzip("long.txt.gz", line, n);
    assert_lines(&names[0], 1, 1 << 18, line, n + 1);
    assert_lines(&names[1], 1, 1 << 20, line, n + 1);
    free(line);
}

static void
standard_input(void **state)
{
    const char *const name = "-";
    const int before = dup(STDIN_FILENO);
    int file;

    (void) state;
    write_gzip("in.gz", text, sizeof text - 1);
    assert_true((file = open(place("in.gz"), O_RDONLY)) >= 0);
    assert_true(dup2(file, STDIN_FILENO) >= 0);
    close(file);
    assert_lines(&name, 1, 10, expected, sizeof expected - 1);
    assert_true(dup2(before, STDIN_FILENO) >= 0);
    close(before);
}

/* Cut or damage a file, and expect its preparing to fail with its name and these words. */
static void
assert_damaged(const char *name, int64_t keep, int64_t flip, const char *words)
{
    ac_text_document d;
    ac_texts skipped = { 0 };

    if (keep >= 0)
        assert_int_equal(truncate(place(name), keep), 0);
    if (flip >= 0) {
        char byte;
        const int file = open(place(name), O_RDWR);
        assert_int_equal(pread(file, &byte, 1, flip), 1);
        byte ^= 1;
        assert_int_equal(pwrite(file, &byte, 1, flip), 1);
        close(file);
    }
    assert_int_equal(prepare(name, &d, &skipped), AC_E_FORMAT);
    assert_non_null(strstr(ac_error_message(), name));
    if (!strstr(ac_error_message(), words))
        fail_msg("\"%s\" does not say \"%s\"", ac_error_message(), words);
    assert_int_equal(access(place("spool"), F_OK), -1);
    ac_texts_free(&skipped);
}

static void
damaged(void **state)
{
    const member members[] = { { "a.txt", text, sizeof text - 1 } };
    struct stat info;

    (void) state;
    write_gzip("d.txt.gz", text, sizeof text - 1);
    assert_int_equal(stat(place("d.txt.gz"), &info), 0);
    assert_damaged("d.txt.gz", info.st_size - 3, -1, "too early");
    write_gzip("d.txt.gz", text, sizeof text - 1);
    assert_damaged("d.txt.gz", -1, info.st_size - 6, "damaged gzip"); /* the checksum */
    write_zstd("d.txt.zst", text, sizeof text - 1);
    assert_int_equal(stat(place("d.txt.zst"), &info), 0);
    assert_damaged("d.txt.zst", info.st_size - 1, -1, "too early");
    write_tar("d.tar", false, members, 1);
    assert_damaged("d.tar", 512 + 20, -1, "damaged tar");
    write_tar("d.tar", false, members, 1);
    write_tar("d.tar.gz", true, members, 1);
    assert_int_equal(stat(place("d.tar.gz"), &info), 0);
    assert_damaged("d.tar.gz", info.st_size / 2, -1, "d.tar.gz");
}

static void
changed_or_gone(void **state)
{
    ac_text_corpus corpus = { 0 };
    ac_texts skipped = { 0 };
    lines got = { 0 };

    (void) state;
    write_file("c.txt", text, sizeof text - 1);
    assert_int_equal(ac_alloc(&corpus.documents, 1, sizeof *corpus.documents), AC_OK);
    corpus.count = 1;
    assert_int_equal(prepare("c.txt", corpus.documents, &skipped), AC_OK);
    assert_int_equal(ac_texts_push(&corpus.paths, place("c.txt"), strlen(place("c.txt")) + 1),
                     AC_OK);
    assert_int_equal(ac_text_corpus_arrange(&corpus, 10), AC_OK);
    assert_int_equal(ac_text_corpus_read(&corpus, 0, take, &got), AC_OK);
    write_file("c.txt", text, sizeof text - 5);
    assert_int_equal(ac_text_corpus_read(&corpus, 1, take, &got), AC_E_IO);
    assert_non_null(strstr(ac_error_message(), "changed while it was read"));
    assert_int_equal(ac_text_corpus_check(&corpus), AC_E_IO);
    unlink(place("c.txt"));
    assert_int_equal(ac_text_corpus_read(&corpus, 1, take, &got), AC_E_IO);
    assert_non_null(strstr(ac_error_message(), "cannot be opened now"));
    assert_int_equal(ac_text_corpus_check(&corpus), AC_E_IO);
    ac_text_corpus_free(&corpus);
    ac_texts_free(&skipped);
    ac_buffer_free(&got.all);
}

static void
listing(void **state)
{
    static const char *const wanted[] = { "b/a.txt.gz", "b/a/z.txt",   "b/a!.txt",
                                          "b/c.tar",    "b/c.tar.zst", "x.txt" };
    const char *inputs[] = { folder, "-" };
    ac_skip skip = { 0 };
    ac_texts paths = { 0 };
    char inner[100];

    (void) state;
    mkdir(place("sorted"), 0777);
    mkdir(place("sorted/b"), 0777);
    mkdir(place("sorted/b/a"), 0777);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        char name[100];
        snprintf(name, sizeof name, "sorted/%s", wanted[i]);
        write_file(name, "x", 1);
    }
    write_file("sorted/X.TXT", "x", 1);
    write_file("sorted/b/notes.md", "x", 1);
    snprintf(inner, sizeof inner, "%s/sorted", folder);
    inputs[0] = inner;
    assert_int_equal(ac_text_sources_list(&paths, inputs, 2, &skip), AC_OK);
    assert_int_equal(paths.count, 7);
    /* by components: "a" < "a!.txt" < "a.txt.gz" */
    assert_non_null(strstr(ac_texts_at(&paths, 0), "/b/a/z.txt"));
    assert_non_null(strstr(ac_texts_at(&paths, 1), "/b/a!.txt"));
    assert_non_null(strstr(ac_texts_at(&paths, 2), "/b/a.txt.gz"));
    assert_non_null(strstr(ac_texts_at(&paths, 5), "/x.txt"));
    assert_string_equal(ac_texts_at(&paths, 6), "-");
    ac_texts_free(&paths);
    inputs[0] = "not-here.txt";
    assert_int_equal(ac_text_sources_list(&paths, inputs, 1, &skip), AC_E_IO);
    assert_non_null(strstr(ac_error_message(), "not-here.txt"));
    ac_texts_free(&paths);
}

static int
make_folder(void **state)
{
    (void) state;
    strcpy(folder, "text_source-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int
remove_folder(void **state)
{
    char command[100];

    (void) state;
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_in_every_form),
        cmocka_unit_test(several_documents),
        cmocka_unit_test(members_of_a_tar),
        cmocka_unit_test(left_out),
        cmocka_unit_test(long_and_odd),
        cmocka_unit_test(standard_input),
        cmocka_unit_test(damaged),
        cmocka_unit_test(changed_or_gone),
        cmocka_unit_test(listing),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
