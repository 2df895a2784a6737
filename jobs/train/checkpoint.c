#include "jobs/train/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "io/file/checksum.h"
#include "io/file/file_look.h"
#include "io/file/path.h"
#include "io/checkpoint/safetensors.h"
#include "io/checkpoint/safetensors_write.h"
#include "io/file/publish.h"
#include "jobs/runtime/run.h"

enum { CHECKPOINT_FORMAT = 1, FIELDS = 10, MOMENT_NAME_BYTES = AC_PARAMETER_NAME_BYTES + 16 };

/* Metadata in the order written; the checksum is the last. */
static const char *const field_names[FIELDS] = { "format",   "version", "step", "epoch",
                                                 "position", "vloss",   "seed", "config",
                                                 "input",    "bart" };

/* ---- checksum ---- */

static ac_status
make_checksum(char hex[33], const char *const *fields, const ac_tensors *tensors)
{
    ac_checksum sum = { 0 };
    ac_status st = ac_checksum_init(&sum);

    if (st != AC_OK)
        return st;
    for (int i = 0; i < FIELDS; i++)
        ac_checksum_update(&sum, fields[i], strlen(fields[i]) + 1);
    for (int64_t i = 0; i < tensors->count; i++) {
        ac_checksum_update(&sum, tensors->items[i].name, strlen(tensors->items[i].name) + 1);
        ac_checksum_update(&sum, tensors->items[i].data,
                           (size_t) ac_tensor_count(&tensors->items[i]) *
                               ac_dtype_bytes(tensors->items[i].dtype));
    }
    ac_checksum_digest(&sum, hex);
    ac_checksum_free(&sum);
    return AC_OK;
}

/* The fields of an open file, to free; AC_E_FORMAT where it is no whole checkpoint. */
static ac_status
read_fields(const ac_safetensors *file, char *fields[FIELDS])
{
    char *checksum = NULL, found[33];
    ac_status st = AC_OK;

    for (int i = 0; i < FIELDS; i++)
        AC_TRY(ac_safetensors_metadata(file, field_names[i], &fields[i]));
    AC_TRY(ac_safetensors_metadata(file, "checksum", &checksum));
    for (int i = 0; i < FIELDS; i++)
        if (!fields[i])
            AC_FAIL(AC_E_FORMAT,
                    "%s: no checkpoint of antarctic train: its metadata has no \"%s\"",
                    file->path, field_names[i]);
    if (atoi(fields[0]) > CHECKPOINT_FORMAT)
        goto out; /* what a newer version writes, only that one can check: the caller refuses it
                     by its number */
    AC_TRY(make_checksum(found, (const char *const *) fields, &file->tensors));
    if (!checksum || strcmp(found, checksum) != 0)
        st = ac_error_set(AC_E_FORMAT, "%s: its data are not what was written (checksum)",
                          file->path);
out:
    free(checksum);
    return st;
}

static void
free_fields(char *fields[FIELDS])
{
    for (int i = 0; i < FIELDS; i++)
        free(fields[i]);
}

ac_status
ac_checkpoint_verify(const char *path)
{
    ac_safetensors file = { 0 };
    char *fields[FIELDS] = { 0 };
    ac_status st = ac_safetensors_open(&file, path);

    if (st == AC_OK)
        st = read_fields(&file, fields);
    if (st == AC_OK && atoi(fields[0]) > CHECKPOINT_FORMAT)
        st = ac_error_set(AC_E_FORMAT, "%s: written by a newer version of this program (%s)",
                          path, fields[1]);
    free_fields(fields);
    ac_safetensors_close(&file);
    return st;
}

/* ---- looking through the folder ---- */

static ac_status
check_identity(const ac_checkpoints *self, char *const fields[FIELDS], const char *path)
{
    const ac_checkpoint_identity *mine = &self->identity;
    const char *what = NULL;

    if (atoi(fields[0]) > CHECKPOINT_FORMAT)
        return ac_error_set(AC_E_FORMAT,
                            "%s: written by a newer version of this program (%s); use that "
                            "one, or another --run folder",
                            path, fields[1]);
    if (strcmp(fields[9], mine->bart) != 0)
        what = "BART model";
    else if (strcmp(fields[8], mine->input) != 0)
        what = "training or validation data";
    else if (strcmp(fields[7], mine->config) != 0 || atoll(fields[6]) != mine->seed)
        what = "config";
    if (what)
        return ac_error_set(
            AC_E_ARG,
            "%s: the state of a run with another %s; remove it, or give --run another folder",
            path, what);
    return AC_OK;
}

static ac_status
push_file(ac_checkpoints *self, const char *name, int64_t step, bool validated, double vloss)
{
    ac_status st = ac_grow(&self->files, &self->capacity, self->count + 1, sizeof *self->files);

    if (st != AC_OK)
        return st;
    self->files[self->count] =
        (ac_checkpoint_file){ .step = step, .validated = validated, .vloss = vloss };
    snprintf(self->files[self->count++].name, sizeof self->files->name, "%s", name);
    return AC_OK;
}

