/* Of power_replay: a folder as the running program sees it and as it is on disk for certain,
 * and the log that changes it. Whatever goes wrong ends the process. */
#ifndef AC_TESTS_FAULT_POWER_DISK_H
#define AC_TESTS_FAULT_POWER_DISK_H

#include <stdbool.h>
#include <stddef.h>

#include "power_log.h"

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

typedef struct event {
    power_record r;
    char *path, *path2;
    const unsigned char *bytes;
} event;

extern object *objects; /* [object_count]; the first is the folder itself */
extern int object_count;
extern event *events; /* [event_count] */
extern int event_count;

void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void *grown(void *array, int count, size_t size);
char *copied(const char *text);

void set_size(content *c, size_t size);
void copy_content(content *to, const content *from);
void read_file(content *out, const char *path);

int find_name(const name *names, int count, const char *text);
void set_name(name **names, int *count, const char *text, int to);

/* The object of a path as the running program sees it; -1: none. */
int find_path(const char *path);
int by_inode(uint64_t inode);

/* The folder of before the run. */
void start(const char *before);

void read_log(const char *path);
void describe(char out[256], const event *e);
void apply(const event *e);

#endif
