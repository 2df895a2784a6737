/* What a causal model reads and says: texts to ids, ids to texts, and where a text ends. */
#include <string.h>

#include "engine/base/memory.h"
#include "engine/generation/stop_strings.h"
#include "engine/text/unicode.h"
#include "jobs/models/causal_model.h"

enum { MOST_CHARACTER = 4 }; /* bytes of a character */

ac_status
ac_causal_model_encode(const ac_causal_model *self, const char *text, size_t n,
                       ac_encoding *out)
{
    ac_status st = ac_tokenizer_encode(&self->tokenizer, text, n, 0, true, out);

    if (st != AC_OK || self->begin < 0)
        return st;
    AC_TRY(ac_grow(&out->ids, &out->capacity, out->count + 1, sizeof *out->ids));
    memmove(out->ids + 1, out->ids, (size_t) out->count * sizeof *out->ids);
    out->ids[0] = self->begin;
    out->length = ++out->count;
out:
    return st;
}

int64_t
ac_causal_model_front(const ac_causal_model *self)
{
    return self->tokenizer.pipeline.before.count + (self->begin >= 0);
}

/* How many of the bytes are left without a character that is not finished at their end. */
static size_t
finished(const char *bytes, size_t n)
{
    for (size_t back = 1; back <= 3 && back <= n; back++) {
        const unsigned char c = (unsigned char) bytes[n - back];
        const size_t needs = c >= 0xf0 && c < 0xf5 ? 4 : c >= 0xe0 ? 3 : 2;
        if (c < 0x80 || c == 0xc0 || c == 0xc1 || c >= 0xf5) /* no byte of a longer one */
            return n;
        if (c >= 0xc2)
            return needs > back ? n - back : n;
    }
    return n;
}

/* The byte of a token "<0xHH>" of a tokenizer that has one for each byte; -1: it is none. */
static int
byte_of(const ac_tokenizer *t, int32_t id)
{
    if (!ac_text_steps_have(&t->pipeline.decoders, AC_STEP_BYTE_FALLBACK) ||
        id >= t->bpe.tokens.count)
        return -1;
    return ac_text_byte_token(ac_texts_at(&t->bpe.tokens, id),
                              ac_texts_size(&t->bpe.tokens, id));
}

static bool
is_passed_over(const ac_tokenizer *t, int32_t id)
{
    const int64_t a = ac_added_tokens_find(&t->pipeline.added, id);

    return a >= 0 && t->pipeline.added.items[a].skipped;
}

/* How many of the ids are left without the bytes of a character that is not finished at their
 * end, where a tokenizer has tokens for bytes. Special tokens are no text, wherever they are.
 */
static int64_t
without_unfinished(const ac_tokenizer *t, const int32_t *ids, int64_t n)
{
    char bytes[MOST_CHARACTER];
    int64_t places[MOST_CHARACTER];
    size_t size = 0;

    for (int64_t i = n; i > 0 && size < sizeof bytes; i--) {
        const int byte = byte_of(t, ids[i - 1]);
        if (is_passed_over(t, ids[i - 1]))
            continue;
        if (byte < 0)
            break;
        size++;
        bytes[sizeof bytes - size] = (char) byte;
        places[sizeof bytes - size] = i - 1;
    }
    size -= finished(bytes + sizeof bytes - size, size);
    return size ? places[sizeof bytes - size] : n;
}

/* How many of the ids are left without those past the vocabulary at their end, which an end
 * token may be. */
static int64_t
within_vocabulary(const ac_tokenizer *t, const int32_t *ids, int64_t n)
{
    while (n > 0 && ids[n - 1] >= ac_tokenizer_size(t))
        n--;
    return n;
}

ac_status
ac_causal_model_decode(const ac_causal_model *self, const int32_t *ids, int64_t n,
                       ac_buffer *text)
{
    ac_buffer bytes = { 0 };
    ac_status st = AC_OK;

    n = within_vocabulary(&self->tokenizer, ids, n);
    ac_buffer_reset(text);
    AC_TRY(ac_buffer_push(text, "", 0));
    if (!ac_tokenizer_is_byte_level(&self->tokenizer))
        return ac_tokenizer_decode(&self->tokenizer, ids,
                                   without_unfinished(&self->tokenizer, ids, n), false, text);
    AC_TRY(ac_buffer_push(&bytes, "", 0));
    AC_TRY(ac_tokenizer_bytes(&self->tokenizer, ids, n, true, &bytes));
    st = ac_utf8_replace(text, bytes.data, finished(bytes.data, bytes.size));
out:
    ac_buffer_free(&bytes);
    return st;
}

/* The text of ids [n] that follow a prompt: where a tokenizer's decoder looks at its
 * neighbours, what they add to the prompt's text, as in transformers. Llama 2's takes the blank
 * off a text's first word. */
static ac_status
decode_behind(const ac_causal_model *self, const int32_t *ids, int64_t prompt, int64_t n,
              ac_buffer *text)
{
    const ac_tokenizer *t = &self->tokenizer;
    bool plain = ac_tokenizer_is_byte_level(t); /* or ids that have no text */
    ac_buffer before = { 0 };
    ac_status st = AC_OK;

    n = prompt + within_vocabulary(t, ids + prompt, n - prompt);
    for (int64_t i = 0; i < prompt; i++)
        plain = plain || ids[i] >= ac_tokenizer_size(t);
    if (plain)
        return ac_causal_model_decode(self, ids + prompt, n - prompt, text);
    ac_buffer_reset(text);
    AC_TRY(ac_buffer_push(text, "", 0));
    AC_TRY(ac_buffer_push(&before, "", 0));
    AC_TRY(ac_tokenizer_decode(t, ids, prompt, false, &before));
    AC_TRY(ac_tokenizer_decode(t, ids, prompt + without_unfinished(t, ids + prompt, n - prompt),
                               false, text));
    if (text->size < before.size || memcmp(text->data, before.data, before.size) != 0) {
        st = ac_causal_model_decode(self, ids + prompt, n - prompt, text);
        goto out; /* bytes that together with the prompt's are no text */
    }
    memmove(text->data, text->data + before.size, text->size - before.size + 1);
    text->size -= before.size;
out:
    ac_buffer_free(&before);
    return st;
}

