/* The table of datasets: in order, written whole, and the same as docs/FORMATS.md says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/hdf5/h5_list.h"
#include "io/hdf5/joined_file.h"
#include "io/hdf5/shard_file.h"

/* The file in docs/FORMATS.md that is each kind, by the heading above its table and the name in
 * the table's first column. */
static const struct {
    const char *heading, *file;
} places[AC_SHARD_KINDS] = {
    [AC_SHARD_EMBEDDINGS] = { "# Files", "embeddings/00000.h5" },
    [AC_SHARD_TABLES] = { "# Files", "tables/00000.h5" },
    [AC_SHARD_CAPTIONS] = { "# Files", "shards/00000.h5" },
    [AC_SHARD_CACHE] = { "## A cache", "shards/00000.h5" },
    [AC_SHARD_UNIT] = { "## A cache", "embeddings/00000.h5" },
    [AC_SHARD_IMAGES] = { "## An image dataset", "shards/00000.h5" },
    [AC_SHARD_STORIES] = { "## A run of story", "shards/00000.h5" },
    [AC_SHARD_PAIRS] = { "## A run of dedupe", "pairs/00000.h5" },
    [AC_SHARD_CLIP_SCORES] = { "# Files", "clip_scores/00000.h5" },
    [AC_SHARD_JOINED] = { "### captions.h5", "captions.h5" },
};

static void
kinds_follow_each_other(void **state)
{
    int next = 0;

    (void) state;
    for (int k = 0; k < AC_SHARD_KINDS; k++) {
        const ac_shard_schema *s = &ac_shard_schemas[k];
        assert_int_equal(s->kind, k);
        assert_int_equal(s->first, next);
        assert_true(s->last >= s->first && s->last - s->first < 63);
        next = s->last + 1;
        assert_ptr_equal(ac_shard_schema_of(s->content), s);
        for (int d = s->first; d <= (int) s->last; d++) {
            assert_non_null(ac_datasets[d].name);
            assert_int_equal(ac_datasets[d].kind, k);
            assert_int_equal(ac_datasets[d].source >= 0, k == AC_SHARD_JOINED);
            if (k == AC_SHARD_JOINED) {
                const ac_dataset *source = &ac_datasets[ac_datasets[d].source];
                assert_int_equal(source->content, ac_datasets[d].content);
                assert_int_equal(source->dtype, ac_datasets[d].dtype);
                assert_int_equal(ac_dataset_rank(ac_datasets[d].source),
                                 ac_dataset_rank((ac_dataset_id) d));
            }
        }
    }
    assert_int_equal(next, AC_DATASETS);
    assert_null(ac_shard_schema_of("somebody else's"));
}

/* ---- written ---- */

static ac_status
collect(void *context, const ac_h5_item *item)
{
    char *names = context;

    strcat(names, " ");
    strcat(names, item->name);
    return AC_OK;
}

static void
a_shard_is_written_whole(void **state)
{
    static const float vectors[6] = { 1, 0, 0, 0, 1, 0 };
    char path[] = "/tmp/ac-schema-XXXXXX", checksum[33], names[256] = "";
    ac_shard_writer w = { 0 };
    ac_h5_reader r = { 0 };
    ac_texts entries = { 0 }, read = { 0 };
    float back[6] = { 0 };
    int64_t rows, columns;
    const int fd = mkstemp(path);

    (void) state;
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(ac_texts_push(&entries, "a dog", 5), AC_OK);
    assert_int_equal(ac_texts_push(&entries, "", 0), AC_OK);
    assert_int_equal(ac_shard_create(&w, path, AC_COMPRESSION_ZSTD, AC_SHARD_CACHE), AC_OK);
    assert_int_equal(ac_shard_write_texts(&w, AC_CACHE_ENTRIES, &entries), AC_OK);
    assert_int_equal(ac_shard_write(&w, AC_CACHE_EMBEDDINGS, 2, 3, vectors), AC_OK);
    assert_int_equal(ac_shard_commit(&w, checksum), AC_OK);
    ac_shard_abandon(&w);

    assert_int_equal(ac_h5_open(&r, path), AC_OK);
    assert_int_equal(ac_h5_list(&r, collect, names), AC_OK);
    assert_string_equal(names, " content embeddings entries_bytes entries_offsets");
    assert_ptr_equal(ac_shard_schema_read(&r), &ac_shard_schemas[AC_SHARD_CACHE]);
    assert_int_equal(ac_shard_shape(&r, AC_CACHE_EMBEDDINGS, &rows, &columns), AC_OK);
    assert_int_equal(rows, 2);
    assert_int_equal(columns, 3);
    assert_int_equal(ac_shard_read(&r, AC_CACHE_EMBEDDINGS, 2, 3, back), AC_OK);
    assert_memory_equal(back, vectors, sizeof vectors);
    assert_int_equal(ac_shard_read_rows(&r, AC_CACHE_EMBEDDINGS, 1, 1, 3, back), AC_OK);
    assert_memory_equal(back, vectors + 3, 3 * sizeof(float));
    assert_int_equal(ac_shard_read_texts(&r, AC_CACHE_ENTRIES, &read), AC_OK);
    assert_int_equal(read.count, 2);
    assert_true(ac_shard_has(&r, AC_CACHE_ENTRIES));
    assert_false(ac_shard_has(&r, AC_TABLES_IDS));
    assert_int_equal(ac_shard_shape(&r, AC_TABLES_IDS, &rows, &columns), AC_E_FORMAT);
    ac_h5_close(&r);
    ac_texts_free(&entries);
    ac_texts_free(&read);
    unlink(path);
}

