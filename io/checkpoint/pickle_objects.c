/* Names, calls and objects: recorded as the rules say, never looked up or run. */
#include "io/checkpoint/pickle_machine.h"

ac_status
ac_pickle_push_global(ac_pickle_machine *m)
{
    ac_status st = AC_OK;
    ac_pickle_value v = { .type = AC_PICKLE_GLOBAL };

    AC_TRY(ac_pickle_take_line(m, &v.as.global.module, &v.as.global.module_size));
    AC_TRY(ac_pickle_take_line(m, &v.as.global.name, &v.as.global.name_size));
    st = ac_pickle_push(m, v);
out:
    return st;
}

ac_status
ac_pickle_push_stack_global(ac_pickle_machine *m)
{
    ac_status st = AC_OK;
    int64_t module = 0, name = 0;
    const ac_pickle_value *a, *b;
    ac_pickle_value v = { .type = AC_PICKLE_GLOBAL };

    AC_TRY(ac_pickle_pop(m, &name));
    AC_TRY(ac_pickle_pop(m, &module));
    a = &m->out->values[module];
    b = &m->out->values[name];
    if (a->type != AC_PICKLE_TEXT || b->type != AC_PICKLE_TEXT || a->as.text.size > 4096 ||
        b->as.text.size > 4096)
        AC_TRY(ac_pickle_damaged(m, "a class's name is no text"));
    v.as.global.module = a->as.text.bytes;
    v.as.global.module_size = (uint32_t) a->as.text.size;
    v.as.global.name = b->as.text.bytes;
    v.as.global.name_size = (uint32_t) b->as.text.size;
    st = ac_pickle_push(m, v);
out:
    return st;
}

static ac_status
refuse_call(const ac_pickle_machine *m, const ac_pickle_value *f)
{
    if (f->type != AC_PICKLE_GLOBAL)
        return ac_pickle_damaged(m, "calls something that is no function");
    return ac_error_set(AC_E_FORMAT,
                        "%s: refused: byte %zu of its pickle calls %.*s.%.*s, which no file of "
                        "plain tensors needs; nothing was run. If you trust "
                        "its source, load it there and save the state_dict alone",
                        m->path, m->opcode,
                        (int) (f->as.global.module_size < 200 ? f->as.global.module_size : 200),
                        f->as.global.module,
                        (int) (f->as.global.name_size < 200 ? f->as.global.name_size : 200),
                        f->as.global.name);
}

/* OrderedDict([[key, value], …]), as Python 2 wrote it. */
static ac_status
fill_dict(ac_pickle_machine *m, int64_t dict, int64_t args)
{
    ac_status st = AC_OK;
    ac_pickle *o = m->out;
    int64_t pairs;

    if (!ac_pickle_tuple(o, args, &pairs, 1))
        return AC_OK;
    if (o->values[pairs].type != AC_PICKLE_LIST)
        return ac_pickle_damaged(m, "a dictionary made of what is no list");
    for (int64_t c = o->values[pairs].as.items.first; c >= 0; c = o->cells[c].next) {
        const ac_pickle_value *pair = &o->values[o->cells[c].value];
        if ((pair->type != AC_PICKLE_LIST && pair->type != AC_PICKLE_TUPLE) ||
            pair->as.items.count != 2)
            return ac_pickle_damaged(m, "a dictionary's item is no pair");
        int64_t key = pair->as.items.first, value = o->cells[key].next;
        AC_TRY(ac_pickle_append(m, dict, o->cells[key].value));
        AC_TRY(ac_pickle_append(m, dict, o->cells[value].value));
    }
out:
    return st;
}

ac_status
ac_pickle_reduce(ac_pickle_machine *m)
{
    ac_status st = AC_OK;
    ac_pickle *o = m->out;
    int64_t args = 0, function = 0;
    const ac_pickle_rule *rule = m->rules;

    AC_TRY(ac_pickle_pop(m, &args));
    AC_TRY(ac_pickle_pop(m, &function));
    while (rule->module && !ac_pickle_is_global(o, function, rule->module, rule->name))
        rule++;
    if (!rule->module)
        AC_TRY(refuse_call(m, &o->values[function]));
    if (o->values[args].type != AC_PICKLE_TUPLE)
        AC_TRY(ac_pickle_damaged(m, "a call's arguments are no tuple"));
    if (rule->result == AC_PICKLE_CALL)
        return ac_pickle_push_pair(m, AC_PICKLE_CALL, function, args);
    if (rule->result == AC_PICKLE_OBJECT)
        return ac_pickle_push_pair(m, AC_PICKLE_OBJECT, function, -1);
    AC_TRY(ac_pickle_push_empty(m, AC_PICKLE_DICT));
    st = fill_dict(m, m->stack[m->stack_count - 1], args);
out:
    return st;
}

/* NEWOBJ, NEWOBJ_EX: an object of any class, its n arguments dropped. */
ac_status
ac_pickle_new_object(ac_pickle_machine *m, int arguments)
{
    ac_status st = AC_OK;
    int64_t place = 0;

    for (int i = 0; i < arguments; i++)
        AC_TRY(ac_pickle_pop(m, &place));
    AC_TRY(ac_pickle_pop(m, &place));
    if (m->out->values[place].type != AC_PICKLE_GLOBAL)
        AC_TRY(ac_pickle_damaged(m, "makes an object of what is no class"));
    st = ac_pickle_push_pair(m, AC_PICKLE_OBJECT, place, -1);
out:
    return st;
}

/* The state of an object is kept; a dictionary's attributes are of no use to anyone here. */
ac_status
ac_pickle_build(ac_pickle_machine *m)
{
    ac_status st = AC_OK;
    int64_t state = 0, object = 0;

    AC_TRY(ac_pickle_pop(m, &state));
    AC_TRY(ac_pickle_top(m, &object));
    if (m->out->values[object].type == AC_PICKLE_OBJECT)
        m->out->values[object].as.pair.b = state;
out:
    return st;
}