/* One file of the folder: taken in, removed because damaged, or refused. */
static ac_status
look_at(ac_checkpoints *self, const char *name)
{
    ac_safetensors file = { 0 };
    char *fields[FIELDS] = { 0 }, *path = NULL;
    ac_status st;

    AC_TRY(ac_path_format(&path, "%s/%s", self->folder, name));
    st = ac_safetensors_open(&file, path);
    if (st == AC_OK)
        st = read_fields(&file, fields);
    if (st == AC_E_FORMAT) {
        ac_log(AC_LOG_WARNING, "%s; it is removed, and the checkpoint before it is used",
               ac_error_message());
        unlink(path);
        st = AC_OK;
        goto out;
    }
    AC_TRY(st);
    AC_TRY(check_identity(self, fields, path));
    st = push_file(self, name, atoll(fields[2]), strcmp(fields[5], "none") != 0,
                   strtod(fields[5], NULL));
out:
    free_fields(fields);
    ac_safetensors_close(&file);
    free(path);
    return st;
}

static int
compare_files(const void *a, const void *b)
{
    const ac_checkpoint_file *x = a, *y = b;

    if (x->step != y->step)
        return x->step < y->step ? -1 : 1;
    return strcmp(x->name, y->name);
}

ac_status
ac_checkpoints_open(ac_checkpoints *self, const char *folder, const ac_bart_trainer *trainer,
                    const ac_checkpoint_identity *identity)
{
    struct dirent *entry;
    DIR *d = NULL;
    ac_status st = AC_OK;

    *self = (ac_checkpoints){ .trainer = trainer, .identity = *identity };
    AC_TRY(ac_duplicate(&self->folder, folder, strlen(folder)));
    AC_TRY(ac_run_make_folder(folder));
    if (!(d = ac_folder_open(folder)))
        AC_FAIL(ac_io_failure(errno), "%s: the folder cannot be read: %s", folder,
                strerror(errno));
    for (;;) {
        AC_TRY(ac_folder_next(&entry, d, folder));
        if (!entry)
            break;
        const size_t n = strlen(entry->d_name);
        char *path = NULL;
        if (strstr(entry->d_name, ".tmp.")) {
            AC_TRY(ac_path_format(&path, "%s/%s", self->folder, entry->d_name));
            unlink(path);
            free(path);
        } else if (n > 12 && n < sizeof self->files->name &&
                   strcmp(entry->d_name + n - 12, ".safetensors") == 0) {
            AC_TRY(look_at(self, entry->d_name));
        }
    }
    if (self->count)
        qsort(self->files, (size_t) self->count, sizeof *self->files, compare_files);
out:
    if (d)
        closedir(d);
    return st;
}

void
ac_checkpoints_free(ac_checkpoints *self)
{
    free(self->folder);
    free(self->files);
    *self = (ac_checkpoints){ 0 };
}

int64_t
ac_checkpoints_best(const ac_checkpoints *self)
{
    int64_t best = -1;

    for (int64_t i = 0; i < self->count; i++)
        if (self->files[i].validated &&
            (best < 0 || self->files[i].vloss < self->files[best].vloss))
            best = i;
    return best;
}

/* ---- saving and loading ---- */

/* The tensors of a checkpoint, sorted by name: exp_avg.…, exp_avg_sq.…, model.… */
static ac_status
list_tensors(const ac_bart_trainer *trainer, const ac_checkpoint *c, ac_tensor **items,
             char **names)
{
    const int64_t n = trainer->parameter_count;
    const float *const sources[3] = { c->exp_avg, c->exp_avg_sq, c->values };
    static const char *const prefixes[3] = { "exp_avg.", "exp_avg_sq.", "" };
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(items, 3 * n, sizeof **items));
    AC_TRY(ac_alloc(names, 3 * n, MOMENT_NAME_BYTES));
    for (int64_t i = 0; i < 3 * n; i++) {
        const ac_bart_parameter *p = &trainer->parameters[i % n];
        char *name = *names + i * MOMENT_NAME_BYTES;
        snprintf(name, MOMENT_NAME_BYTES, "%s%s", prefixes[i / n], p->name);
        (*items)[i] = (ac_tensor){ .name = name,
                                   .dtype = AC_F32,
                                   .rank = 1,
                                   .shape = { trainer->bart->config.d_model },
                                   .data = sources[i / n] + p->offset };
    }
out:
    return st;
}

