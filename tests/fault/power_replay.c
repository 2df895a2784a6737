/*
 * What a folder may hold after a power loss, from the log of power_record.
 *
 *     power_replay list LOG BEFORE          each state once: PREFIX VARIANT, the last record
 *     power_replay make LOG BEFORE PREFIX VARIANT TARGET
 *                                           the state, as the new folder TARGET
 *     power_replay check LOG BEFORE AFTER   has the log all that happened? is each file synced
 *                                           before it gets its name, and all of it in the end?
 *     power_replay show LOG                 the log, for people
 *
 * BEFORE and AFTER: copies of the folder from before and after the run. A prefix is the number
 * of records that happened. Of these, changes to a file are lost unless the file was synced
 * later, and changes to a folder (a new name, a renaming, a removal: one change each) unless
 * the folder was. What may be lost may also have reached the disk, in any order, so for each
 * prefix there are the variants
 *
 *     N0  nothing reached it     D0  all changes to folders did, no data of files
 *     A0  everything did         F0  all data of files did, no changes to folders
 *     -i  all but change i did   +i  change i alone did
 *
 * and, behind a colon, what became of lost data: 0, the file is as it was when it was synced
 * (or empty); 1, it has its size, and zeros; 2, half of it is there.
 */
#include "power_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- variants ---- */

typedef struct variant {
    char mode; /* N, D, F, A, -, + */
    int unit;  /* of - and + */
    int form;  /* of lost data */
} variant;

/* Files that are no results: they are lost or not with all the others, but not alone. */
static bool
is_noise(const char *text)
{
    static const char *const noise[] = { "log.txt", "progress.json",  "lock",   ".hand",
                                         "pulse",   "attempts.jsonl", ".hashes" };

    for (size_t i = 0; i < sizeof noise / sizeof *noise; i++)
        if (strstr(text, noise[i]))
            return true;
    return false;
}

/* Has this change, the unit'th of all, reached the disk? */
static bool
reached(const variant *v, bool of_folder, int unit)
{
    switch (v->mode) {
    case 'A': return true;
    case 'D': return of_folder;
    case 'F': return !of_folder;
    case '-': return unit != v->unit;
    case '+': return unit == v->unit;
    default: return false;
    }
}

/* Numbers of changes: an object's begin at first_unit(object): its folder's changes, or its
 * data. */
static int
first_unit(int at)
{
    int n = 0;

    for (int i = 0; i < at; i++)
        n += objects[i].folder ? objects[i].change_count : objects[i].unsynced;
    return n;
}

static void
content_by_form(content *out, const object *o, int form)
{
    size_t size = o->synced.size;

    if (form == FORMS) {
        copy_content(out, &o->now);
        return;
    }
    if (form)
        size =
            form == HALF && o->now.size > size ? size + (o->now.size - size) / 2 : o->now.size;
    set_size(out, 0);
    set_size(out, size);
    if (form == HALF && size)
        memcpy(out->data, o->now.data, size);
    else if (size && o->synced.size)
        memcpy(out->data, o->synced.data, o->synced.size < size ? o->synced.size : size);
}

/* Which content a file has: a form, or FORMS as it is now. */
static int
form_of(int at, const variant *v)
{
    const object *o = &objects[at];

    return !o->unsynced || reached(v, false, first_unit(at)) ? FORMS : v->form;
}

/* The names that a folder has; *count of them, to free. */
static name *
names_of(int at, const variant *v, int *count)
{
    const object *o = &objects[at];
    const int unit = first_unit(at);
    name *names = NULL;

    *count = 0;
    for (int i = 0; i < o->synced_count; i++)
        set_name(&names, count, o->synced_names[i].text, o->synced_names[i].object);
    for (int i = 0; i < o->change_count; i++) {
        if (!reached(v, true, unit + i))
            continue;
        if (o->changes[i].from)
            set_name(&names, count, o->changes[i].from, -1);
        set_name(&names, count, o->changes[i].text, o->changes[i].object);
    }
    return names;
}

static void
free_names(name *names, int count)
{
    for (int i = 0; i < count; i++)
        free(names[i].text);
    free(names);
}

