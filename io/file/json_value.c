#include "io/file/json_value.h"

#include "io/file/json_write.h"

json_t *
ac_json_text_value(const char *text)
{
    ac_buffer json = { 0 };
    json_t *value = ac_json_text(&json, text) == AC_OK
                        ? json_loadb(json.data, json.size, JSON_DECODE_ANY, NULL)
                        : NULL;

    ac_buffer_free(&json);
    return value;
}
