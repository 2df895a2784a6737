/* The prefix tree against its definition: a node for each distinct prefix, each text ending
 * where it should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/models/prefix_tree.h"

enum { TEXTS = 400, LONGEST = 40 };

typedef struct sequences {
    int32_t ids[TEXTS * LONGEST];
    int64_t offsets[TEXTS + 1];
} sequences;

static int
compare(const int32_t *a, int64_t n, const int32_t *b, int64_t m)
{
    for (int64_t i = 0; i < n && i < m; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return (n > m) - (n < m);
}

static int
by_ids(const void *a, const void *b)
{
    const int32_t *x = a, *y = b; /* length, then ids */

    return compare(x + 1, x[0], y + 1, y[0]);
}

/* Sorted texts that often begin alike, some equal, some the beginning of others. */
static void
draw(sequences *s, uint64_t seed)
{
    static int32_t rows[TEXTS][1 + LONGEST];

    srand((unsigned) seed);
    for (int b = 0; b < TEXTS; b++) {
        rows[b][0] = 1 + rand() % (b % 7 == 0 ? LONGEST : 6);
        for (int i = 1; i <= rows[b][0]; i++)
            rows[b][i] = i == 1 ? 9 : rand() % 3;
    }
    qsort(rows, TEXTS, sizeof rows[0], by_ids);
    for (int b = 0; b < TEXTS; b++) {
        memcpy(s->ids + s->offsets[b], rows[b] + 1, (size_t) rows[b][0] * sizeof(int32_t));
        s->offsets[b + 1] = s->offsets[b] + rows[b][0];
    }
}

static int64_t
distinct_prefixes(const sequences *s, int64_t first, int64_t texts)
{
    int64_t n = 0;

    for (int64_t b = first; b < first + texts; b++) {
        for (int64_t length = 1; length <= s->offsets[b + 1] - s->offsets[b]; length++) {
            bool seen = false;
            for (int64_t a = first; a < b && !seen; a++)
                seen = s->offsets[a + 1] - s->offsets[a] >= length &&
                       memcmp(s->ids + s->offsets[a], s->ids + s->offsets[b],
                              (size_t) length * sizeof(int32_t)) == 0;
            n += !seen;
        }
    }
    return n;
}

static void
check(const ac_prefix_tree *t, const sequences *s, int64_t first)
{
    for (int64_t b = 0; b < t->texts; b++) {
        const int32_t *ids = s->ids + s->offsets[first + b];
        int64_t node = t->ends[t->leaf_of[b]],
                depth = s->offsets[first + b + 1] - s->offsets[first + b] - 1;
        for (; depth >= 0; depth--) {
            assert_int_equal(t->depths[node], depth);
            assert_int_equal(t->tokens[node], ids[depth]);
            assert_true(t->parents[node] < node);
            node = t->parents[node];
        }
        assert_int_equal(node, -1);
    }
}

static void
every_prefix_once(void **state)
{
    static sequences s;
    ac_prefix_tree t = { 0 };

    (void) state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        draw(&s, seed);
        assert_int_equal(ac_prefix_tree_build(&t, s.ids, s.offsets, TEXTS), AC_OK);
        assert_int_equal(t.nodes, distinct_prefixes(&s, 0, TEXTS));
        check(&t, &s, 0);
        for (int64_t b = 1; b < TEXTS; b++) /* equal texts share a leaf, and only they */
            assert_int_equal(t.leaf_of[b] == t.leaf_of[b - 1],
                             compare(s.ids + s.offsets[b - 1], s.offsets[b] - s.offsets[b - 1],
                                     s.ids + s.offsets[b],
                                     s.offsets[b + 1] - s.offsets[b]) == 0);
    }
    ac_prefix_tree_free(&t);
    ac_prefix_tree_free(&t);
}

static void
fits(void **state)
{
    static sequences s;
    ac_prefix_tree t = { 0 };
    int64_t nodes, again;

    (void) state;
    draw(&s, 6);
    for (int64_t first = 0; first < TEXTS;) {
        const int64_t n =
            ac_prefix_tree_fit(s.ids, s.offsets + first, TEXTS - first, 50, &nodes);
        assert_in_range(n, 1, TEXTS - first);
        assert_true(n == 1 || nodes <= 50);
        assert_int_equal(nodes, distinct_prefixes(&s, first, n));
        if (first + n < TEXTS) { /* one more would not fit */
            ac_prefix_tree_fit(s.ids, s.offsets + first, n + 1, 1000000, &again);
            assert_true(again > 50);
        }
        assert_int_equal(ac_prefix_tree_build(&t, s.ids, s.offsets + first, n), AC_OK);
        assert_int_equal(t.nodes, nodes);
        check(&t, &s, first);
        first += n;
    }
    ac_prefix_tree_free(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_prefix_once),
                                        cmocka_unit_test(fits) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
