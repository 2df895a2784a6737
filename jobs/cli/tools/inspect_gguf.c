/* A GGUF file: its model, its keys, its tensors and how they are quantized, its tokenizer. */
#include <stdlib.h>

#include "io/checkpoint/causal_config.h"
#include "io/checkpoint/gguf_config.h"
#include "io/checkpoint/gguf_tokenizer.h"
#include "jobs/cli/tools/inspect.h"

/* A pair's value; of a list its length, and of numbers and texts the first. */
static json_t *
value_of(const ac_gguf_pair *p)
{
    double number;

    if (p->type == AC_GGUF_STRING)
        return ac_inspect_string((const char *) p->data + 8, p->size - 8);
    if (p->type == AC_GGUF_ARRAY)
        return json_sprintf("a list of %llu", (unsigned long long) p->count);
    if (!ac_gguf_number(p, 0, &number))
        return json_null();
    if (p->type == AC_GGUF_BOOL)
        return json_boolean(number != 0);
    return p->type == AC_GGUF_F32 || p->type == AC_GGUF_F64 ? json_real(number)
                                                            : json_integer((json_int_t) number);
}

static void
put_pairs(json_t *out, const ac_gguf *g)
{
    json_t *pairs = json_object();

    for (int64_t i = 0; i < g->pair_count; i++)
        json_object_setn_new(pairs, g->pairs[i].key, g->pairs[i].key_size,
                             value_of(&g->pairs[i]));
    ac_inspect_put(out, "keys", pairs);
}

/* How many tensors there are of each type, and the parameters of all. */
static void
put_tensors(json_t *out, const ac_gguf *g)
{
    json_t *types = json_object(), *shapes = json_object();
    int64_t parameters = 0;

    for (int64_t i = 0; i < g->tensors.count; i++) {
        const ac_tensor *t = &g->items[i];
        const json_t *before = json_object_get(types, g->formats[i]);
        json_object_set_new(types, g->formats[i], json_integer(json_integer_value(before) + 1));
        parameters += ac_tensor_count(t);
        if (i < AC_INSPECT_SAMPLE) {
            json_t *both = json_object();
            json_object_set_new(both, "type", json_string(g->formats[i]));
            json_object_set_new(both, "shape", ac_inspect_shape(t->rank, t->shape));
            json_object_set_new(shapes, t->name, both);
        }
    }
    ac_inspect_put(out, "parameters", json_integer(parameters));
    ac_inspect_put(out, "tensors", json_integer(g->tensors.count));
    ac_inspect_put(out, "quantization", types);
    ac_inspect_put(out, "first_tensors", shapes);
}

/* What the program makes of it, or why it does not. */
static void
put_use(json_t *out, const ac_gguf *g)
{
    ac_causal_config config;
    ac_tokenizer tokenizer = { 0 };
    int32_t begin;

    if (ac_gguf_config_load(&config, g) != AC_OK) {
        ac_inspect_put_text(out, "model", ac_error_message());
        return;
    }
    ac_inspect_put(
        out, "model",
        json_sprintf(
            "%s: %lld layers of width %lld, %lld heads of %lld (keys and values: %lld), "
            "inner width %lld, %lld tokens, context %lld",
            ac_causal_type_names[config.type], (long long) config.layers,
            (long long) config.hidden_size, (long long) config.heads,
            (long long) config.head_size, (long long) config.key_heads,
            (long long) config.intermediate_size, (long long) config.vocab_size,
            (long long) config.max_position_embeddings));
    if (ac_gguf_tokenizer_open(&tokenizer, g, config.vocab_size, &begin) == AC_OK)
        ac_inspect_put(out, "tokenizer",
                       json_sprintf("byte-level byte-pair encoding, %lld tokens, %lld of them "
                                    "found whole%s",
                                    (long long) tokenizer.size,
                                    (long long) tokenizer.pipeline.added.count,
                                    begin >= 0 ? ", one put in front" : ""));
    else
        ac_inspect_put_text(out, "tokenizer", ac_error_message());
    ac_tokenizer_free(&tokenizer);
}

ac_status
ac_inspect_gguf(json_t *out, const char *path)
{
    ac_gguf g = { 0 };
    ac_status st = AC_OK;

    ac_inspect_put_text(out, "kind", "gguf");
    AC_TRY(ac_gguf_open(&g, path));
    ac_inspect_put(out, "version", json_integer(g.version));
    put_use(out, &g);
    put_tensors(out, &g);
    put_pairs(out, &g);
    st = ac_inspect_put_checksum(out, path);
out:
    ac_gguf_close(&g);
    return st;
}
