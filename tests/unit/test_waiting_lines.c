/* Lines of a pipe as they come: which wait, what a line that is being written does, a line
 * given twice, the end, an input that cannot be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/file/waiting_lines.h"

typedef struct pipe_ends {
    int out, in;
    ac_waiting_lines lines;
} pipe_ends;

static void
begin(pipe_ends *self)
{
    int both[2];

    assert_int_equal(pipe(both), 0);
    *self = (pipe_ends){ both[0], both[1], { .file = both[0], .name = "the lines" } };
}

static void
end(pipe_ends *self)
{
    ac_waiting_lines_free(&self->lines);
    ac_waiting_lines_free(&self->lines);
    close(self->out);
}

static void
put(pipe_ends *self, const char *text)
{
    assert_int_equal(write(self->in, text, strlen(text)), strlen(text));
}

/* NULL: there is none. */
static void
expect(pipe_ends *self, bool wait, const char *expected)
{
    const char *line;
    size_t n;

    assert_int_equal(ac_waiting_lines_next(&self->lines, wait, &line, &n), AC_OK);
    if (!expected) {
        assert_null(line);
        return;
    }
    assert_non_null(line);
    assert_int_equal(n, strlen(expected));
    assert_memory_equal(line, expected, n);
}

static void
what_waits(void **state)
{
    pipe_ends p;

    (void) state;
    begin(&p);
    expect(&p, false, NULL);
    put(&p, "one\n\nthree\r\nfo");
    expect(&p, true, "one");
    assert_int_equal(p.lines.number, 1);
    expect(&p, false, "");
    expect(&p, false, "three\r");
    expect(&p, false, NULL); /* of the fourth a part is there */
    put(&p, "u");
    expect(&p, false, NULL);
    put(&p, "r\nfive\n");
    expect(&p, false, "four");
    assert_int_equal(p.lines.number, 4);
    ac_waiting_lines_return(&p.lines);
    assert_int_equal(p.lines.number, 3);
    expect(&p, false, "four");
    expect(&p, true, "five");
    put(&p, "no end");
    expect(&p, false, NULL);
    close(p.in);
    expect(&p, true, "no end");
    expect(&p, true, NULL);
    expect(&p, false, NULL);
    end(&p);
}

/* A line that is longer than a pipe holds, written and read in turns. */
static void
a_long_line(void **state)
{
    enum { PIECE = 4096, PIECES = 100 };
    char *piece = calloc(PIECE + 1, 1);
    const char *line;
    size_t n;
    pipe_ends p;

    (void) state;
    assert_non_null(piece);
    memset(piece, 'x', PIECE);
    begin(&p);
    for (int i = 0; i < PIECES; i++) {
        put(&p, piece);
        expect(&p, false, NULL);
    }
    put(&p, "\nnext\n");
    assert_int_equal(ac_waiting_lines_next(&p.lines, true, &line, &n), AC_OK);
    assert_int_equal(n, PIECE * PIECES);
    expect(&p, false, "next");
    close(p.in);
    end(&p);
    free(piece);
}

/* A terminal that another program made non-blocking. */
static void
an_input_that_does_not_block(void **state)
{
    pipe_ends p;

    (void) state;
    begin(&p);
    assert_int_equal(fcntl(p.out, F_SETFL, O_NONBLOCK), 0);
    expect(&p, false, NULL);
    put(&p, "line\n");
    expect(&p, true, "line");
    close(p.in);
    expect(&p, true, NULL);
    end(&p);
}

static void
what_cannot_be_read(void **state)
{
    const int folder = open("/tmp", O_RDONLY | O_DIRECTORY);
    ac_waiting_lines lines = { .file = folder, .name = "the lines" };
    const char *line;
    size_t n;

    (void) state;
    assert_true(folder >= 0);
    assert_int_equal(ac_waiting_lines_next(&lines, false, &line, &n), AC_OK);
    assert_null(line);
    for (int turn = 0; turn < 2; turn++) {
        assert_int_equal(ac_waiting_lines_next(&lines, true, &line, &n), AC_E_IO);
        assert_non_null(strstr(ac_error_message(), "the lines cannot be read"));
        assert_null(line);
    }
    ac_waiting_lines_free(&lines);
    close(folder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_waits),
                                        cmocka_unit_test(a_long_line),
                                        cmocka_unit_test(an_input_that_does_not_block),
                                        cmocka_unit_test(what_cannot_be_read) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