/* ---- joined ---- */

/* An exported captions.h5 of two images, one entry each, three candidates; of one dataset one
 * row more or fewer (`off` names it), or offsets that fall. */
static void
write_joined(const char *path, int last, int off, int by, bool falls)
{
    static const int64_t counts[] = { 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3 };
    static const float zeros[8] = { 0 };
    ac_h5_writer w = { 0 };
    char checksum[33], name[AC_DATASET_NAME_BYTES];

    assert_int_equal(ac_h5_create(&w, path, AC_COMPRESSION_NONE), AC_OK);
    assert_int_equal(ac_h5_write_text_attribute(&w, "content", ac_content_joined_alone), AC_OK);
    for (int d = AC_JOINED_KEYS; d <= last; d++) {
        const ac_dataset_id id = (ac_dataset_id) d;
        const int64_t n = counts[d - AC_JOINED_KEYS] + (d == off ? by : 0), ends = n + 1,
                      shape[] = { n, 1 };
        const int64_t rising[] = { 0, 1, falls && d == off ? 0 : 3, 3, 3 };
        const int64_t bytes = ac_datasets[d].content == AC_CONTENT_TEXTS ? rising[n] : 0;
        if (ac_datasets[d].content == AC_CONTENT_NUMBERS)
            assert_int_equal(ac_h5_write(&w, ac_datasets[d].name, ac_datasets[d].dtype,
                                         ac_dataset_rank(id), shape, zeros),
                             AC_OK);
        ac_dataset_stored_name(id, false, name);
        if (ac_datasets[d].content == AC_CONTENT_TEXTS)
            assert_int_equal(ac_h5_write(&w, name, AC_U8, 1, &bytes, "abc"), AC_OK);
        ac_dataset_stored_name(id, true, name);
        if (ac_datasets[d].content != AC_CONTENT_NUMBERS)
            assert_int_equal(ac_h5_write(&w, name, AC_I64, 1, &ends, rising), AC_OK);
    }
    assert_int_equal(ac_h5_commit(&w, checksum), AC_OK);
}

static void
joined_datasets_fit_together(void **state)
{
    static const int ends[] = { AC_JOINED_THUMBNAILS, AC_JOINED_TABLE_ENTRIES,
                                AC_JOINED_CANDIDATE_SCORES };
    char path[] = "/tmp/ac-joined-XXXXXX";
    const int fd = mkstemp(path);

    (void) state;
    assert_true(fd >= 0);
    close(fd);
    for (int d = AC_JOINED_KEYS; d <= AC_JOINED_CANDIDATE_SCORES; d++) {
        write_joined(path, d, AC_NO_DATASET, 0, false);
        assert_int_equal(ac_joined_check(path),
                         d == ends[0] || d == ends[1] || d == ends[2] ? AC_OK : AC_E_FORMAT);
        write_joined(path, AC_JOINED_CANDIDATE_SCORES, d, 1, false);
        assert_int_equal(ac_joined_check(path), AC_E_FORMAT);
        write_joined(path, AC_JOINED_CANDIDATE_SCORES, d, -1, false);
        assert_int_equal(ac_joined_check(path), AC_E_FORMAT);
        write_joined(path, AC_JOINED_CANDIDATE_SCORES, d, 0, true);
        assert_int_equal(ac_joined_check(path),
                         ac_datasets[d].content == AC_CONTENT_NUMBERS ? AC_OK : AC_E_FORMAT);
    }
    unlink(path);
}

/* ---- documented ---- */

typedef struct documented {
    ac_shard_kind kind;
    char name[64], type[128]; /* a dataset or attribute, and its row's type and shape */
} documented;

typedef struct reader {
    char heading[128], file[64]; /* where the present line stands */
    documented rows[128];
    int count;
} reader;

