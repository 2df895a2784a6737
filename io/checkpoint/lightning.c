#include "io/checkpoint/lightning.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

enum { NAME_BYTES = 128 };

/* The part of a name from its last "model." that stands alone, if it is a layer norm that the
 * reference trains; else NULL. */
static const char *
trained_name(const char *name)
{
    const char *found = NULL;

    for (const char *p = strstr(name, "model."); p; p = strstr(p + 1, "model."))
        if (p == name || p[-1] == '.')
            found = p;
    if (!found || strncmp(name, "optimizer_states", 16) == 0 || !strstr(found, "encoder"))
        return NULL;
    return strstr(found, "_layer_norm.weight") || strstr(found, "_layer_norm.bias") ? found
                                                                                    : NULL;
}

static ac_status
collect(ac_lightning *self)
{
    ac_status st = AC_OK;
    const ac_tensors *all = &self->torch.tensors;

    AC_TRY(ac_alloc(&self->items, all->count, sizeof *self->items));
    AC_TRY(ac_alloc(&self->values, all->count, sizeof *self->values));
    for (int64_t i = 0; i < all->count; i++) {
        const char *name = trained_name(all->items[i].name);
        ac_tensor t = all->items[i];
        const int64_t n = self->layer_norms.count;
        if (!name)
            continue;
        if (t.dtype > AC_BF16 || t.rank != 1)
            AC_FAIL(
                AC_E_FORMAT,
                "%s: tensor \"%s\" is not a list of floating-point numbers, so no layer norm's",
                self->torch.path, t.name);
        AC_TRY(ac_alloc_aligned(&self->values[n], ac_tensor_count(&t), sizeof(float)));
        self->layer_norms.count++;
        ac_tensor_read(&t, self->values[n], 0, ac_tensor_count(&t));
        t.name = name;
        t.dtype = AC_F32;
        t.data = self->values[n];
        self->items[n] = t;
    }
out:
    return st;
}

static int
compare_tensor(const void *a, const void *b)
{
    return strcmp(((const ac_tensor *) a)->name, ((const ac_tensor *) b)->name);
}

static ac_status
sort(ac_lightning *self)
{
    ac_tensors *t = &self->layer_norms;

    if (t->count == 0)
        return ac_error_set(AC_E_FORMAT,
                            "%s: holds no layer norms of BART's encoder (looked for "
                            "…model.encoder.layers.0.self_attn_layer_norm.weight): is this a "
                            "checkpoint of the reference?",
                            self->torch.path);
    qsort(self->items, (size_t) t->count, sizeof *self->items, compare_tensor);
    for (int64_t i = 1; i < t->count; i++)
        if (strcmp(self->items[i].name, self->items[i - 1].name) == 0)
            return ac_error_set(AC_E_FORMAT,
                                "%s: \"%s\" is there twice, under different prefixes",
                                self->torch.path, self->items[i].name);
    t->items = self->items;
    t->source = self->torch.path;
    return AC_OK;
}

/* Weight and bias of a norm in each of the layers 0 … that have it. @param[out] layers  how
 * many */
static ac_status
check_layers(const ac_lightning *self, const char *stack, const char *norm, int64_t width,
             int64_t *layers)
{
    static const char *const parts[] = { "weight", "bias" };
    char name[NAME_BYTES];

    for (*layers = 0;; ++*layers) {
        for (int p = 0; p < 2; p++) {
            const ac_tensor *t;
            snprintf(name, sizeof name, "model.%s.layers.%lld.%s_layer_norm.%s", stack,
                     (long long) *layers, norm, parts[p]);
            t = ac_tensors_find(&self->layer_norms, name);
            if (!t && p == 0)
                return AC_OK;
            if (!t || t->shape[0] != width)
                return ac_error_set(
                    AC_E_FORMAT, "%s: \"%s\" is %s: the checkpoint is not whole",
                    self->torch.path, name,
                    t ? "of another width than the first layer norm" : "missing");
        }
    }
}

static ac_status
check(const ac_lightning *self)
{
    const int64_t width = self->items[0].shape[0];
    int64_t encoder = 0, final = 0, decoder = 0;
    ac_status st = AC_OK;

    AC_TRY(check_layers(self, "encoder", "self_attn", width, &encoder));
    AC_TRY(check_layers(self, "encoder", "final", width, &final));
    AC_TRY(check_layers(self, "decoder", "encoder_attn", width, &decoder));
    if (encoder == 0 || encoder != final || decoder == 0 ||
        2 * (2 * encoder + decoder) != self->layer_norms.count)
        st = ac_error_set(AC_E_FORMAT,
                          "%s: %lld tensors of layer norms are not those of %lld encoder and "
                          "%lld decoder layers: the checkpoint is not whole",
                          self->torch.path, (long long) self->layer_norms.count,
                          (long long) encoder, (long long) decoder);
out:
    return st;
}

static int64_t
number(const ac_torch *t, const char *name)
{
    const ac_torch_scalar *s = ac_torch_find_scalar(t, name);

    return s && s->type == AC_TORCH_INT ? s->integer : -1;
}

ac_status
ac_lightning_open(ac_lightning *self, const char *path)
{
    ac_status st = AC_OK;

    *self = (ac_lightning){ 0 };
    AC_TRY(ac_torch_open(&self->torch, path));
    AC_TRY(collect(self));
    AC_TRY(sort(self));
    AC_TRY(check(self));
    self->epoch = number(&self->torch, "epoch");
    self->step = number(&self->torch, "global_step");
out:
    if (st != AC_OK)
        ac_lightning_close(self);
    return st;
}

void
ac_lightning_close(ac_lightning *self)
{
    for (int64_t i = 0; i < self->layer_norms.count; i++)
        free(self->values[i]);
    free(self->values);
    free(self->items);
    ac_torch_close(&self->torch);
    *self = (ac_lightning){ 0 };
}
