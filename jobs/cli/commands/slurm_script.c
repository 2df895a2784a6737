#include "jobs/cli/commands/slurm_script.h"

#include <string.h>

#include "ac_slurm_assets.h"
#include "engine/base/text.h"

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

static const char plain[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+=.,:/@%";

static bool
is_plain(const char *text)
{
    return *text && strspn(text, plain) == strlen(text);
}

void
ac_shell_word(ac_buffer *out, const char *text)
{
    if (is_plain(text)) {
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

/* Bytes of what begins here and would not be seen as it is, or would end a line for some
 * reader of the script; 0: something plain. */
static size_t
hidden(const char *text, size_t n)
{
    return n && text[0] == '\t' ? 1 : ac_text_obeyed(text, n);
}

/* The place of the first such character; n: none. */
static size_t
find_hidden(const char *text, size_t n)
{
    size_t i = 0;

    while (i < n && !hidden(text + i, n - i))
        i += ac_text_utf8(text + i, n - i);
    return i;
}

void
ac_bash_word(ac_buffer *out, const char *text)
{
    const size_t n = strlen(text);

    if (find_hidden(text, n) == n) {
        ac_shell_word(out, text);
        return;
    }
    ac_buffer_push_text(out, "$'");
    for (size_t i = 0; i < n;) {
        const size_t seen = i + find_hidden(text + i, n - i);
        for (; i < seen; i++)
            ac_buffer_printf(out, text[i] == '\'' || text[i] == '\\' ? "\\%c" : "%c", text[i]);
        for (const size_t end = i + hidden(text + i, n - i); i < end; i++)
            ac_buffer_printf(out, "\\x%02x", (unsigned char) text[i]);
    }
    ac_buffer_push_char(out, '\'');
}

/* Slurm 22.05 splits these lines at blanks; either quotes keep them together, and inside quotes
 * a backslash keeps the next character. From an unquoted # on, a line is a comment. */
ac_status
ac_slurm_value(ac_buffer *out, const char *what, const char *value)
{
    for (const char *at = value; *at; at++) /* for any reader: editors and Python see more */
        if (ac_text_line_end(at, strlen(at)))
            return ac_error_set(
                AC_E_ARG, "%s: a batch script cannot name it, because it has a line break",
                what);
    if (is_plain(value))
        return ac_buffer_push_text(out, value);
    ac_buffer_push_char(out, '"');
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            ac_buffer_push_char(out, '\\');
        ac_buffer_push_char(out, *value);
    }
    return ac_buffer_push_char(out, '"');
}

ac_status
ac_slurm_log_path(ac_buffer *out, const char *what, const char *folder, const char *name)
{
    ac_status st = AC_OK;
    ac_buffer path = { 0 };

    if (strchr(folder, '\\'))
        AC_FAIL(
            AC_E_ARG,
            "%s: the job's log cannot lie in this folder, because its path has a backslash: "
            "Slurm would put no job's number into the log's name; give --run another folder",
            what);
    for (; *folder; folder++)
        ac_buffer_push_text(&path, *folder == '%' ? "%%" : (char[]){ *folder, '\0' });
    AC_TRY(ac_buffer_printf(&path, "/%s", name));
    st = ac_slurm_value(out, what, path.data);
out:
    ac_buffer_free(&path);
    return st;
}

void
ac_slurm_job_name(ac_buffer *out, const char *text)
{
    enum { MOST = 128 };
    const size_t n = strlen(text);
    size_t size;

    for (size_t i = 0; i < n && out->size < MOST; i += size) {
        size = ac_text_utf8(text + i, n - i);
        if (out->size + size > MOST)
            return;
        if (size > 1 && !ac_text_obeyed(text + i, n - i))
            ac_buffer_push(out, text + i, size);
        else
            ac_buffer_push_char(out, size == 1 && memchr(plain, text[i], sizeof plain - 1) &&
                                             !strchr("=,:/@%", text[i])
                                         ? text[i]
                                         : '_');
        size = size ? size : 1;
    }
}
