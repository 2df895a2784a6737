#include "jobs/models/prompt.h"

#include <string.h>

static bool
is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') ||
           (c >= 0x1c && c <= 0x1f); /* str.strip() of Python, ASCII part */
}

void
ac_text_strip(const char **text, size_t *size)
{
    while (*size && is_space(**text)) {
        ++*text;
        --*size;
    }
    while (*size && is_space((*text)[*size - 1]))
        --*size;
}

ac_status
ac_table_push(ac_buffer *table, const char *entry, size_t size)
{
    ac_text_strip(&entry, &size);
    ac_buffer_push(table, entry, size);
    return ac_buffer_push(table, " | ", 3);
}