static uint64_t
hash_bytes(uint64_t hash, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ ((const unsigned char *) bytes)[i]) * 1099511628211u;
    return hash;
}

static uint64_t
content_hash(object *o, int form)
{
    for (int f = 0; o->touched && f <= FORMS; f++) {
        content c = { 0 };
        content_by_form(&c, o, f);
        o->hashes[f] = hash_bytes(14695981039346656037u, c.data, c.size);
        free(c.data);
    }
    o->touched = false;
    return o->hashes[form];
}

/* A sum over all files, so that the order of names does not matter. */
static uint64_t
state_hash(int at, const variant *v, uint64_t path)
{
    object *o = &objects[at];
    uint64_t sum = 0;
    name *names;
    int count;

    if (!o->folder) {
        const uint64_t c = content_hash(o, form_of(at, v));
        return hash_bytes(path, &c, sizeof c);
    }
    names = names_of(at, v, &count);
    for (int i = 0; i < count; i++)
        if (names[i].object >= 0)
            sum += state_hash(names[i].object, v,
                              hash_bytes(path, names[i].text, strlen(names[i].text) + 1));
    free_names(names, count);
    return hash_bytes(path, &sum, sizeof sum);
}

/* Before the machine came back. */
static struct timespec past;

static void
make_state(int at, const variant *v, const char *path)
{
    object *o = &objects[at];
    content c = { 0 };
    name *names;
    int count;
    FILE *f;

    if (!o->folder) {
        if (o->made_as) {
            if (link(o->made_as, path) != 0)
                fail("%s: %s", path, strerror(errno));
            return;
        }
        content_by_form(&c, o, form_of(at, v));
        if (!(f = fopen(path, "wb")) || (c.size && fwrite(c.data, 1, c.size, f) != c.size) ||
            fclose(f) != 0)
            fail("%s: %s", path, strerror(errno));
        free(c.data);
        if (utimensat(AT_FDCWD, path, (struct timespec[]){ past, past }, 0) != 0)
            fail("%s: %s", path, strerror(errno));
        o->made_as = copied(path);
        return;
    }
    if (mkdir(path, 0755) != 0)
        fail("%s: %s", path, strerror(errno));
    names = names_of(at, v, &count);
    for (int i = 0; i < count; i++) {
        char inside[PATH];
        if (names[i].object >= 0 &&
            snprintf(inside, sizeof inside, "%s/%s", path, names[i].text) < PATH)
            make_state(names[i].object, v, inside);
    }
    free_names(names, count);
}

/* ---- commands ---- */

static uint64_t *known;
static int known_count;

static void
list_variant(int prefix, const variant *v)
{
    const uint64_t hash = state_hash(0, v, 14695981039346656037u);
    char what[256] = "";

    for (int i = known_count - 1; i >= 0; i--)
        if (known[i] == hash)
            return;
    known = grown(known, known_count, sizeof *known);
    known[known_count++] = hash;
    if (prefix)
        describe(what, &events[prefix - 1]);
    printf("%d %c%d:%d %s\n", prefix, v->mode, v->unit, v->form, what);
}

static void
list_prefix(int prefix)
{
    bool data = false;

    for (int i = 0; i < object_count; i++)
        data = data || objects[i].unsynced;
    list_variant(prefix, &(variant){ 'A', 0, 0 });
    list_variant(prefix, &(variant){ 'F', 0, 0 });
    for (int form = 0; form < (data ? FORMS : 1); form++) {
        list_variant(prefix, &(variant){ 'N', 0, form });
        list_variant(prefix, &(variant){ 'D', 0, form });
    }
    for (int i = 0; i < object_count; i++) {
        const object *o = &objects[i];
        const int unit = first_unit(i), units = o->folder ? o->change_count : o->unsynced;
        for (int k = 0; k < units; k++) {
            if (o->folder && is_noise(o->changes[k].text))
                continue;
            list_variant(prefix, &(variant){ '-', unit + k, 0 });
            list_variant(prefix, &(variant){ '+', unit + k, 0 });
        }
    }
}

