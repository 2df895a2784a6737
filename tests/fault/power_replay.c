/*
 * Longer than 600 lines: its commands read one log into one model of a folder.
 *
 * What a folder may hold after a power loss, from the log of power_record.
 *
 *     power_replay list LOG BEFORE          each state once: "PREFIX VARIANT what was done
 * last" power_replay make LOG BEFORE PREFIX VARIANT TARGET    the state, as the new folder
 * TARGET power_replay check LOG BEFORE AFTER   is the log all that happened? and what the
 * program promised: a file is synced before it gets its final name; when the program has ended
 * nothing is lost power_replay show LOG                 the log, for people
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
#include "power_log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FORMS = 3, HALF = 2, PATH = 4096 };

typedef struct content {
    unsigned char *data;
    size_t size;
} content;

/* A name of a folder. object < 0: no longer. */
typedef struct name {
    char *text;
    int object;
} name;

/* A change to a folder: `text` becomes object (-1: is removed), and `from`, if any, goes. */
typedef struct change {
    char *text, *from;
    int object;
} change;

typedef struct object {
    bool folder, unsynced, touched; /* touched: the hashes are of before */
    uint64_t inode;
    content now, synced;
    uint64_t hashes[FORMS + 1]; /* of the content by form; the last: as it is now */
    name *names, *synced_names;
    int name_count, synced_count;
    change *changes;
    int change_count;
    char *made_as; /* by make: the path */
} object;

static object *objects;
static int object_count;

static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    fprintf(stderr, "power_replay: ");
    vfprintf(stderr, format, list);
    fprintf(stderr, "\n");
    va_end(list);
    exit(1);
}

static void *
grown(void *array, int count, size_t size)
{
    void *new = array;

    if ((count & (count - 1)) == 0 && /* a power of two: full */
        !(new = realloc(array, (size_t) (count ? 2 * count : 1) * size)))
        fail("out of memory");
    return new;
}

static char *
copied(const char *text)
{
    char *copy = strdup(text);

    if (!copy)
        fail("out of memory");
    return copy;
}

/* ---- contents and names ---- */

static void
set_size(content *c, size_t size)
{
    if (size > c->size) {
        if (!(c->data = realloc(c->data, size)))
            fail("out of memory");
        memset(c->data + c->size, 0, size - c->size);
    }
    c->size = size;
}

static void
copy_content(content *to, const content *from)
{
    set_size(to, from->size);
    if (from->size)
        memcpy(to->data, from->data, from->size);
}

static int
find_name(const name *names, int count, const char *text)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i].text, text) == 0)
            return i;
    return -1;
}

static void
set_name(name **names, int *count, const char *text, int to)
{
    const int i = find_name(*names, *count, text);

    if (i >= 0) {
        (*names)[i].object = to;
        return;
    }
    *names = grown(*names, *count, sizeof **names);
    (*names)[(*count)++] = (name){ copied(text), to };
}

static int
new_object(bool folder, uint64_t inode)
{
    for (int i = 0; inode && i < object_count; i++)
        if (objects[i].inode == inode)
            objects[i].inode = 0; /* the number is another file's now */
    objects = grown(objects, object_count, sizeof *objects);
    objects[object_count] = (object){ .folder = folder, .inode = inode, .touched = true };
    return object_count++;
}

/* The object of a path as the running program sees it; -1: none. */
static int
find_path(const char *path)
{
    char copy[PATH], *part, *rest = copy;
    int at = 0;

    snprintf(copy, sizeof copy, "%s", path);
    while ((part = strsep(&rest, "/"))) {
        const object *o = &objects[at];
        const int i = *part ? find_name(o->names, o->name_count, part) : -1;
        if (!*part)
            continue;
        if (i < 0 || o->names[i].object < 0)
            return -1;
        at = o->names[i].object;
    }
    return at;
}

static int
by_inode(uint64_t inode)
{
    for (int i = object_count - 1; i >= 0; i--)
        if (objects[i].inode == inode)
            return i;
    fail("a file that was never opened is written (inode %llu)", (unsigned long long) inode);
}

/* Its folder, and its last part. */
static int
parent_of(const char *path, const char **last)
{
    char folder[PATH];
    const char *slash = strrchr(path, '/');
    int at;

    *last = slash ? slash + 1 : path;
    snprintf(folder, sizeof folder, "%.*s", slash ? (int) (slash - path) : 0, path);
    if ((at = find_path(folder)) < 0)
        fail("%s: no such folder", folder);
    return at;
}

static void
push_change(int folder, const char *text, const char *from, int to)
{
    object *o = &objects[folder];

    o->changes = grown(o->changes, o->change_count, sizeof *o->changes);
    o->changes[o->change_count++] = (change){ copied(text), from ? copied(from) : NULL, to };
    if (from)
        set_name(&o->names, &o->name_count, from, -1);
    set_name(&o->names, &o->name_count, text, to);
}

/* `path` is the object from now on; -1: it is removed. */
static void
push_path(const char *path, int to)
{
    const char *last;
    const int folder = parent_of(path, &last);

    push_change(folder, last, NULL, to);
}

/* ---- the folder of before ---- */

static void
read_file(content *out, const char *path)
{
    struct stat info;
    FILE *f = fopen(path, "rb");

    if (!f || fstat(fileno(f), &info) != 0)
        fail("%s: %s", path, strerror(errno));
    set_size(out, (size_t) info.st_size);
    if (out->size && fread(out->data, 1, out->size, f) != out->size)
        fail("%s: cannot be read", path);
    fclose(f);
}

