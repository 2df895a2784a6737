#include "jobs/cli/commands/slurm_script.h"

#include <string.h>

#include "ac_slurm_assets.h"

static const char *
find_value(const ac_slurm_word *words, const char *name, size_t n)
{
    for (; words->name; words++)
        if (strlen(words->name) == n && strncmp(words->name, name, n) == 0)
            return words->value;
    ac_bug(__FILE__, __LINE__, "the batch script's template asks for %.*s", (int) n, name);
}

ac_status
ac_slurm_script(ac_buffer *out, const ac_slurm_word *words)
{
    static const char capitals[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    for (const char *at = ac_slurm_job_sbatch_in; *at;) {
        const size_t n = *at == '@' ? strspn(at + 1, capitals) : 0;
        if (n && at[n + 1] == '@') {
            ac_buffer_push_text(out, find_value(words, at + 1, n));
            at += n + 2;
        } else {
            ac_buffer_push_char(out, *at++);
        }
    }
    return out->status;
}

void
ac_shell_word(ac_buffer *out, const char *text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+=.,:/@%";

    if (*text && strspn(text, plain) == strlen(text)) {
        ac_buffer_push_text(out, text);
        return;
    }
    ac_buffer_push_char(out, '\'');
    for (; *text; text++) {
        if (*text == '\'')
            ac_buffer_push_text(out, "'\\''");
        else
            ac_buffer_push_char(out, *text);
    }
    ac_buffer_push_char(out, '\'');
}
