#include "io/file/json_file.h"

#include "io/file/file_head.h"
#include "io/file/json_value.h"
#include "io/file/map.h"

ac_status
ac_json_file_read(json_t **out, const char *path, size_t flags)
{
    ac_map map = { 0 };
    json_error_t error;
    size_t mark;
    ac_status st = AC_OK;

    *out = NULL;
    AC_TRY(ac_map_open(&map, path));
    AC_TRY(ac_head_check_text(path, map.data, map.size));
    mark = ac_head_mark(map.data, map.size);
    *out = ac_json_parse(map.size ? (const char *) map.data + mark : "", map.size - mark, flags,
                         &error);
    if (!*out)
        st = ac_error_set(AC_E_FORMAT, "%s:%d: not JSON: %s", path, error.line, error.text);
out:
    ac_map_close(&map);
    return st;
}

ac_status
ac_json_file_find(json_t **out, const char *path)
{
    const ac_status st = ac_json_file_read(out, path, 0);

    return st == AC_E_RETRY || st == AC_E_NOMEM ? st : AC_OK;
}
