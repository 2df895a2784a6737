/* loss on a causal model: the mean cross-entropy of each record's tokens from the second on. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/kernels/activation.h"
#include "io/checkpoint/npy.h"
#include "io/file/json_write.h"
#include "jobs/cli/tools/causal.h"

enum { ROWS = 64 }; /* tokens read together */

typedef struct measured {
    ac_decoder_state state;
    ac_scratch scratch;
    float *logits; /* [ROWS, vocab_size] */
    float *last;   /* [records, vocab_size] */
    int64_t last_capacity, records;
} measured;

/* The sum over tokens 1 … n - 1 of -log p; logits of the last position into `last`. */
static ac_status
measure(measured *self, const ac_causal_model *model, const ac_causal_record *one, double *sum,
        float *last)
{
    const ac_decoder decoder = ac_causal_as_decoder(&model->net);
    const ac_decoder_capacity capacity = { .slots = 1, .positions = one->count, .rows = ROWS };
    const int64_t V = decoder.vocab_size;
    ac_decoder_row rows[ROWS];
    ac_status st = AC_OK;

    AC_TRY(ac_decoder_state_reserve(&self->state, &decoder, &capacity));
    AC_TRY(ac_scratch_reserve(&self->scratch, ac_decoder_scratch_bytes(&self->state)));
    *sum = 0;
    for (int64_t t = 0; t < one->count; t += ROWS) {
        const int64_t R = one->count - t < ROWS ? one->count - t : ROWS;
        for (int64_t r = 0; r < R; r++)
            rows[r] = (ac_decoder_row){ one->ids[t + r], 0, 0, (int32_t) (t + r), true };
        ac_decoder_step(&self->state, self->logits, rows, R, &self->scratch);
        for (int64_t r = 0; r < R && t + r + 1 < one->count; r++)
            *sum -= (double) ac_log_softmax_at(self->logits + r * V, V, one->ids[t + r + 1]);
        if (last && t + R == one->count)
            memcpy(last, self->logits + (R - 1) * V, (size_t) V * sizeof *last);
    }
out:
    return st;
}

static ac_status
measure_record(measured *self, const ac_causal_model *model, const ac_causal_record *one,
               float *last)
{
    const int64_t targets = one->count - 1;
    ac_buffer line = { 0 };
    double sum;
    ac_status st = AC_OK;

    AC_TRY(measure(self, model, one, &sum, last));
    if (!isfinite(sum))
        AC_FAIL(AC_E_FORMAT, "%s: a loss is not a finite number", model->path);
    ac_buffer_push_text(&line, "{\"loss\": ");
    ac_json_float(&line, targets ? (float) (sum / (double) targets) : NAN);
    ac_buffer_printf(&line, ", \"tokens\": %lld}", (long long) targets);
    AC_TRY(line.status);
    ac_json_put(&line);
out:
    ac_buffer_free(&line);
    return st;
}

static ac_status
measure_all(measured *self, const ac_causal_model *model, bool keep)
{
    const int64_t V = model->net.config.vocab_size;
    ac_json_lines lines = { 0 };
    ac_causal_record one = { 0 };
    ac_status st = AC_OK, end;

    AC_TRY(ac_alloc(&self->logits, ROWS * V, sizeof *self->logits));
    while (ac_json_lines_next(&lines)) {
        const char *message = NULL;
        float *last = NULL;
        if (keep) {
            AC_TRY(ac_grow(&self->last, &self->last_capacity, (self->records + 1) * V,
                           sizeof *self->last));
            last = self->last + self->records * V;
            memset(last, 0, (size_t) V * sizeof *last);
        }
        self->records++;
        if (ac_causal_record_take(&one, model, lines.record,
                                  model->net.config.max_position_embeddings, &message))
            AC_TRY(measure_record(self, model, &one, last));
        else
            ac_json_lines_refuse(&lines, message);
    }
out:
    end = ac_json_lines_end(&lines);
    ac_causal_record_free(&one);
    return st == AC_OK ? end : st;
}

ac_status
ac_tool_loss_causal(const ac_causal_options *options, const char *logits)
{
    ac_causal_model model = { 0 };
    measured m = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_causal_model_open(&model, options));
    st = measure_all(&m, &model, logits != NULL);
    if (logits && (st == AC_OK || st == AC_E_FORMAT) &&
        m.records) { /* zero rows where refused */
        const ac_status saved = ac_npy_save(
            logits, AC_F32, 2, (int64_t[]){ m.records, model.net.config.vocab_size }, m.last);
        st = st == AC_OK ? saved : st;
    }
out:
    ac_decoder_state_free(&m.state);
    ac_scratch_free(&m.scratch);
    free(m.logits);
    free(m.last);
    ac_causal_model_free(&model);
    return st;
}
