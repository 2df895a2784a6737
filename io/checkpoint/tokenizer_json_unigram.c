#include "io/checkpoint/tokenizer_json_unigram.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

/* What is gathered from the file. */
typedef struct pieces {
    ac_texts texts;
    float *scores;
    uint8_t *kinds;
    ac_buffer charsmap;
} pieces;

/* ["piece", score] of each; which is the unknown one; added special tokens are none that stand
 * in a text. */
static ac_status
read_pieces(pieces *self, const ac_json_node *root, const ac_json_node *model)
{
    const json_t *vocabulary = json_object_get(model->object, "vocab"),
                 *unknown = json_object_get(model->object, "unk_id"),
                 *added = json_object_get(root->object, "added_tokens"), *token;
    const size_t count = json_array_size(vocabulary);
    size_t i;
    ac_status st = AC_OK;

    if (count == 0)
        return ac_json_node_refuse(model, "vocab", "is not a list of pieces");
    AC_TRY(ac_alloc(&self->scores, (int64_t) count, sizeof *self->scores));
    AC_TRY(ac_alloc(&self->kinds, (int64_t) count, sizeof *self->kinds));
    for (i = 0; i < count; i++) {
        const json_t *piece = json_array_get(vocabulary, i), *text = json_array_get(piece, 0),
                     *score = json_array_get(piece, 1);
        if (json_array_size(piece) != 2 || !json_is_string(text) || !json_is_number(score))
            return ac_json_node_refuse(model, "vocab",
                                       "has an item (number %zu, counted from 0) that is not a "
                                       "text and its score",
                                       i);
        AC_TRY(ac_texts_push(&self->texts, json_string_value(text), json_string_length(text)));
        self->scores[i] = (float) json_number_value(score);
        self->kinds[i] = AC_PIECE_NORMAL;
    }
    json_array_foreach(added, i, token)
    {
        const json_int_t id = json_integer_value(json_object_get(token, "id"));
        const char *text = json_string_value(json_object_get(token, "content"));
        if (!text || id < 0 || id >= (json_int_t) count ||
            !ac_texts_is(&self->texts, id, text, strlen(text)) ||
            !json_is_true(json_object_get(token, "special")))
            return ac_json_node_refuse(root, "added_tokens",
                                       "has an item (number %zu, counted from 0) that is no "
                                       "special token of model.vocab",
                                       i);
        self->kinds[id] = AC_PIECE_CONTROL;
    }
    if (!json_is_integer(unknown) || json_integer_value(unknown) < 0 ||
        json_integer_value(unknown) >= (json_int_t) count)
        return ac_json_node_refuse(model, "unk_id", "is no piece");
    self->kinds[json_integer_value(unknown)] = AC_PIECE_UNKNOWN;
out:
    return st;
}

/* The value of a digit of base64; -1: it is none. */
static int
digit(char c)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int) (at - digits) : -1;
}

static ac_status
decode_base64(ac_buffer *out, const ac_json_node *node, const char *text)
{
    uint32_t bits = 0;
    int have = 0;

    for (; *text && *text != '='; text++) {
        const int value = digit(*text);
        if (value < 0)
            return ac_json_node_refuse(node, "precompiled_charsmap", "is not base64");
        bits = (bits << 6 | (uint32_t) value) & 0xffffff;
        have += 6;
        if (have >= 8) {
            have -= 8;
            ac_buffer_push_char(out, (char) (bits >> have & 0xff));
        }
    }
    return out->status;
}

/* The one Precompiled of the normalizer, alone or in its Sequence. */
static ac_status
read_charsmap(pieces *self, const ac_json_node *root)
{
    ac_json_node normalizer, item;
    const char *type, *text;
    ac_status st = AC_OK;

    if (ac_json_node_absent(root, "normalizer"))
        return AC_OK;
    AC_TRY(ac_json_node_child(&normalizer, root, "normalizer", -1));
    AC_TRY(ac_json_node_text(&normalizer, "type", &type));
    if (strcmp(type, "Precompiled") == 0) {
        AC_TRY(ac_json_node_text(&normalizer, "precompiled_charsmap", &text));
        return decode_base64(&self->charsmap, &normalizer, text);
    }
    for (size_t i = 0; i < json_array_size(json_object_get(normalizer.object, "normalizers"));
         i++) {
        AC_TRY(ac_json_node_child(&item, &normalizer, "normalizers", (int64_t) i));
        AC_TRY(ac_json_node_text(&item, "type", &type));
        if (strcmp(type, "Precompiled") != 0)
            continue;
        if (self->charsmap.size)
            return ac_json_node_refuse_value(&item, "type");
        AC_TRY(ac_json_node_text(&item, "precompiled_charsmap", &text));
        AC_TRY(decode_base64(&self->charsmap, &item, text));
    }
out:
    return st;
}

ac_status
ac_tokenizer_json_unigram(const ac_json_node *root, const ac_json_node *model,
                          ac_tokenizer *out)
{
    pieces self = { 0 };
    ac_unigram unigram = { 0 };
    bool fallback;
    ac_status st = AC_OK;

    AC_TRY(ac_json_node_known_keys(model, "type unk_id vocab byte_fallback"));
    AC_TRY(ac_json_node_boolean_or(model, "byte_fallback", false, &fallback));
    if (fallback)
        return ac_json_node_refuse_value(model, "byte_fallback");
    AC_TRY(read_pieces(&self, root, model));
    AC_TRY(read_charsmap(&self, root));
    AC_TRY(ac_unigram_init(&unigram, &self.texts, self.scores, self.kinds,
                           self.charsmap.data ? self.charsmap.data : "", self.charsmap.size));
    st = ac_tokenizer_init_siglip_take(out, &unigram);
out:
    ac_texts_free(&self.texts);
    free(self.scores);
    free(self.kinds);
    ac_buffer_free(&self.charsmap);
    return st;
}
