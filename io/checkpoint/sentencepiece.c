#include "io/checkpoint/sentencepiece.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

/* Wire types of protocol buffers. */
enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

/* One field of a message. */
typedef struct field {
    uint64_t number, value; /* value: VARINT, FIXED32, FIXED64 */
    int type;
    const char *bytes; /* BYTES */
    size_t size;
} field;

typedef struct message {
    const char *at, *end;
    bool damaged;
} message;

static uint64_t
varint(message *m)
{
    uint64_t value = 0;

    for (int shift = 0; shift < 64; shift += 7) {
        const unsigned char byte = m->at < m->end ? (unsigned char) *m->at++ : 0x80;
        value |= (uint64_t) (byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    m->damaged = true;
    return 0;
}

/* The next field; false at the end and where the message is damaged. */
static bool
next_field(message *m, field *f)
{
    uint64_t key;
    size_t width;

    if (m->damaged || m->at == m->end)
        return false;
    key = varint(m);
    *f = (field){ .number = key >> 3, .type = (int) (key & 7) };
    if (f->type == VARINT) {
        f->value = varint(m);
    } else if (f->type == BYTES) {
        const uint64_t size = varint(m);
        m->damaged = m->damaged || size > (uint64_t) (m->end - m->at);
        if (m->damaged)
            return false;
        f->bytes = m->at;
        f->size = (size_t) size;
        m->at += size;
    } else {
        width = f->type == FIXED32 ? 4 : 8;
        m->damaged = m->damaged || (f->type != FIXED32 && f->type != FIXED64) ||
                     (size_t) (m->end - m->at) < width;
        if (m->damaged)
            return false;
        for (size_t i = 0; i < width; i++)
            f->value |= (uint64_t) (unsigned char) m->at[i] << (8 * i);
        m->at += width;
    }
    return !m->damaged;
}

/* What is gathered from the file. */
typedef struct model {
    ac_texts pieces;
    float *scores;
    uint8_t *kinds;
    int64_t score_capacity, kind_capacity;
    const char *charsmap;
    size_t charsmap_bytes;
    bool damaged;
    const char *refused; /* the setting that is not supported */
} model;

static ac_status
read_piece(model *self, const field *of)
{
    message m = { of->bytes, of->bytes + of->size, false };
    const char *text = "";
    size_t size = 0;
    float score = 0;
    uint32_t bits;
    uint64_t kind = AC_PIECE_NORMAL;
    field f;
    ac_status st = AC_OK;

    while (next_field(&m, &f)) {
        if (f.number == 1 && f.type == BYTES) {
            text = f.bytes;
            size = f.size;
        } else if (f.number == 2 && f.type == FIXED32) {
            bits = (uint32_t) f.value;
            memcpy(&score, &bits, sizeof score);
        } else if (f.number == 3 && f.type == VARINT) {
            kind = f.value;
        }
    }
    self->damaged = self->damaged || m.damaged;
    AC_TRY(ac_grow(&self->scores, &self->score_capacity, self->pieces.count + 1,
                   sizeof *self->scores));
    AC_TRY(ac_grow(&self->kinds, &self->kind_capacity, self->pieces.count + 1,
                   sizeof *self->kinds));
    self->scores[self->pieces.count] = score;
    self->kinds[self->pieces.count] = kind <= AC_PIECE_BYTE ? (uint8_t) kind : UINT8_MAX;
    st = ac_texts_push(&self->pieces, text, size);
out:
    return st;
}

/* trainer_spec: model_type 3 (1: unigram), treat_whitespace_as_suffix 24, byte_fallback 35. */
static void
read_trainer(model *self, const field *of)
{
    message m = { of->bytes, of->bytes + of->size, false };
    field f;

    while (next_field(&m, &f)) {
        if (f.type != VARINT)
            continue;
        if (f.number == 3 && f.value != 1)
            self->refused = "model_type is not unigram";
        else if (f.number == 24 && f.value)
            self->refused = "treat_whitespace_as_suffix";
        else if (f.number == 35 && f.value)
            self->refused = "byte_fallback";
    }
    self->damaged = self->damaged || m.damaged;
}

/* normalizer_spec: precompiled_charsmap 2, add_dummy_prefix 3, remove_extra_whitespaces 4,
 * escape_whitespaces 5 (all true unless said). */
static void
read_normalizer(model *self, const field *of)
{
    message m = { of->bytes, of->bytes + of->size, false };
    field f;

    while (next_field(&m, &f)) {
        if (f.number == 2 && f.type == BYTES) {
            self->charsmap = f.bytes;
            self->charsmap_bytes = f.size;
        } else if (f.number >= 3 && f.number <= 5 && f.type == VARINT && !f.value) {
            self->refused = f.number == 3   ? "add_dummy_prefix is false"
                            : f.number == 4 ? "remove_extra_whitespaces is false"
                                            : "escape_whitespaces is false";
        }
    }
    self->damaged = self->damaged || m.damaged;
}

ac_status
ac_sentencepiece_read(ac_unigram *out, const char *bytes, size_t n, const char *path)
{
    message m = { bytes, bytes + n, false };
    model self = { 0 };
    field f;
    ac_status st = AC_OK;

    while (next_field(&m, &f)) {
        if (f.type != BYTES)
            continue;
        if (f.number == 1)
            AC_TRY(read_piece(&self, &f));
        else if (f.number == 2)
            read_trainer(&self, &f);
        else if (f.number == 3)
            read_normalizer(&self, &f);
    }
    if (m.damaged || self.damaged || self.pieces.count == 0)
        AC_FAIL(AC_E_FORMAT, "%s: not a model of sentencepiece, or damaged: get the file again",
                path);
    if (self.refused)
        AC_FAIL(AC_E_FORMAT, "%s: %s, which is not supported", path, self.refused);
    st = ac_unigram_init(out, &self.pieces, self.scores, self.kinds, self.charsmap,
                         self.charsmap_bytes);
    if (st != AC_OK)
        ac_error_prefix(st, "%s", path);
out:
    ac_texts_free(&self.pieces);
    free(self.scores);
    free(self.kinds);
    return st;
}
