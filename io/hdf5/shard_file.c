#include "io/hdf5/shard_file.h"

#include <stdlib.h>

#include "engine/base/memory.h"

static const char content_name[] = "content";

/* ---- writing ---- */

ac_status
ac_shard_create(ac_shard_writer *self, const char *path, ac_compression compression,
                ac_shard_kind kind)
{
    ac_status st = AC_OK;

    self->kind = kind;
    self->written = 0;
    AC_TRY(ac_h5_create(&self->h5, path, compression));
    st = ac_h5_write_text_attribute(&self->h5, content_name, ac_shard_schemas[kind].content);
out:
    return st;
}

/* Note that the dataset is written. */
static void
mark(ac_shard_writer *self, ac_dataset_id id)
{
    AC_CHECK(ac_datasets[id].kind == self->kind);
    self->written |= (uint64_t) 1 << (id - ac_shard_schemas[self->kind].first);
}

/* The dataset's sides. Returns how many. */
static int
set_shape(ac_dataset_id id, int64_t rows, int64_t columns, int64_t shape[2])
{
    shape[0] = rows + (ac_datasets[id].content == AC_CONTENT_OFFSETS);
    shape[1] = columns;
    return ac_dataset_rank(id);
}

ac_status
ac_shard_write(ac_shard_writer *self, ac_dataset_id id, int64_t rows, int64_t columns,
               const void *data)
{
    int64_t shape[2];
    const int rank = set_shape(id, rows, columns, shape);

    AC_CHECK(ac_datasets[id].content != AC_CONTENT_TEXTS);
    mark(self, id);
    return ac_h5_write(&self->h5, ac_datasets[id].name, ac_datasets[id].dtype, rank, shape,
                       data);
}

ac_status
ac_shard_write_texts(ac_shard_writer *self, ac_dataset_id id, const ac_texts *texts)
{
    AC_CHECK(ac_datasets[id].content == AC_CONTENT_TEXTS);
    mark(self, id);
    return ac_h5_write_texts(&self->h5, ac_datasets[id].name, texts);
}

ac_status
ac_shard_write_text_attribute(ac_shard_writer *self, ac_attribute_id id, const char *value)
{
    AC_CHECK(ac_attributes[id].kind == self->kind && ac_attributes[id].is_text);
    return ac_h5_write_text_attribute(&self->h5, ac_attributes[id].name, value);
}

ac_status
ac_shard_write_int_attribute(ac_shard_writer *self, ac_attribute_id id, int64_t value)
{
    AC_CHECK(ac_attributes[id].kind == self->kind && !ac_attributes[id].is_text);
    return ac_h5_write_int_attribute(&self->h5, ac_attributes[id].name, value);
}

ac_status
ac_shard_write_virtual(ac_shard_writer *self, ac_dataset_id id, int64_t columns,
                       ac_h5_source *sources, int64_t count)
{
    char name[AC_DATASET_NAME_BYTES], shown[AC_DATASET_NAME_BYTES];

    AC_CHECK(ac_datasets[id].content != AC_CONTENT_OFFSETS);
    mark(self, id);
    ac_dataset_stored_name(id, false, name);
    ac_dataset_stored_name(ac_datasets[id].source, false, shown);
    for (int64_t i = 0; i < count; i++)
        sources[i].dataset = shown;
    return ac_h5_write_virtual(&self->h5, name, ac_datasets[id].dtype, columns, sources, count);
}

ac_status
ac_shard_write_offsets(ac_shard_writer *self, ac_dataset_id id, int64_t rows,
                       const int64_t *offsets)
{
    char name[AC_DATASET_NAME_BYTES];

    AC_CHECK(ac_datasets[id].content != AC_CONTENT_NUMBERS);
    mark(self, id);
    ac_dataset_stored_name(id, true, name);
    return ac_h5_write(&self->h5, name, AC_I64, 1, (int64_t[]){ rows + 1 }, offsets);
}

ac_status
ac_shard_stream(ac_shard_writer *self, ac_dataset_id id, ac_h5_stream *stream,
                const int64_t *shape)
{
    const bool is_texts = ac_datasets[id].content == AC_CONTENT_TEXTS;
    char name[AC_DATASET_NAME_BYTES];

    AC_CHECK(ac_datasets[id].dtype == AC_U8);
    if (!is_texts)
        mark(self, id);
    ac_dataset_stored_name(id, false, name);
    return ac_h5_stream_begin(stream, &self->h5, name, ac_dataset_rank(id), shape);
}

