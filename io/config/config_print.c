/* The whole config as commented YAML. */
#include <stdio.h>
#include <string.h>

#include "io/config/config.h"
#include "io/config/config_values.h"

ac_status
ac_config_print(const ac_config *self, const char *job, ac_buffer *out)
{
    const ac_config_job *row = job ? ac_config_job_find(job) : NULL;
    char section[64] = "";

    ac_buffer_printf(out, "# antarctic%s%s: every key with its value\n", job ? " " : "",
                     job ? job : "");
    for (size_t i = 0; i < ac_config_key_count; i++) {
        const char *dot = strchr(ac_config_keys[i].name, '.');
        const size_t n = dot ? (size_t) (dot - ac_config_keys[i].name) : 0;
        if (row && !ac_config_job_has(row, &ac_config_keys[i]))
            continue;
        if (n && (strncmp(section, ac_config_keys[i].name, n) != 0 || section[n])) {
            snprintf(section, sizeof section, "%.*s", (int) n, ac_config_keys[i].name);
            ac_buffer_printf(out, "\n%s:\n", section);
        }
        ac_buffer_printf(out, "%s%s: ", n ? "  " : "\n", n ? dot + 1 : ac_config_keys[i].name);
        ac_config_value_print(self, &ac_config_keys[i], out);
        ac_buffer_printf(out, "  # %s", ac_config_key_meaning(row, &ac_config_keys[i]));
        for (const char *const *word = ac_config_keys[i].words; word && *word; word++)
            ac_buffer_printf(out, "%s%s", word == ac_config_keys[i].words ? "; one of " : ", ",
                             *word);
        ac_buffer_push_char(out, '\n');
    }
    return out->status;
}
