/* Pickles that mean to exhaust: time and memory must follow from their bytes. And what a call
 * does: nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "engine/base/buffer.h"
#include "io/checkpoint/pickle.h"

static const ac_pickle_rule rules[] = {
    { "collections", "OrderedDict", AC_PICKLE_DICT },
    { "torch._utils", "_rebuild_tensor_v2", AC_PICKLE_CALL },
    { NULL, NULL, AC_PICKLE_NONE },
};

static ac_status
read(ac_pickle *p, const void *bytes, size_t n)
{
    return ac_pickle_read(p, bytes, n, rules, "made.pkl", NULL);
}

static void
refused(const void *bytes, size_t n, const char *words)
{
    ac_pickle p;

    assert_int_equal(read(&p, bytes, n), AC_E_FORMAT);
    if (!strstr(ac_error_message(), words) || !strstr(ac_error_message(), "made.pkl"))
        fail_msg("\"%s\" is not in: %s", words, ac_error_message());
    assert_null(p.values);
}

#define REFUSED(literal, words) refused(literal, sizeof(literal) - 1, words)

static void
calls(void **state)
{
    ac_pickle p;

    (void) state;
    REFUSED("\x80\x02"
            "cos\nsystem\n"
            "X\x02\0\0\0hi\x85R.",
            "refused: byte 21 of its pickle calls os.system");
    REFUSED("\x80\x02"
            "c__builtin__\neval\n)R.",
            "__builtin__.eval");
    REFUSED("\x80\x02})R.", "no function");
    REFUSED("\x80\x02(ios\nsystem\n.", "not supported"); /* INST of protocol 0 calls too */
    /* an object of any class is kept unbuilt, and so is what its state would call */
    assert_int_equal(read(&p,
                          "\x80\x02"
                          "cargparse\nNamespace\n)\x81}b.",
                          28),
                     AC_OK);
    assert_int_equal(p.values[p.root].type, AC_PICKLE_OBJECT);
    assert_true(ac_pickle_is_global(&p, p.values[p.root].as.pair.a, "argparse", "Namespace"));
    ac_pickle_free(&p);
}

/* A list of n pairs, and OrderedDict(list) again and again: without a bound n² items of 7 n
 * bytes. */
static void
dictionary_bomb(void **state)
{
    ac_buffer b = { 0 };

    (void) state;
    ac_buffer_push_text(&b, "\x80\x02"
                            "ccollections\nOrderedDict\nq");
    ac_buffer_push(&b, "\x00]q\x01(", 5);
    for (int i = 0; i < 20000; i++)
        ac_buffer_push_text(&b, "NN\x86");
    ac_buffer_push_text(&b, "e\x85q\x02");
    for (int i = 0; i < 20000; i++)
        ac_buffer_push(&b, "h\x00h\x02R", 5);
    ac_buffer_push_text(&b, ".");
    refused(b.data, b.size, "more items than bytes");
    ac_buffer_free(&b);
}

static void
memo_numbers(void **state)
{
    (void) state;
    REFUSED("\x80\x02]r\xff\xff\xff\x7f.",
            "memo number out of order"); /* not an array of 2³¹ */
    REFUSED("\x80\x02h\x05.", "never written");
}

static void
marks_and_stack(void **state)
{
    (void) state;
    REFUSED("\x80\x02N(\x85.", "empty stack"); /* a tuple across a mark */
    REFUSED("\x80\x02"
            "e.",
            "mark is missing");
    REFUSED("\x80\x02(N"
            "e.",
            "adds items to nothing");
    REFUSED("\x80\x02}(Nu.", "key without a value");
    REFUSED("\x80\x02NNa.", "no list");
    REFUSED("\x80\x02X\xff\xff\xff\xffhi.", "past the end");
    REFUSED("\x80\x02\x8a\xff", "past the end");
    REFUSED("\x80\x02", "without its STOP");
    REFUSED("", "without its STOP");
}

static void
numbers(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        int64_t value;
    } all[] = {
        { "\x80\x02K\xff.", 5, 255 },
        { "\x80\x02M\x01\x02.", 6, 513 },
        { "\x80\x02J\xff\xff\xff\xff.", 8, -1 },
        { "\x80\x02\x8a\x01\x80.", 6, -128 },
        { "\x80\x02\x8a\x02\x80\x00.", 7, 128 },
        { "\x80\x02\x8a\x00.", 5, 0 },
        { "\x80\x02\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80.", 13, INT64_MIN },
    };

    (void) state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        ac_pickle p;
        assert_int_equal(read(&p, all[i].bytes, all[i].n), AC_OK);
        assert_int_equal(p.values[p.root].type, AC_PICKLE_INT);
        assert_true(p.values[p.root].as.integer == all[i].value);
        ac_pickle_free(&p);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls),        cmocka_unit_test(dictionary_bomb),
        cmocka_unit_test(memo_numbers), cmocka_unit_test(marks_and_stack),
        cmocka_unit_test(numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
