/* loss: BART's cross-entropy on given ids, and the gradients of what is trained; a causal
 * model's (loss_causal.c). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/training/bart_train.h"
#include "io/file/json_write.h"
#include "jobs/models/bart_model.h"
#include "jobs/cli/tools/causal.h"
#include "jobs/cli/tools/tools.h"
#include "jobs/models/layer_norms.h"

static const ac_option options[] = {
    { "model", 0, "DIR",
      "Hugging Face folder of BART or of a causal language model; or its .gguf file" },
    { "layer-norms", 0, "F", "trained layer norms that replace the model's" },
    { "gradients", 0, "G.safetensors",
      "write the gradients of the mean over all records' targets" },
    { "recompute", 0, NULL,
      "save fewer activations and compute them again (the same results)" },
    { "logits", 0, "X.npy",
      "causal models: write the logits after each record's last token, fp32 [records, "
      "vocabulary]" },
    AC_TOOL_COMPUTE_OPTIONS,
    { NULL, 0, NULL, NULL },
};

/* One record's ids, and what all records have added up to. */
typedef struct measured {
    int32_t *ids, *decoder_ids, *labels;
    int64_t ids_capacity, decoder_capacity, labels_capacity;
    int64_t offsets[2], decoder_offsets[2];
    float *gradient; /* [count]; NULL: not asked for */
    double *sum;     /* [count]: of targets × gradient of their mean */
    int64_t targets;
} measured;

static void
measured_free(measured *self)
{
    free(self->ids);
    free(self->decoder_ids);
    free(self->labels);
    free(self->gradient);
    free(self->sum);
}

/* Targets: ids, or AC_NO_TARGET. */
static bool
take_labels(measured *self, const json_t *list, int64_t vocab, int64_t *count,
            const char **message)
{
    const json_t *label;
    size_t i;

    *message = "\"labels\" is not a list of token ids of this model, or -100 for none";
    *count = 0;
    if (!json_is_array(list))
        return false;
    if (ac_grow(&self->labels, &self->labels_capacity, (int64_t) json_array_size(list),
                sizeof *self->labels) != AC_OK) {
        *message = "out of memory";
        return false;
    }
    json_array_foreach(list, i, label)
    {
        const json_int_t id = json_integer_value(label);
        if (!json_is_integer(label) || (id != AC_NO_TARGET && (id < 0 || id >= vocab)))
            return false;
        self->labels[(*count)++] = (int32_t) id;
    }
    return true;
}

/* false: *message says why the record cannot be used. */
static bool
take_record(measured *self, const json_t *record, const ac_bart_config *config,
            const char **message)
{
    int64_t labels;

    if (!ac_json_ids(json_object_get(record, "ids"), config->vocab_size, &self->ids,
                     &self->ids_capacity, &self->offsets[1], message))
        return false;
    if (!ac_json_ids(json_object_get(record, "decoder_ids"), config->vocab_size,
                     &self->decoder_ids, &self->decoder_capacity, &self->decoder_offsets[1],
                     message)) {
        *message = "\"decoder_ids\" is not a list of token ids of this model";
        return false;
    }
    if (!take_labels(self, json_object_get(record, "labels"), config->vocab_size, &labels,
                     message))
        return false;
    *message = "\"labels\" and \"decoder_ids\" differ in length";
    if (labels != self->decoder_offsets[1])
        return false;
    *message = "\"ids\" or \"decoder_ids\" is empty or longer than the model takes";
    return self->offsets[1] >= 1 && self->offsets[1] <= config->max_position_embeddings &&
           labels >= 1 && labels <= config->max_position_embeddings;
}

static ac_status
measure_record(measured *self, ac_bart_trainer *trainer)
{
    const ac_bart_batch batch = { .B = 1,
                                  .ids = self->ids,
                                  .offsets = self->offsets,
                                  .decoder_ids = self->decoder_ids,
                                  .labels = self->labels,
                                  .decoder_offsets = self->decoder_offsets };
    ac_buffer line = { 0 };
    ac_bart_loss loss;
    ac_status st = ac_bart_trainer_run(trainer, &batch, self->gradient, &loss);

    if (st != AC_OK)
        return st;
    for (int64_t i = 0; self->gradient && i < trainer->count; i++)
        self->sum[i] += (double) loss.targets * (double) self->gradient[i];
    self->targets += loss.targets;
    ac_buffer_push_text(&line, "{\"loss\": ");
    ac_json_float(&line, loss.targets ? (float) (loss.sum / (double) loss.targets) : NAN);
    ac_buffer_printf(&line, ", \"tokens\": %lld}", (long long) loss.targets);
    ac_json_put(&line);
    st = line.status;
    ac_buffer_free(&line);
    return st;
}