ac_status
ac_shard_commit(ac_shard_writer *self, char checksum[33])
{
    const ac_shard_schema *s = &ac_shard_schemas[self->kind];

    for (int id = s->first; id <= (int) s->last; id++)
        AC_CHECK(ac_datasets[id].optional || self->written & (uint64_t) 1 << (id - s->first));
    return ac_h5_commit(&self->h5, checksum);
}

void
ac_shard_abandon(ac_shard_writer *self)
{
    ac_h5_abandon(&self->h5);
}

/* ---- reading ---- */

bool
ac_shard_has(const ac_h5_reader *file, ac_dataset_id id)
{
    char name[AC_DATASET_NAME_BYTES];

    ac_dataset_stored_name(id, false, name);
    return ac_h5_has(file, name);
}

bool
ac_shard_has_attribute(const ac_h5_reader *file, ac_attribute_id id)
{
    return ac_h5_has_attribute(file, ac_attributes[id].name);
}

ac_status
ac_shard_shape(const ac_h5_reader *file, ac_dataset_id id, int64_t *rows, int64_t *columns)
{
    int64_t shape[2] = { 0 };
    const ac_status st = ac_h5_shape(file, ac_datasets[id].name, ac_dataset_rank(id), shape);

    *rows = shape[0] - (st == AC_OK && ac_datasets[id].content == AC_CONTENT_OFFSETS);
    if (columns)
        *columns = shape[1];
    return st;
}

ac_status
ac_shard_read(const ac_h5_reader *file, ac_dataset_id id, int64_t rows, int64_t columns,
              void *data)
{
    int64_t shape[2];
    const int rank = set_shape(id, rows, columns, shape);

    return ac_h5_read(file, ac_datasets[id].name, ac_datasets[id].dtype, rank, shape, data);
}

ac_status
ac_shard_read_rows(const ac_h5_reader *file, ac_dataset_id id, int64_t first, int64_t rows,
                   int64_t columns, void *data)
{
    return ac_h5_read_rows(file, ac_datasets[id].name, ac_datasets[id].dtype, first, rows,
                           columns, data);
}

ac_status
ac_shard_read_texts(const ac_h5_reader *file, ac_dataset_id id, ac_texts *texts)
{
    return ac_h5_read_texts(file, ac_datasets[id].name, texts);
}

ac_status
ac_shard_read_text_rows(const ac_h5_reader *file, ac_dataset_id id, int64_t first, int64_t rows,
                        ac_texts *texts)
{
    char name[AC_DATASET_NAME_BYTES];
    int64_t *offsets = NULL, bytes;
    char *data = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&offsets, rows + 1, sizeof *offsets));
    ac_dataset_stored_name(id, true, name);
    AC_TRY(ac_h5_read_rows(file, name, AC_I64, first, rows + 1, 0, offsets));
    ac_dataset_stored_name(id, false, name);
    AC_TRY(ac_h5_shape(file, name, 1, &bytes));
    for (int64_t i = 0; i <= rows; i++)
        if (offsets[i] < (i ? offsets[i - 1] : 0) || offsets[i] > bytes)
            AC_FAIL(AC_E_FORMAT, "%s: the offsets of %s are damaged", file->path,
                    ac_datasets[id].name);
    AC_TRY(ac_alloc(&data, offsets[rows] - offsets[0], 1));
    AC_TRY(ac_h5_read_rows(file, name, AC_U8, offsets[0], offsets[rows] - offsets[0], 0, data));
    for (int64_t i = 0; i < rows; i++)
        AC_TRY(ac_texts_push(texts, data + (offsets[i] - offsets[0]),
                             (size_t) (offsets[i + 1] - offsets[i])));
out:
    free(offsets);
    free(data);
    return st;
}

ac_status
ac_shard_read_int_attribute(const ac_h5_reader *file, ac_attribute_id id, int64_t *value)
{
    return ac_h5_read_int_attribute(file, ac_attributes[id].name, value);
}

const ac_shard_schema *
ac_shard_schema_read(const ac_h5_reader *file)
{
    const ac_shard_schema *schema = NULL;
    char *content = NULL;

    if (ac_h5_read_text_attribute(file, content_name, &content) == AC_OK)
        schema = ac_shard_schema_of(content);
    free(content);
    return schema;
}
