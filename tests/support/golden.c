#include "tests/support/golden.h"

#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *
test_read_file(const char *path, size_t *bytes)
{
    FILE *f = fopen(path, "rb");
    char *data = NULL;
    size_t used = 0, room = 0, got;

    if (!f)
        fail_msg("%s: cannot be opened", path);
    do {
        room = room ? 2 * room : 65536;
        data = realloc(data, room + 1);
        assert_non_null(data);
        got = fread(data + used, 1, room - used, f);
        used += got;
    } while (used == room);
    if (ferror(f))
        fail_msg("%s: cannot be read", path);
    fclose(f);
    data[used] = '\0';
    if (bytes)
        *bytes = used;
    return data;
}

json_t *
test_read_json(const char *path)
{
    json_error_t error;
    json_t *j = json_load_file(path, JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);

    if (!j)
        fail_msg("%s:%d: %s", path, error.line, error.text);
    return j;
}

json_t *
test_read_jsonl(const char *path)
{
    char *text = test_read_file(path, NULL);
    json_t *all = json_array();
    char *end;
    int line = 0;

    for (char *p = text; *p; p = *end ? end + 1 : end) {
        json_error_t error;
        json_t *j;

        line++;
        end = p + strcspn(p, "\n");
        if (end == p)
            continue;
        j = json_loadb(p, (size_t) (end - p), JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);
        if (!j)
            fail_msg("%s:%d: %s", path, line, error.text);
        json_array_append_new(all, j);
    }
    free(text);
    return all;
}

double
test_max_difference(const float *a, const float *b, int64_t n)
{
    double worst = 0;

    for (int64_t i = 0; i < n; i++) {
        double d = fabs((double) a[i] - (double) b[i]);
        if (isnan(d))
            return INFINITY;
        worst = d > worst ? d : worst;
    }
    return worst;
}

void
test_assert_close(const char *name, const float *a, const float *expected, int64_t n,
                  double tolerance)
{
    for (int64_t i = 0; i < n; i++) {
        double d = fabs((double) a[i] - (double) expected[i]);
        if (!(d <= tolerance)) /* so that NaN fails */
            fail_msg(
                "%s: element %lld of %lld is %.9g, expected %.9g: off by %.3g, allowed %.3g",
                name, (long long) i, (long long) n, (double) a[i], (double) expected[i], d,
                tolerance);
    }
}