/* ---- pieces ---- */

/* A token whose decoder looks at its neighbours: what it adds to a text before it, as in
 * transformers. before: the ids of that text, with room for one more. */
static ac_status
push_added(const ac_tokenizer *t, int32_t id, ac_encoding *before, size_t before_bytes,
           ac_buffer *out)
{
    const int byte = byte_of(t, id);
    ac_buffer text = { 0 };
    ac_status st = AC_OK;

    if (byte >= 0)
        return ac_buffer_push_char(out, (char) byte);
    before->ids[before->count] = id;
    AC_TRY(ac_text_pipeline_decode(&t->pipeline, &t->bpe, before->ids, before->count + 1, false,
                                   &text));
    if (text.size > before_bytes)
        ac_buffer_push(out, text.data + before_bytes, text.size - before_bytes);
    st = out->status;
out:
    ac_buffer_free(&text);
    return st;
}

/* An added token is what it is looked for as. */
static ac_status
push_piece(const ac_tokenizer *t, int32_t id, ac_encoding *before, size_t before_bytes,
           ac_buffer *out)
{
    const ac_added_tokens *added = &t->pipeline.added;
    const int64_t a = ac_added_tokens_find(added, id);

    if (id >= ac_tokenizer_size(t))
        return AC_OK;
    if (ac_tokenizer_is_byte_level(t))
        return ac_tokenizer_bytes(t, &id, 1, false, out);
    if (a >= 0)
        return ac_buffer_push(out, ac_texts_at(&added->decoded, a),
                              ac_texts_size(&added->decoded, a));
    return id < t->bpe.tokens.count ? push_added(t, id, before, before_bytes, out) : AC_OK;
}

static ac_status
make_pieces(const ac_tokenizer *t, int64_t V, ac_texts *pieces)
{
    ac_encoding before = { 0 };
    ac_buffer text = { 0 }, piece = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_tokenizer_encode(t, "abcdef", 6, 0, false, &before));
    AC_TRY(ac_tokenizer_decode(t, before.ids, before.count, false, &text));
    AC_TRY(ac_grow(&before.ids, &before.capacity, before.count + 1, sizeof *before.ids));
    for (int32_t id = 0; id < V; id++) {
        ac_buffer_reset(&piece);
        AC_TRY(ac_buffer_push(&piece, "", 0));
        AC_TRY(push_piece(t, id, &before, text.size, &piece));
        AC_TRY(ac_texts_push(pieces, piece.data, piece.size));
    }
out:
    ac_encoding_free(&before);
    ac_buffer_free(&text);
    ac_buffer_free(&piece);
    return st;
}

ac_status
ac_causal_model_make_pieces(ac_causal_model *self)
{
    const int64_t V = self->net.config.vocab_size;

    if (!self->has_tokenizer)
        return ac_error_set(
            AC_E_ARG, "generation.stop_strings needs the model's tokenizer, and %s has none",
            self->path);
    if (self->pieces.count)
        return AC_OK;
    return make_pieces(&self->tokenizer, V, &self->pieces);
}

/* ---- what was generated ---- */

const char *const ac_causal_end_names[] = { "end", "stop", "length", "positions" };

/* Where a sequence [n] ends in a stop string. */
static bool
stops(const ac_causal_model *self, const int32_t *ids, int64_t n, ac_stop_place *place)
{
    return ac_stop_strings_end(&self->generation.stop_strings, &self->pieces, ids, n - 1,
                               ids[n - 1], place);
}

ac_causal_end
ac_causal_model_end(const ac_causal_model *self, const ac_candidate *c, int64_t prompt)
{
    if (c->count > prompt && ac_generation_config_ends(&self->generation, c->ids[c->count - 1]))
        return AC_CAUSAL_END;
    if (c->count > prompt && stops(self, c->ids, c->count, NULL))
        return AC_CAUSAL_STOP;
    return c->count < ac_generation_config_most(&self->generation, prompt, INT64_MAX)
               ? AC_CAUSAL_POSITIONS
               : AC_CAUSAL_LENGTH;
}

ac_status
ac_causal_model_said(const ac_causal_model *self, const ac_candidate *c, int64_t prompt,
                     ac_buffer *text)
{
    const bool stopped = ac_causal_model_end(self, c, prompt) == AC_CAUSAL_STOP;
    ac_stop_place at = { .token = c->count - 1 };
    const char *rest;
    size_t n;
    ac_status st = AC_OK;

    if (stopped)
        stops(self, c->ids, c->count, &at);
    st = decode_behind(self, c->ids, prompt, at.token >= prompt ? at.token + 1 : prompt, text);
    if (st != AC_OK || !stopped || at.token < prompt)
        return st;
    /* the text of that token from the stop string on, as far as its characters are finished; a
     * special token is no text */
    rest = ac_texts_at(&self->pieces, c->ids[at.token]) + at.offset;
    n = finished(rest, ac_texts_size(&self->pieces, c->ids[at.token]) - at.offset);
    if (n && text->size >= n && memcmp(text->data + text->size - n, rest, n) == 0) {
        text->size -= n;
        text->data[text->size] = '\0';
    }
    return AC_OK;
}