static void
read_folder(int folder, const char *path)
{
    struct dirent *entry;
    DIR *d = opendir(path);

    if (!d)
        fail("%s: %s", path, strerror(errno));
    while ((entry = readdir(d))) {
        char inside[PATH];
        struct stat info;
        int new;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name) >= PATH ||
            stat(inside, &info) != 0)
            fail("%s/%s: cannot be read", path, entry->d_name);
        new = new_object(S_ISDIR(info.st_mode), 0);
        set_name(&objects[folder].names, &objects[folder].name_count, entry->d_name, new);
        set_name(&objects[folder].synced_names, &objects[folder].synced_count, entry->d_name,
                 new);
        if (S_ISDIR(info.st_mode)) {
            read_folder(new, inside);
        } else {
            read_file(&objects[new].now, inside);
            copy_content(&objects[new].synced, &objects[new].now);
        }
    }
    closedir(d);
}

/* ---- the log ---- */

typedef struct event {
    power_record r;
    char *path, *path2;
    const unsigned char *bytes;
} event;

static event *events;
static int event_count;

static void
read_log(const char *path)
{
    content log = { 0 };

    read_file(&log, path);
    for (size_t at = 0; at < log.size;) {
        event e;
        memcpy(&e.r, log.data + at, sizeof e.r);
        at += sizeof e.r;
        e.path = strndup((char *) log.data + at, e.r.path);
        at += e.r.path;
        e.path2 = strndup((char *) log.data + at, e.r.path2);
        at += e.r.path2;
        e.bytes = log.data + at;
        at += e.r.n;
        if (at > log.size)
            fail("%s: cut short", path);
        events = grown(events, event_count, sizeof *events);
        events[event_count++] = e;
    }
}

static void
describe(char out[256], const event *e)
{
    const char *what = "?";

    switch ((power_kind) e->r.kind) {
    case POWER_OPEN: what = "open"; break;
    case POWER_CREATE: what = "create"; break;
    case POWER_FOLDER: what = "mkdir"; break;
    case POWER_WRITE: what = "write"; break;
    case POWER_SIZE: what = "resize"; break;
    case POWER_RENAME: what = "rename"; break;
    case POWER_LINK: what = "link"; break;
    case POWER_UNLINK: what = "unlink"; break;
    case POWER_SYNC: what = "sync"; break;
    }
    snprintf(out, 256, "process %u: %s %.90s %.90s inode %llu at %llu n %llu", e->r.process,
             what, e->path, e->path2, (unsigned long long) e->r.inode,
             (unsigned long long) e->r.at, (unsigned long long) e->r.n);
}

static void
sync_object(object *o)
{
    if (!o->folder) {
        copy_content(&o->synced, &o->now);
        o->unsynced = false;
        o->touched = true;
    }
    for (int i = 0; i < o->change_count; i++) {
        const change *c = &o->changes[i];
        if (c->from)
            set_name(&o->synced_names, &o->synced_count, c->from, -1);
        set_name(&o->synced_names, &o->synced_count, c->text, c->object);
    }
    o->change_count = 0;
}

static void
do_rename(const event *e)
{
    const char *from, *to;
    const int a = parent_of(e->path, &from), b = parent_of(e->path2, &to),
              moved = find_path(e->path);

    if (moved < 0)
        fail("%s: renamed, and was not there", e->path);
    if (a == b) {
        push_change(b, to, from, moved);
    } else {
        push_change(b, to, NULL, moved);
        push_change(a, from, NULL, -1);
    }
}

static void
apply(const event *e)
{
    object *o;
    int at;

    switch ((power_kind) e->r.kind) {
    case POWER_OPEN:
        if ((at = find_path(e->path)) < 0)
            fail("%s: opened, and was never made", e->path);
        for (int i = 0; i < object_count; i++)
            if (objects[i].inode == e->r.inode && i != at)
                objects[i].inode = 0;
        objects[at].inode = e->r.inode;
        break;
    case POWER_CREATE:
    case POWER_FOLDER:
        at = new_object(e->r.kind == POWER_FOLDER, e->r.inode);
        if (*e->path)
            push_path(e->path, at);
        break;
    case POWER_WRITE:
    case POWER_SIZE:
        o = &objects[by_inode(e->r.inode)];
        if (e->r.kind == POWER_SIZE)
            set_size(&o->now, e->r.at);
        else if (o->now.size < e->r.at + e->r.n)
            set_size(&o->now, e->r.at + e->r.n);
        if (e->r.n)
            memcpy(o->now.data + e->r.at, e->bytes, e->r.n);
        o->unsynced = o->touched = true;
        break;
    case POWER_RENAME: do_rename(e); break;
    case POWER_LINK: push_path(e->path, by_inode(e->r.inode)); break;
    case POWER_UNLINK: push_path(e->path, -1); break;
    case POWER_SYNC: sync_object(&objects[by_inode(e->r.inode)]); break;
    }
}

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
    else if (size)
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
        if (!(f = fopen(path, "wb")) || fwrite(c.data, 1, c.size, f) != c.size ||
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

static void
start(const char *before)
{
    new_object(true, 0);
    read_folder(0, before);
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
