#include "power_disk.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

object *objects;
int object_count;
event *events;
int event_count;

void
fail(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    fprintf(stderr, "power_replay: ");
    vfprintf(stderr, format, list);
    fprintf(stderr, "\n");
    va_end(list);
    exit(1);
}

void *
grown(void *array, int count, size_t size)
{
    void *new = array;

    if ((count & (count - 1)) == 0 && /* a power of two: full */
        !(new = realloc(array, (size_t) (count ? 2 * count : 1) * size)))
        fail("out of memory");
    return new;
}

char *
copied(const char *text)
{
    char *copy = strdup(text);

    if (!copy)
        fail("out of memory");
    return copy;
}

/* ---- contents and names ---- */

void
set_size(content *c, size_t size)
{
    if (size > c->size) {
        if (!(c->data = realloc(c->data, size)))
            fail("out of memory");
        memset(c->data + c->size, 0, size - c->size);
    }
    c->size = size;
}

void
copy_content(content *to, const content *from)
{
    set_size(to, from->size);
    if (from->size)
        memcpy(to->data, from->data, from->size);
}

int
find_name(const name *names, int count, const char *text)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i].text, text) == 0)
            return i;
    return -1;
}

void
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
int
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

int
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

void
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

void
start(const char *before)
{
    new_object(true, 0);
    read_folder(0, before);
}

/* ---- the log ---- */

void
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

void
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

void
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
