#include "jobs/cli/commands/slurm_queries.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/buffer.h"
#include "io/file/json_lines.h"
#include "io/file/path.h"

/* Is name one of the list "a,b"? */
static bool
is_listed(const char *list, const char *name)
{
    const size_t n = strlen(name);

    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, n) == 0 && (at[n] == ',' || at[n] == '\0'))
            return true;
    }
    return false;
}

/* A line "main*|8|16000|4": partition (the default with its star), cores, megabytes (the least,
 * with a +, where they differ), nodes. */
static void
take_nodes(ac_slurm_nodes *out, const char *wanted, char *line, char last[128],
           int64_t *of_last)
{
    char *rest = NULL, *name = strtok_r(line, "|", &rest), *cores = strtok_r(NULL, "|", &rest),
         *memory = strtok_r(NULL, "|", &rest);
    char *count = strtok_r(NULL, "|\n", &rest), *star;
    bool is_default, is_first;
    const size_t used = strlen(out->partitions);

    if (!count)
        return;
    if ((is_default = (star = strchr(name, '*')) != NULL))
        *star = '\0';
    is_first = strcmp(name, last) != 0;
    if (is_first) {
        snprintf(out->partitions + used, sizeof out->partitions - used, "%s%s",
                 used ? ", " : "", name);
        snprintf(last, 128, "%s", name);
        *of_last = 0;
    }
    if (wanted ? !is_listed(wanted, name) : !is_default)
        return;
    if (out->count == 0 || strtoll(cores, NULL, 10) < out->cores)
        out->cores = strtoll(cores, NULL, 10);
    if (out->count == 0 || strtoll(memory, NULL, 10) << 20 < out->memory)
        out->memory = strtoll(memory, NULL, 10) << 20;
    *of_last += strtoll(count, NULL, 10);
    if (*of_last > out->count)
        out->count = *of_last;
}

void
ac_slurm_nodes_ask(ac_slurm_nodes *out, const char *partition)
{
    char line[512], last[128] = "";
    int64_t of_last = 0;
    FILE *f = popen("timeout 10 sinfo -h -o '%P|%c|%m|%D' 2>/dev/null", "r");

    *out = (ac_slurm_nodes){ 0 };
    if (!partition)
        partition = getenv("SBATCH_PARTITION"); /* which sbatch takes too */
    if (!f)
        return;
    while (fgets(line, sizeof line, f))
        take_nodes(out, partition, line, last, &of_last);
    out->answered = pclose(f) == 0 && out->partitions[0];
}

bool
ac_slurm_array_ask(int64_t *most, const char **name)
{
    char line[4096];
    FILE *f = popen("timeout 10 scontrol show config 2>/dev/null", "r");

    *most = INT64_MAX;
    *name = NULL;
    while (f && fgets(line, sizeof line, f)) {
        static const char *const names[] = { "MaxArraySize", "max_array_tasks" };
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            const char *at = strstr(line, names[i]), *number = at ? strchr(at, '=') : NULL;
            const int64_t value = number ? strtoll(number + 1, NULL, 10) : -1;
            if (value >= 0 && value < *most) {
                *most = value;
                *name = names[i];
            }
        }
    }
    return f && pclose(f) == 0 && *name;
}

static void
add_id(ac_slurm_jobs *self, int64_t id)
{
    for (int i = 0; i < self->count; i++)
        if (self->ids[i] == id)
            return;
    if (id > 0 && self->count < AC_SLURM_MOST_JOBS)
        self->ids[self->count++] = id;
}

/* An ac_json_line. */
static ac_status
take_event(void *context, json_t *event)
{
    ac_slurm_jobs *self = context;
    const char *kind = json_string_value(json_object_get(event, "event"));
    const int64_t id = json_integer_value(json_object_get(event, "slurm_job"));

    add_id(self, id);
    if (id > 0 && kind && strcmp(kind, "submit") == 0)
        self->last_submitted = id;
    return AC_OK;
}

static ac_status
read_ids(ac_slurm_jobs *self, const char *run, const char *name)
{
    char *path = NULL;
    ac_status st = ac_path_format(&path, "%s/%s", run, name);

    if (st == AC_OK)
        st = ac_json_lines_read(path, take_event, self);
    free(path);
    return st;
}

ac_status
ac_slurm_jobs_read(ac_slurm_jobs *self, const char *run)
{
    const ac_status st = read_ids(self, run, "jobs.jsonl");

    return st == AC_OK ? read_ids(self, run, "attempts.jsonl") : st;
}

void
ac_slurm_queue_ask(ac_slurm_queue *out, const ac_slurm_jobs *jobs)
{
    ac_buffer command = { 0 };
    char line[256];
    size_t used = 0;
    bool unknown = false;
    FILE *f = NULL;

    *out = (ac_slurm_queue){ 0 };
    if (jobs->count == 0)
        return;
    ac_buffer_push_text(&command, "timeout 10 squeue -h -o '%i %T (%r)' -j ");
    for (int i = 0; i < jobs->count; i++)
        ac_buffer_printf(&command, "%s%lld", i ? "," : "", (long long) jobs->ids[i]);
    ac_buffer_push_text(&command, " 2>&1");
    if (command.status == AC_OK)
        f = popen(command.data, "r");
    while (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        unknown = unknown || strstr(line, "Invalid job id"); /* of one that ended long ago */
        if (strspn(line, "0123456789") == 0)
            continue;
        out->waiting += strstr(line, " COMPLETING") == NULL;
        if (used < sizeof out->text)
            used += (size_t) snprintf(out->text + used, sizeof out->text - used, "%s%s",
                                      used ? ", " : "", line);
    }
    out->answered = f && (pclose(f) == 0 || unknown);
    ac_buffer_free(&command);
}
