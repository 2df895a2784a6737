#include "io/file/skip.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/json_write.h"
#include "io/file/path.h"
#include "io/file/publish.h"

enum { MOST_LOOKS = 1000 };

/* Folders that no person makes for images: of Synology, QNAP, NetApp, ZFS; of Linux desktops,
 * macOS, Windows; of Jupyter, Picasa, Syncthing, Dropbox; of version control. */
const char ac_skip_default[] =
    "@eaDir\n#recycle\n#snapshot\n@Recycle\n@Recently-Snapshot\n.@__thumb\n.snapshot\n"
    ".snapshots\n.zfs\n.Trash*\n.thumbnails\n.Spotlight-V100\n.fseventsd\n"
    ".TemporaryItems\n.AppleDouble\n__MACOSX\n$RECYCLE.BIN\nRECYCLER\n"
    "System Volume Information\n.ipynb_checkpoints\n.picasaoriginals\n.stversions\n"
    ".dropbox.cache\n.git\n.svn\n.hg";

ac_status
ac_skip_init(ac_skip *self, const char *patterns)
{
    int64_t room = 0;
    ac_status st = AC_OK;

    *self = (ac_skip){ 0 };
    for (const char *p = patterns; p && *p;) {
        const size_t n = strcspn(p, "\n");
        if (n) {
            AC_TRY(ac_grow(&self->kinds, &room, self->count + 1, sizeof *self->kinds));
            self->kinds[self->count] = (ac_skip_kind){ 0 };
            AC_TRY(ac_duplicate(&self->kinds[self->count].pattern, p, n));
            self->count++;
        }
        p += n + (p[n] == '\n');
    }
out:
    if (st != AC_OK)
        ac_skip_free(self);
    return st;
}

void
ac_skip_free(ac_skip *self)
{
    for (int64_t i = 0; i < self->count; i++) {
        free(self->kinds[i].pattern);
        free(self->kinds[i].first);
    }
    free(self->kinds);
    ac_buffer_free(&self->unreadable);
    *self = (ac_skip){ 0 };
}

static bool
matches(const char *pattern, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

    /* of millions of names most are told by their first letter */
    if (!strchr("*?[\\", pattern[0]) && !strchr(pattern, '/') &&
        tolower((unsigned char) pattern[0]) != tolower((unsigned char) name[0]))
        return false;

    return strchr(pattern, '/') ? fnmatch(pattern, path, FNM_CASEFOLD | FNM_PATHNAME) == 0
                                : fnmatch(pattern, name, FNM_CASEFOLD) == 0;
}

ac_status
ac_skip_ask(ac_skip *self, const char *path, bool *skipped)
{
    char *copy = NULL;
    ac_skip_kind *kind = self->kinds;

    for (; kind < self->kinds + self->count && !matches(kind->pattern, path); kind++)
        ;
    *skipped = kind < self->kinds + self->count;
    if (!*skipped)
        return AC_OK;
    kind->count++;
    self->total++;
    self->last = kind - self->kinds;
    if (!kind->first || strcmp(path, kind->first) < 0) {
        const ac_status st = ac_duplicate(&copy, path, strlen(path));
        if (st != AC_OK)
            return st;
        free(kind->first);
        kind->first = copy;
    }
    return AC_OK;
}

static int64_t
count_wanted(ac_skip *self, const char *path, bool (*is_wanted)(const char *name))
{
    struct dirent *entry;
    DIR *folder = self->looked < MOST_LOOKS ? opendir(path) : NULL;
    int64_t count = 0;

    self->looked += folder != NULL;
    while (folder && (entry = readdir(folder))) {
        char *child = NULL;
        if (entry->d_type != DT_DIR) {
            count += is_wanted(entry->d_name);
        } else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
                   ac_path_format(&child, "%s/%s", path, entry->d_name) == AC_OK) {
            count += count_wanted(self, child, is_wanted);
            free(child);
        }
    }
    if (folder)
        closedir(folder);
    return count;
}

void
ac_skip_look(ac_skip *self, const char *path, bool (*is_wanted)(const char *name))
{
    self->kinds[self->last].images += count_wanted(self, path, is_wanted);
}

ac_status
ac_skip_unreadable(ac_skip *self, const char *path, int error_number)
{
    if (ac_io_failure(error_number) == AC_E_RETRY || error_number == EMFILE ||
        error_number == ENOMEM)
        return ac_error_set(ac_io_failure(error_number), "%s: the folder cannot be read: %s",
                            path, strerror(error_number));
    self->unreadable_count++;
    ac_text_push_visible(&self->unreadable, path, strlen(path));
    return ac_buffer_printf(&self->unreadable, ": %s\n", strerror(error_number));
}

ac_status
ac_skip_ask_member(ac_skip *self, const char *name, size_t n, bool *skipped)
{
    char *path = NULL;
    ac_status st = AC_OK;

    *skipped = false;
    if (self->count == 0)
        return AC_OK;
    for (; n > 2 && strncmp(name, "./", 2) == 0; n -= 2)
        name += 2;
    AC_TRY(ac_duplicate(&path, name, n));
    for (size_t end = 1; end <= n && !*skipped; end++) {
        const char kept = path[end];
        if (kept != '/' && kept != '\0')
            continue;
        path[end] = '\0';
        AC_TRY(ac_skip_ask(self, path, skipped));
        path[end] = kept;
    }
out:
    free(path);
    return st;
}

void
ac_skip_print(const ac_skip *self, ac_buffer *out)
{
    const char *comma = "";

    for (const ac_skip_kind *k = self->kinds; k < self->kinds + self->count; k++) {
        if (!k->count)
            continue;
        ac_buffer_printf(out, "%s%lld %s (first: %s)", comma, (long long) k->count, k->pattern,
                         k->first);
        comma = ", ";
    }
    comma = "; images in them: ";
    for (const ac_skip_kind *k = self->kinds; k < self->kinds + self->count; k++) {
        if (!k->images)
            continue;
        ac_buffer_printf(out, "%s%lld %s", comma, (long long) k->images, k->pattern);
        comma = ", ";
    }
    if (self->looked == MOST_LOOKS)
        ac_buffer_push_text(out, ", or more");
}

void
ac_skip_push_json(const ac_skip *self, ac_buffer *out)
{
    const char *comma = "";

    ac_buffer_push_char(out, '{');
    for (const ac_skip_kind *k = self->kinds; k < self->kinds + self->count; k++) {
        if (!k->count)
            continue;
        ac_buffer_push_text(out, comma);
        ac_json_text(out, k->pattern);
        ac_buffer_printf(out, ": %lld", (long long) k->count);
        comma = ", ";
    }
    ac_buffer_push_char(out, '}');
}

void
ac_skip_log_unreadable(const ac_skip *self, const char *what)
{
    const char *line = self->unreadable.data;

    for (int64_t i = 0; i < self->unreadable_count; i++) {
        const char *end = strchr(line, '\n');
        ac_log(AC_LOG_WARNING, "%s: a folder that cannot be read is left out: %.*s", what,
               (int) (end - line), line);
        line = end + 1;
    }
}

void
ac_skip_log(const ac_skip *self, const char *what)
{
    ac_buffer text = { 0 };

    ac_skip_log_unreadable(self, what);

    if (self->total) {
        ac_skip_print(self, &text);
        ac_log(AC_LOG_INFO, "%s: passed over by input.skip, with all they hold: %.*s", what,
               (int) text.size, text.size ? text.data : "");
    }
    ac_buffer_free(&text);
}