static ac_status
measure_all(measured *self, ac_bart_trainer *trainer)
{
    ac_json_lines lines = { 0 };
    ac_status st = AC_OK, end;

    while (st == AC_OK && ac_json_lines_next(&lines)) {
        const char *message = NULL;
        if (take_record(self, lines.record, &trainer->bart->config, &message))
            st = measure_record(self, trainer);
        else
            ac_json_lines_refuse(&lines, message);
    }
    end = ac_json_lines_end(&lines);
    return st == AC_OK ? end : st;
}

static ac_status
save_gradients(measured *self, const ac_bart_trainer *trainer, const char *path)
{
    if (!self->targets)
        return ac_error_set(AC_E_FORMAT,
                            "no record has a target, so there is no gradient to write to %s",
                            path);
    for (int64_t i = 0; i < trainer->count; i++)
        self->gradient[i] = (float) (self->sum[i] / (double) self->targets);
    return ac_layer_norms_save(path, trainer, self->gradient, NULL, 0);
}

ac_status
ac_tool_loss(int argc, char **argv)
{
    ac_arguments a = { 0 };
    ac_bart_model bart = { 0 };
    ac_bart_trainer trainer = { 0 };
    measured m = { 0 };
    ac_bart_options o = { 0 };
    const char *gradients;
    void *packed = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_arguments_parse(&a, options, argc, argv));
    if (a.help) {
        ac_options_help(stdout, "loss --model DIR [options] < lines.jsonl",
                        "{\"ids\": encoder input, \"decoder_ids\": […], \"labels\": […]} on "
                        "each line; a label -100 is no target. For a causal language model "
                        "{\"ids\": […]} or {\"text\": …}.",
                        options);
        goto out;
    }
    AC_TRY(ac_arguments_need(&a, "model", &o.model));
    AC_TRY(ac_tool_compute(&a, &o.compute));
    o.layer_norms = ac_arguments_get(&a, "layer-norms");
    if (ac_causal_model_is(o.model)) {
        const ac_causal_options causal = { .model = o.model, .compute = o.compute };
        if (o.layer_norms || ac_arguments_has(&a, "gradients") ||
            ac_arguments_has(&a, "recompute"))
            AC_FAIL(AC_E_ARG, "--layer-norms, --gradients and --recompute are for BART");
        st = ac_tool_loss_causal(&causal, ac_arguments_get(&a, "logits"));
        goto out;
    }
    if (ac_arguments_has(&a, "logits"))
        AC_FAIL(AC_E_ARG, "--logits is for causal language models");
    if (o.compute.precision == AC_PRECISION_INT8 && ac_arguments_has(&a, "gradients"))
        AC_FAIL(AC_E_ARG, "--gradients needs --precision fp32 or bf16: a gradient through "
                          "numbers rounded to int8 is not the loss's");
    AC_TRY(ac_bart_model_open(&bart, &o));
    AC_TRY(ac_alloc_aligned(
        &packed, (int64_t) ac_bart_trainer_packed_bytes(&bart.net.config, &o.compute), 1));
    AC_TRY(ac_bart_trainer_init(&trainer, &bart.net, &bart.weights.tensors, &o.compute, packed,
                                true));
    trainer.recompute = ac_arguments_has(&a, "recompute");
    if ((gradients = ac_arguments_get(&a, "gradients"))) {
        AC_TRY(ac_alloc(&m.gradient, trainer.count, sizeof *m.gradient));
        AC_TRY(ac_alloc(&m.sum, trainer.count, sizeof *m.sum));
    }
    st = measure_all(&m, &trainer);
    if (gradients && (st == AC_OK || (st == AC_E_FORMAT &&
                                      m.targets))) { /* of the records that could be used */
        ac_status saved = save_gradients(&m, &trainer, gradients);
        st = st == AC_OK ? saved : st;
    }
out:
    measured_free(&m);
    ac_bart_trainer_free(&trainer);
    ac_bart_model_free(&bart);
    ac_arguments_free(&a);
    free(packed);
    return st;
}
