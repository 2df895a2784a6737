/** The JSON of captions as it comes from the web: lists of many values, which are made one by
 * one, so that reading takes no memory for the whole. */
#ifndef AC_IO_SOURCE_COCO_JSON_H
#define AC_IO_SOURCE_COCO_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "engine/base/buffer.h"
#include "io/file/map.h"

enum { AC_COCO_JSON_MEMBERS = 64 };

/** A member of the file's object: its value as it stands in the text. */
typedef struct ac_coco_member {
    const char *name, *value;
    size_t name_size, value_size;
    bool read; /* all of its values were made, and are JSON */
} ac_coco_member;

/** Starts zeroed. */
typedef struct ac_coco_json {
    const char *path; /* borrowed */
    ac_map map;
    ac_coco_member members[AC_COCO_JSON_MEMBERS];
    int count;
    ac_buffer names, repaired;
    bool doubtful; /* something was met that is perhaps no JSON: read the file as a whole */
    json_t *root;  /* the whole; NULL: its values are made one by one */
} ac_coco_json;

/**
 * Texts may hold zero bytes (\u0000). So do, in place of what was there, texts with half of a
 * surrogate pair or with bytes that are not UTF-8: Python writes such files, and they are no
 * JSON by the letter.
 * @return AC_E_IO where it cannot be read; AC_E_FORMAT where it is something else
 * (io/file/file_head.h)
 */
AC_MUST_CHECK ac_status ac_coco_json_open(ac_coco_json *self, const char *path);
void ac_coco_json_close(ac_coco_json *self);

/** Read it as a whole, as ac_json_file_read does: for what is to be said about it. */
AC_MUST_CHECK ac_status ac_coco_json_read_whole(ac_coco_json *self);

/** Make the values of which none was asked for yet: is all of it JSON? */
bool ac_coco_json_check(ac_coco_json *self);

bool ac_coco_json_has(const ac_coco_json *self, const char *name);

/** The values of a list, in order. Starts zeroed. */
typedef struct ac_coco_list {
    ac_coco_json *file;
    ac_coco_member *member; /* NULL: of the whole */
    const char *at, *end;
    json_t *values; /* of the whole; borrowed */
    size_t next;
    json_t *made;
} ac_coco_list;

/** false: there is no such member, or it is no list. */
bool ac_coco_list_begin(ac_coco_list *self, ac_coco_json *file, const char *name);

/** The next value, valid until the next call; NULL: there is none, or the file is doubtful. */
const json_t *ac_coco_list_next(ac_coco_list *self);
void ac_coco_list_end(ac_coco_list *self);

#endif