static int
make_command(char **words)
{
    variant v = { .mode = words[1][0] };
    const int prefix = atoi(words[0]);

    if (sscanf(words[1], "%*c%d:%d", &v.unit, &v.form) != 2)
        fail("no variant: %s", words[1]);
    for (int i = 0; i < prefix; i++)
        apply(&events[i]);
    past.tv_sec = time(NULL) - 600;
    make_state(0, &v, words[2]);
    return 0;
}

static bool broken;

static void
promise(bool kept, const char *what, const char *path)
{
    if (kept)
        return;
    broken = true;
    printf("%s: %s\n", path, what);
}

/* The log's end against what is there, and against what would be there after a power loss. */
static void
compare_folder(int at, const char *path)
{
    const variant all = { 'A', 0, 0 }, none = { 'N', 0, 0 };
    object *o = &objects[at], after = { 0 };
    char inside[PATH];
    name *names, *lasting;
    int count, lasting_count, there = 0;
    struct dirent *entry;
    DIR *d;

    if (!o->folder) {
        read_file(&after.now, path);
        promise(after.now.size == o->now.size &&
                    (!o->now.size || memcmp(after.now.data, o->now.data, o->now.size) == 0),
                "the log does not have all that was written", path);
        promise(!o->unsynced || is_noise(path), "written, not synced at the end", path);
        free(after.now.data);
        return;
    }
    names = names_of(at, &all, &count);
    lasting = names_of(at, &none, &lasting_count);
    for (int i = 0; i < count; i++) {
        const int k = find_name(lasting, lasting_count, names[i].text);
        if (snprintf(inside, sizeof inside, "%s/%s", path, names[i].text) >= PATH)
            fail("%s: too long", path);
        promise((k < 0 ? -1 : lasting[k].object) == names[i].object || is_noise(inside),
                names[i].object < 0 ? "removed, and its folder not synced at the end"
                                    : "made or renamed, and its folder not synced at the end",
                inside);
        there += names[i].object >= 0;
        if (names[i].object >= 0)
            compare_folder(names[i].object, inside);
    }
    free_names(names, count);
    free_names(lasting, lasting_count);
    if (!(d = opendir(path)))
        fail("%s: %s", path, strerror(errno));
    while ((entry = readdir(d)))
        there -= strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(d);
    promise(there == 0, "the log has other names than the folder", path);
}

/* Of a renaming: was what gets the name synced? Of a sync: is the name there for good? */
static void
check_event(const event *e)
{
    char what[256];
    int at;

    describe(what, e);
    if (e->r.kind == POWER_RENAME && (at = find_path(e->path)) >= 0 &&
        !strstr(e->path2, ".tmp") && !is_noise(e->path2))
        promise(!objects[at].unsynced &&
                    (objects[at].folder || objects[at].synced.size == objects[at].now.size),
                "gets its name and is not synced", what);
    if (e->r.kind != POWER_SYNC || objects[by_inode(e->r.inode)].folder)
        return;
    at = by_inode(e->r.inode);
    for (int i = 0; i < object_count; i++)
        for (int k = 0; k < objects[i].change_count; k++)
            if (objects[i].changes[k].object == at &&
                !strstr(objects[i].changes[k].text, ".tmp"))
                promise(is_noise(objects[i].changes[k].text),
                        "synced under a name that its folder has not got for good",
                        objects[i].changes[k].text);
}

int
main(int count, char **words)
{
    char what[256];

    if (count < 3)
        fail("list | make | check | show");
    read_log(words[2]);
    if (strcmp(words[1], "show") == 0) {
        for (int i = 0; i < event_count; i++) {
            describe(what, &events[i]);
            printf("%d %s\n", i + 1, what);
        }
        return 0;
    }
    start(words[3]);
    if (strcmp(words[1], "make") == 0 && count == 7)
        return make_command(words + 4);
    if (strcmp(words[1], "list") == 0)
        list_prefix(0);
    for (int i = 0; i < event_count; i++) {
        if (strcmp(words[1], "check") == 0)
            check_event(&events[i]);
        apply(&events[i]);
        if (strcmp(words[1], "list") == 0 && events[i].r.kind != POWER_OPEN)
            list_prefix(i + 1);
    }
    if (strcmp(words[1], "check") == 0 && count == 5)
        compare_folder(0, words[4]);
    return broken;
}