/* The next `word` of *text between backticks. */
static bool
take_quoted(const char **text, char *out, size_t size)
{
    const char *begin = strchr(*text, '`'), *end = begin ? strchr(begin + 1, '`') : NULL;

    if (!end)
        return false;
    snprintf(out, size, "%.*s", (int) (end - begin - 1), begin + 1);
    *text = end + 1;
    return true;
}

/* The cells of "| a | b |"; returns how many. */
static int
split(char *line, char *cells[8])
{
    int n = 0;

    for (char *at = line + 1, *bar; n < 8 && (bar = strchr(at, '|')); at = bar + 1) {
        *bar = '\0';
        cells[n++] = at;
    }
    return n;
}

static void
read_line(reader *self, char *line)
{
    char *cells[8], name[64];
    const char *names;
    int n, column, kind = 0;

    line[strcspn(line, "\n")] = '\0';
    if (line[0] == '#') {
        snprintf(self->heading, sizeof self->heading, "%s", line);
        self->file[0] = '\0';
    }
    if (line[0] != '|')
        return;
    n = split(line, cells);
    column = strcmp(self->heading, "### captions.h5") == 0 ? 0 : 1;
    if (n < column + 2)
        return;
    names = cells[0];
    if (column == 0)
        snprintf(self->file, sizeof self->file, "captions.h5");
    else if (take_quoted(&names, name, sizeof name))
        snprintf(self->file, sizeof self->file, "%s", name);
    while (kind < AC_SHARD_KINDS && (strcmp(places[kind].heading, self->heading) != 0 ||
                                     strcmp(places[kind].file, self->file) != 0))
        kind++;
    if (kind == AC_SHARD_KINDS)
        return;
    for (names = cells[column]; take_quoted(&names, name, sizeof name);) {
        documented *row = &self->rows[self->count++];
        assert_true(self->count < 128);
        row->kind = (ac_shard_kind) kind;
        snprintf(row->name, sizeof row->name, "%s", name);
        snprintf(row->type, sizeof row->type, "%s", cells[column + 1]);
    }
}

/* Is it in the documents, with this type and shape? Its row is used up. */
static void
expect(reader *self, ac_shard_kind kind, const char *name, const char *type, const char *shape)
{
    for (int i = 0; i < self->count; i++) {
        documented *row = &self->rows[i];
        if (row->kind != kind || strcmp(row->name, name) != 0)
            continue;
        if (!strstr(row->type, type) || !strstr(row->type, shape))
            fail_msg("docs/FORMATS.md: %s of %s is \"%s\"; the table says %s %s", name,
                     places[kind].file, row->type, type, shape);
        row->name[0] = '\0';
        return;
    }
    fail_msg("docs/FORMATS.md does not name %s of %s", name, places[kind].file);
}

static void
expect_dataset(reader *self, const ac_dataset *d)
{
    static const char *const suffixes[] = { "_bytes", "_offsets" };
    char type[16] = "texts", name[64];

    if (d->content != AC_CONTENT_TEXTS) {
        snprintf(type, sizeof type, "%s", ac_dtype_name(d->dtype));
        for (char *c = type; *c; c++)
            *c = (char) tolower((unsigned char) *c);
    }
    if (d->kind != AC_SHARD_JOINED || d->content != AC_CONTENT_TEXTS) {
        expect(self, d->kind, d->name, type, d->shape);
        return;
    }
    for (int i = 0; i < 2; i++) { /* captions.h5 is for people with h5py: both are named */
        snprintf(name, sizeof name, "%s%s", d->name, suffixes[i]);
        expect(self, d->kind, name, type, d->shape);
    }
}

static void
documents_name_every_dataset_and_none_else(void **state)
{
    FILE *f = fopen(AC_SOURCE_DIR "/docs/FORMATS.md", "r");
    reader r = { 0 };
    char *line = NULL;
    size_t capacity = 0;

    (void) state;
    assert_non_null(f);
    while (getline(&line, &capacity, f) >= 0)
        read_line(&r, line);
    fclose(f);
    free(line);
    for (int d = 0; d < AC_DATASETS; d++)
        expect_dataset(&r, &ac_datasets[d]);
    for (int a = 0; a < AC_ATTRIBUTES; a++)
        expect(&r, ac_attributes[a].kind, ac_attributes[a].name, "", "");
    for (int i = 0; i < r.count; i++)
        if (r.rows[i].name[0] && strcmp(r.rows[i].name, "content") != 0)
            fail_msg("docs/FORMATS.md: %s has no %s", places[r.rows[i].kind].file,
                     r.rows[i].name);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_follow_each_other),
        cmocka_unit_test(a_shard_is_written_whole),
        cmocka_unit_test(joined_datasets_fit_together),
        cmocka_unit_test(documents_name_every_dataset_and_none_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
