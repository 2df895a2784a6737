#include "io/source/coco_json.h"

#include <stdint.h>
#include <string.h>

#include "io/file/file_head.h"
#include "io/file/json_scan.h"
#include "io/file/json_value.h"

/* In place of what no text can hold. */
#define NOTHING "\\u0000"

enum { FLAGS = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL };

/* ---- the file ---- */

/* A value at text [n]; NULL: it is no JSON. */
static json_t *
parse(const char *text, size_t n, size_t flags, json_error_t *error, ac_buffer *repaired)
{
    json_t *value = ac_json_parse(text, n, FLAGS | flags, error);

    ac_buffer_reset(repaired);
    if (!value && ac_json_mend_texts(repaired, text, n, NOTHING, false) == AC_OK &&
        (repaired->size != n || (n && memcmp(repaired->data, text, n) != 0)))
        value = ac_json_parse(repaired->data, repaired->size, FLAGS | flags, error);
    return value;
}

static const char *
text_of(const ac_coco_json *self, size_t *n)
{
    *n = self->map.size - ac_head_mark(self->map.data, self->map.size);
    return self->map.size ? (const char *) self->map.data + self->map.size - *n : "";
}

static const ac_coco_member *
find_member(const ac_coco_json *self, const char *name, size_t n)
{
    for (int m = 0; m < self->count; m++)
        if (self->members[m].name_size == n &&
            (n == 0 || memcmp(self->members[m].name, name, n) == 0))
            return &self->members[m];
    return NULL;
}

/* A name and its value; false: not what this understands. */
static bool
add_member(ac_coco_json *self, ac_json_scan *scan)
{
    const size_t begin = self->names.size;
    const char *name;
    size_t n;

    if (self->count == AC_COCO_JSON_MEMBERS || !ac_json_scan_string(scan, &self->names))
        return false;
    name = self->names.data + begin;
    n = self->names.size - begin;
    if ((n && memchr(name, '\0', n)) || !ac_json_scan_sign(scan, ':'))
        return false;
    self->members[self->count] = (ac_coco_member){ .name_size = n, .value = scan->at };
    if (!ac_json_scan_skip(scan))
        return false;
    self->members[self->count].value_size =
        (size_t) (scan->at - self->members[self->count].value);
    self->count++;
    return true;
}

/* The names moved as they grew: where each is now. false: one of them comes twice. */
static bool
name_members(ac_coco_json *self)
{
    const char *at = self->names.data;
    const int count = self->count;

    for (int m = 0; m < count; m++) {
        self->members[m].name = at;
        at += self->members[m].name_size;
        self->count = m;
        if (find_member(self, self->members[m].name, self->members[m].name_size))
            return false;
    }
    self->count = count;
    return true;
}

ac_status
ac_coco_json_open(ac_coco_json *self, const char *path)
{
    ac_json_scan scan;
    const char *text;
    size_t n;
    bool good;
    ac_status st = AC_OK;

    self->path = path;
    AC_TRY(ac_map_open(&self->map, path));
    AC_TRY(ac_head_check_text(path, self->map.data, self->map.size));
    text = text_of(self, &n);
    scan = ac_json_scan_begin(text, n);
    good = ac_json_scan_sign(&scan, '{');
    if (good && !ac_json_scan_sign(&scan, '}')) {
        do
            good = add_member(self, &scan);
        while (good && ac_json_scan_sign(&scan, ','));
        good = good && ac_json_scan_sign(&scan, '}');
    }
    self->doubtful = !good || scan.at != scan.end || !name_members(self);
out:
    return st;
}

void
ac_coco_json_close(ac_coco_json *self)
{
    json_decref(self->root);
    ac_map_close(&self->map);
    ac_buffer_free(&self->names);
    ac_buffer_free(&self->repaired);
    *self = (ac_coco_json){ 0 };
}

ac_status
ac_coco_json_read_whole(ac_coco_json *self)
{
    json_error_t error;
    size_t n;
    const char *text = text_of(self, &n);

    self->doubtful = false;
    self->root = parse(text, n, 0, &error, &self->repaired);
    ac_buffer_free(&self->repaired);
    return self->root ? AC_OK
                      : ac_error_set(AC_E_FORMAT, "%s: line %d: not JSON: %s", self->path,
                                     error.line, error.text);
}

static bool
is_list(const ac_coco_member *member)
{
    return member && *member->value == '[';
}

bool
ac_coco_json_check(ac_coco_json *self)
{
    for (int m = 0; m < self->count && !self->doubtful; m++) {
        ac_coco_member *member = &self->members[m];
        if (member->read)
            continue;
        if (is_list(member)) {
            ac_coco_list list = { .file = self, .member = member };
            list.at = member->value;
            list.end = list.at + member->value_size;
            while (ac_coco_list_next(&list))
                ;
            ac_coco_list_end(&list);
        } else {
            json_error_t error;
            json_t *value = parse(member->value, member->value_size, JSON_DECODE_ANY, &error,
                                  &self->repaired);
            self->doubtful = !value;
            json_decref(value);
        }
    }
    return !self->doubtful;
}

bool
ac_coco_json_has(const ac_coco_json *self, const char *name)
{
    return self->root ? json_object_get(self->root, name) != NULL
                      : find_member(self, name, strlen(name)) != NULL;
}

/* ---- its lists ---- */

bool
ac_coco_list_begin(ac_coco_list *self, ac_coco_json *file, const char *name)
{
    const ac_coco_member *member = find_member(file, name, strlen(name));

    *self = (ac_coco_list){ .file = file };
    if (file->root) {
        self->values = json_object_get(file->root, name);
        return json_is_array(self->values);
    }
    if (!is_list(member))
        return false;
    self->member = &file->members[member - file->members];
    self->at = member->value;
    self->end = member->value + member->value_size;
    return true;
}

/* What stands between two values; false: the list ends here, or it is none. */
static bool
pass_comma(ac_coco_list *self, ac_json_scan *scan)
{
    const bool first = self->at == self->member->value;

    if (first ? !ac_json_scan_sign(scan, '[') : !ac_json_scan_sign(scan, ',')) {
        self->file->doubtful |= !ac_json_scan_sign(scan, ']') || scan->at != scan->end;
        return false;
    }
    if (first && ac_json_scan_sign(scan, ']')) {
        self->file->doubtful |= scan->at != scan->end;
        return false;
    }
    return true;
}

const json_t *
ac_coco_list_next(ac_coco_list *self)
{
    ac_json_scan scan = { self->at, self->end };
    json_error_t error;
    const char *begin;

    if (self->values)
        return json_array_get(self->values, self->next++);
    json_decref(self->made);
    self->made = NULL;
    if (!self->at)
        return NULL;
    if (!pass_comma(self, &scan)) {
        self->member->read = !self->file->doubtful;
        self->at = NULL;
        return NULL;
    }
    begin = scan.at;
    if (ac_json_scan_skip(&scan))
        self->made = parse(begin, (size_t) (scan.at - begin), JSON_DECODE_ANY, &error,
                           &self->file->repaired);
    self->file->doubtful |= !self->made;
    self->at = self->made ? scan.at : NULL;
    return self->made;
}

void
ac_coco_list_end(ac_coco_list *self)
{
    json_decref(self->made);
    *self = (ac_coco_list){ 0 };
}