ac_status
ac_checkpoints_prune(ac_checkpoints *self, int64_t keep)
{
    int64_t kept = 0;
    ac_status st = AC_OK;

    for (int64_t i = 0; i < self->count; i++) {
        const ac_checkpoint_file *f = &self->files[i];
        int64_t better = 0;
        char *path = NULL;
        bool stays = i == self->count - 1;
        for (int64_t k = 0; f->validated && k < self->count; k++)
            better += self->files[k].validated && (self->files[k].vloss < f->vloss ||
                                                   (self->files[k].vloss == f->vloss && k < i));
        stays = stays || (f->validated && better < keep);
        if (!stays && st == AC_OK)
            st = ac_path_format(&path, "%s/%s", self->folder, f->name);
        if (!stays && st == AC_OK)
            st = ac_publish_remove(path);
        free(path);
    }
    /* the ranks of those that stay do not change by the others' going, so the list is narrowed
     * afterwards */
    for (int64_t i = 0; i < self->count; i++) {
        char *path = NULL;
        const bool there =
            ac_path_format(&path, "%s/%s", self->folder, self->files[i].name) != AC_OK ||
            ac_file_is_there(path);
        if (there)
            self->files[kept++] = self->files[i];
        free(path);
    }
    self->count = kept;
    return st;
}

ac_status
ac_checkpoints_save(ac_checkpoints *self, const ac_checkpoint *c, int64_t keep)
{
    char name[96], number[5][32], vloss[40] = "none", checksum[33];
    const char *fields[FIELDS];
    ac_metadata metadata[FIELDS + 1];
    ac_tensor *items = NULL;
    ac_tensors tensors = { 0 };
    char *names = NULL, *path = NULL;
    const int64_t named =
        c->position ? c->epoch : c->epoch - 1; /* the epoch that the last step belongs to */
    ac_status st = AC_OK;

    snprintf(number[0], sizeof number[0], "%d", CHECKPOINT_FORMAT);
    snprintf(number[1], sizeof number[1], "%lld", (long long) c->step);
    snprintf(number[2], sizeof number[2], "%lld", (long long) c->epoch);
    snprintf(number[3], sizeof number[3], "%lld", (long long) c->position);
    snprintf(number[4], sizeof number[4], "%lld", (long long) self->identity.seed);
    if (c->validated) {
        snprintf(vloss, sizeof vloss, "%.17g", c->vloss);
        snprintf(name, sizeof name, "step=%07lld-epoch=%02lld-vloss=%.3f.safetensors",
                 (long long) c->step, (long long) named, c->vloss);
    } else {
        snprintf(name, sizeof name, "step=%07lld-epoch=%02lld.safetensors", (long long) c->step,
                 (long long) named);
    }
    memcpy(fields,
           (const char *[FIELDS]){ number[0], AC_VERSION, number[1], number[2], number[3],
                                   vloss, number[4], self->identity.config,
                                   self->identity.input, self->identity.bart },
           sizeof fields);
    AC_TRY(list_tensors(self->trainer, c, &items, &names));
    tensors = (ac_tensors){ items, 3 * self->trainer->parameter_count, name };
    AC_TRY(make_checksum(checksum, fields, &tensors));
    for (int i = 0; i < FIELDS; i++)
        metadata[i] = (ac_metadata){ field_names[i], fields[i] };
    metadata[FIELDS] = (ac_metadata){ "checksum", checksum };
    AC_TRY(ac_path_format(&path, "%s/%s", self->folder, name));
    AC_TRY(ac_safetensors_save(path, &tensors, metadata, FIELDS + 1));
    if (self->count && strcmp(self->files[self->count - 1].name, name) == 0)
        self->count--; /* written again */
    AC_TRY(push_file(self, name, c->step, c->validated, c->vloss));
    st = ac_checkpoints_prune(self, keep);
out:
    free(items);
    free(names);
    free(path);
    return st;
}

static ac_status
copy_numbers(const ac_checkpoints *self, const ac_safetensors *file, const char *prefix,
             float *out)
{
    const int64_t C = self->trainer->bart->config.d_model;
    ac_status st = AC_OK;

    for (int64_t i = 0; i < self->trainer->parameter_count; i++) {
        const ac_bart_parameter *p = &self->trainer->parameters[i];
        char name[MOMENT_NAME_BYTES];
        const ac_tensor *t;
        snprintf(name, sizeof name, "%s%s", prefix, p->name);
        AC_TRY(ac_tensors_need(&file->tensors, &t, name, 1, &C));
        ac_tensor_read(t, out + p->offset, 0, C);
    }
out:
    return st;
}

ac_status
ac_checkpoints_load(const ac_checkpoints *self, int64_t i, ac_checkpoint *out)
{
    ac_safetensors file = { 0 };
    char *fields[FIELDS] = { 0 }, *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&path, "%s/%s", self->folder, self->files[i].name));
    AC_TRY(ac_safetensors_open(&file, path));
    AC_TRY(read_fields(&file, fields));
    AC_TRY(copy_numbers(self, &file, "", out->values));
    AC_TRY(copy_numbers(self, &file, "exp_avg.", out->exp_avg));
    AC_TRY(copy_numbers(self, &file, "exp_avg_sq.", out->exp_avg_sq));
    out->step = atoll(fields[2]);
    out->epoch = atoll(fields[3]);
    out->position = atoll(fields[4]);
    out->validated = self->files[i].validated;
    out->vloss = self->files[i].vloss;
out:
    free_fields(fields);
    ac_safetensors_close(&file);
    free(path);
    return st;
}
