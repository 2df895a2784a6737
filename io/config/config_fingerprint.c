/* Which keys decide the output, as a fingerprint; and why two fingerprints differ. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "io/config/config.h"
#include "io/config/config_values.h"
#include "io/file/checksum.h"

ac_status
ac_config_fingerprint(const ac_config *self, const char *job, char hex[33])
{
    ac_buffer text = { 0 };
    ac_status st;

    for (size_t i = 0; i < ac_config_key_count; i++) {
        if (!ac_config_keys[i].in_fingerprint ||
            !ac_config_job_has(ac_config_job_find(job), &ac_config_keys[i]))
            continue;
        ac_buffer_printf(&text, "%s=", ac_config_keys[i].name);
        ac_config_value_print(self, &ac_config_keys[i], &text);
        ac_buffer_push_char(&text, '\n');
    }
    st = text.status;
    if (st == AC_OK)
        ac_checksum_bytes(text.data, text.size, hex);
    ac_buffer_free(&text);
    return st;
}

/* Can the key of this printed line be why fingerprints differ? Threads or a path cannot. */
static bool
may_decide(const char *section, int section_size, const char *line)
{
    char name[128];
    const int skip = (int) strspn(line, " ");

    snprintf(name, sizeof name, "%.*s%s%.*s", section_size, section, section_size ? "." : "",
             (int) strcspn(line + skip, ":\n"), line + skip);
    for (size_t i = 0; i < ac_config_key_count; i++)
        if (strcmp(ac_config_keys[i].name, name) == 0)
            return ac_config_keys[i].in_fingerprint;
    return true;
}

ac_status
ac_config_difference(const char *before, const char *after, ac_buffer *out)
{
    const char *section = "";
    int section_size = 0;

    while (*before && *after) {
        const size_t n = strcspn(before, "\n"), m = strcspn(after, "\n");
        const int name = (int) strcspn(before, ":\n");
        if (*before != ' ' && *before != '#' &&
            before[name] == ':') { /* at the margin: a section, or a key without one */
            section = before;
            section_size = before[name + 1] == '\n' ? name : 0;
        }
        const char *a = memmem(before, n, "  #", 3),
                   *b =
                       memmem(after, m, "  #", 3); /* comments are another version's business */
        const int size = (int) (a ? a - before : (ptrdiff_t) n),
                  size_after = (int) (b ? b - after : (ptrdiff_t) m);

        if ((size != size_after || strncmp(before, after, (size_t) size) != 0) &&
            may_decide(section, *before == ' ' ? section_size : 0, before)) {
            const int skip = (int) strspn(before, " "), skip_after = (int) strspn(after, " "),
                      shown = skip ? section_size : 0;
            const char *dot = shown ? "." : "";
            ac_buffer_printf(out, "%s\"%.*s%s%.*s\" is now \"%.*s%s%.*s\"",
                             out->size ? "; " : "", shown, section, dot, size - skip,
                             before + skip, shown, section, dot, size_after - skip_after,
                             after + skip_after);
        }
        before += n + (before[n] == '\n');
        after += m + (after[m] == '\n');
    }
    return out->status;
}
