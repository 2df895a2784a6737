#include "io/checkpoint/pickle.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

/* Opcodes: Python's pickletools.py. Those of protocols 0 and 1 that PyTorch never wrote are
 * left out, so refused. */
enum {
    OP_MARK = '(',
    OP_STOP = '.',
    OP_POP = '0',
    OP_POP_MARK = '1',
    OP_DUP = '2',
    OP_BINFLOAT = 'G',
    OP_BININT = 'J',
    OP_BININT1 = 'K',
    OP_BININT2 = 'M',
    OP_NONE = 'N',
    OP_BINPERSID = 'Q',
    OP_REDUCE = 'R',
    OP_BINSTRING = 'T',
    OP_SHORT_BINSTRING = 'U',
    OP_BINUNICODE = 'X',
    OP_EMPTY_LIST = ']',
    OP_APPEND = 'a',
    OP_BUILD = 'b',
    OP_GLOBAL = 'c',
    OP_DICT = 'd',
    OP_APPENDS = 'e',
    OP_BINGET = 'h',
    OP_LONG_BINGET = 'j',
    OP_LIST = 'l',
    OP_BINPUT = 'q',
    OP_LONG_BINPUT = 'r',
    OP_SETITEM = 's',
    OP_TUPLE = 't',
    OP_SETITEMS = 'u',
    OP_EMPTY_DICT = '}',
    OP_EMPTY_TUPLE = ')',
    OP_BINBYTES = 'B',
    OP_SHORT_BINBYTES = 'C',
    OP_PROTO = 0x80,
    OP_NEWOBJ = 0x81,
    OP_TUPLE1 = 0x85,
    OP_TUPLE2 = 0x86,
    OP_TUPLE3 = 0x87,
    OP_NEWTRUE = 0x88,
    OP_NEWFALSE = 0x89,
    OP_LONG1 = 0x8a,
    OP_LONG4 = 0x8b,
    OP_SHORT_BINUNICODE = 0x8c,
    OP_BINUNICODE8 = 0x8d,
    OP_BINBYTES8 = 0x8e,
    OP_EMPTY_SET = 0x8f,
    OP_ADDITEMS = 0x90,
    OP_FROZENSET = 0x91,
    OP_NEWOBJ_EX = 0x92,
    OP_STACK_GLOBAL = 0x93,
    OP_MEMOIZE = 0x94,
    OP_FRAME = 0x95
};

/* One pickle being followed. */
typedef struct machine {
    ac_pickle *out;
    const unsigned char *bytes;
    size_t size, at, opcode; /* opcode: where the present one began */
    const ac_pickle_rule *rules;
    const char *path;
    int64_t *stack, stack_count, stack_capacity; /* places of values */
    int64_t *marks, mark_count, mark_capacity;   /* heights of the stack */
    int64_t *memo, memo_capacity, memo_next;     /* places of values + 1; 0: never written */
} machine;

static ac_status
damaged(const machine *m, const char *what)
{
    return ac_error_set(AC_E_FORMAT,
                        "%s: byte %zu of its pickle: %s: the file is damaged; get it again",
                        m->path, m->opcode, what);
}

/* ---- reading ---- */

static ac_status
take_bytes(machine *m, const unsigned char **out, uint64_t n)
{
    if (n > m->size - m->at)
        return damaged(m, "a length goes past the end");
    *out = m->bytes + m->at;
    m->at += n;
    return AC_OK;
}

/* An unsigned little-endian number of 1, 2, 4 or 8 bytes. */
static ac_status
take_number(machine *m, int bytes, uint64_t *out)
{
    const unsigned char *p = NULL;
    ac_status st = take_bytes(m, &p, (uint64_t) bytes);

    *out = 0;
    for (int i = 0; st == AC_OK && i < bytes; i++)
        *out |= (uint64_t) p[i] << (8 * i);
    return st;
}

static ac_status
take_line(machine *m, const char **out, uint32_t *n)
{
    const unsigned char *start = m->bytes + m->at, *end = memchr(start, '\n', m->size - m->at);

    if (!end || end - start > 4096)
        return damaged(m, "a name that does not end");
    *out = (const char *) start;
    *n = (uint32_t) (end - start);
    m->at += *n + 1;
    return AC_OK;
}

/* ---- values and stack ---- */

static ac_status
push_place(machine *m, int64_t place)
{
    ac_status st = ac_grow(&m->stack, &m->stack_capacity, m->stack_count + 1, sizeof *m->stack);

    if (st == AC_OK)
        m->stack[m->stack_count++] = place;
    return st;
}

static ac_status
push(machine *m, ac_pickle_value value)
{
    ac_pickle *o = m->out;
    ac_status st = AC_OK;

    AC_TRY(ac_grow(&o->values, &o->value_capacity, o->value_count + 1, sizeof *o->values));
    o->values[o->value_count] = value;
    AC_TRY(push_place(m, o->value_count));
    o->value_count++;
out:
    return st;
}

static ac_status
push_empty(machine *m, ac_pickle_type type)
{
    return push(m, (ac_pickle_value){ .type = type, .as.items = { -1, -1, 0 } });
}

static ac_status
push_pair(machine *m, ac_pickle_type type, int64_t a, int64_t b)
{
    return push(m, (ac_pickle_value){ .type = type, .as.pair = { a, b } });
}

static ac_status
push_text(machine *m, ac_pickle_type type, int length_bytes)
{
    ac_status st = AC_OK;
    uint64_t n = 0;
    const unsigned char *p = NULL;

    AC_TRY(take_number(m, length_bytes, &n));
    AC_TRY(take_bytes(m, &p, n));
    st =
        push(m, (ac_pickle_value){ .type = type, .as.text = { (const char *) p, (size_t) n } });
out:
    return st;
}

/* Two's complement of n bytes; what does not fit is not needed by anyone. */
static ac_status
push_long(machine *m, int length_bytes)
{
    ac_status st = AC_OK;
    uint64_t n = 0, x = 0;
    const unsigned char *p = NULL;

    AC_TRY(take_number(m, length_bytes, &n));
    AC_TRY(take_bytes(m, &p, n));
    if (n > 8)
        return push_pair(m, AC_PICKLE_OBJECT, -1, -1);
    for (uint64_t i = 0; i < n; i++)
        x |= (uint64_t) p[i] << (8 * i);
    if (n > 0 && n < 8 && p[n - 1] >= 128)
        x |= UINT64_MAX << (8 * n);
    st = push(m, (ac_pickle_value){ .type = AC_PICKLE_INT, .as.integer = (int64_t) x });
out:
    return st;
}

static ac_status
push_real(machine *m)
{
    const unsigned char *p = NULL;
    union {
        uint64_t bits;
        double real;
    } x = { 0 };
    ac_status st = take_bytes(m, &p, 8);

    for (int i = 0; st == AC_OK && i < 8; i++)
        x.bits = x.bits << 8 | p[i];
    return st == AC_OK ? push(m, (ac_pickle_value){ .type = AC_PICKLE_REAL, .as.real = x.real })
                       : st;
}

/* Take the top value; nothing below the innermost mark may be taken. */
static ac_status
pop(machine *m, int64_t *place)
{
    if (m->stack_count <= (m->mark_count ? m->marks[m->mark_count - 1] : 0))
        return damaged(m, "takes a value from an empty stack");
    *place = m->stack[--m->stack_count];
    return AC_OK;
}

static ac_status
top(machine *m, int64_t *place)
{
    ac_status st = pop(m, place);

    m->stack_count += st == AC_OK;
    return st;
}

/* Take back the innermost mark. @param[out] height  where the values above it begin in the
 * stack */
static ac_status
pop_mark(machine *m, int64_t *height)
{
    if (m->mark_count == 0)
        return damaged(m, "a mark is missing");
    *height = m->marks[--m->mark_count];
    return AC_OK;
}

/* ---- containers ---- */

static ac_status
append(machine *m, int64_t container, int64_t place)
{
    ac_pickle *o = m->out;
    ac_pickle_value *v = &o->values[container];
    ac_status st;

    if ((uint64_t) o->cell_count > m->at) /* an item takes a byte at least; only dictionaries
                                             made again and again have more */
        return damaged(m, "more items than bytes");
    if ((st = ac_grow(&o->cells, &o->cell_capacity, o->cell_count + 1, sizeof *o->cells)) !=
        AC_OK)
        return st;
    o->cells[o->cell_count] = (ac_pickle_cell){ place, -1 };
    if (v->as.items.last >= 0)
        o->cells[v->as.items.last].next = o->cell_count;
    else
        v->as.items.first = o->cell_count;
    v->as.items.last = o->cell_count++;
    v->as.items.count++;
    return AC_OK;
}

/* Stack values [from, …) into a container, which must be of this type; into an object they are
 * dropped. */
static ac_status
append_from(machine *m, int64_t container, ac_pickle_type type, int64_t from)
{
    ac_status st = AC_OK;
    const ac_pickle_type found = m->out->values[container].type;

    if (found != type && found != AC_PICKLE_OBJECT)
        return damaged(m, type == AC_PICKLE_DICT ? "sets an item of what is no dictionary"
                                                 : "adds an item to what is no list");
    if (type == AC_PICKLE_DICT && (m->stack_count - from) % 2)
        return damaged(m, "a key without a value");
    for (int64_t i = from; found == type && i < m->stack_count; i++)
        AC_TRY(append(m, container, m->stack[i]));
    m->stack_count = from;
out:
    return st;
}

/* The values above the innermost mark (count < 0) or the top `count` ones become a new
 * container. */
static ac_status
collect(machine *m, ac_pickle_type type, int count)
{
    ac_status st = AC_OK;
    int64_t from = m->stack_count - count, place;

    if (count < 0)
        AC_TRY(pop_mark(m, &from));
    else if (from < (m->mark_count ? m->marks[m->mark_count - 1] : 0))
        AC_TRY(damaged(m, "takes a value from an empty stack"));
    AC_TRY(push_empty(m, type));
    place = m->stack[--m->stack_count];
    AC_TRY(append_from(m, place, type, from));
    st = push_place(m, place);
out:
    return st;
}

/* APPENDS, SETITEMS, ADDITEMS: the container lies below the mark. */
static ac_status
extend(machine *m, ac_pickle_type type)
{
    ac_status st = AC_OK;
    int64_t from = 0;

    AC_TRY(pop_mark(m, &from));
    if (from == 0 || (m->mark_count && from <= m->marks[m->mark_count - 1]))
        AC_TRY(damaged(m, "adds items to nothing"));
    st = append_from(m, m->stack[from - 1], type, from);
out:
    return st;
}

/* APPEND, SETITEM: the container lies below n values. */
static ac_status
extend_by(machine *m, ac_pickle_type type, int64_t n)
{
    const int64_t from = m->stack_count - n;

    if (from - 1 < (m->mark_count ? m->marks[m->mark_count - 1] : 0))
        return damaged(m, "takes a value from an empty stack");
    return append_from(m, m->stack[from - 1], type, from);
}

/* ---- names, calls, objects ---- */

static bool
same_text(const char *a, size_t n, const char *b)
{
    return strlen(b) == n && memcmp(a, b, n) == 0;
}

bool
ac_pickle_is_global(const ac_pickle *self, int64_t i, const char *module, const char *name)
{
    const ac_pickle_value *v = i < 0 ? NULL : &self->values[i];

    return v && v->type == AC_PICKLE_GLOBAL &&
           same_text(v->as.global.module, v->as.global.module_size, module) &&
           same_text(v->as.global.name, v->as.global.name_size, name);
}

bool
ac_pickle_tuple(const ac_pickle *self, int64_t i, int64_t *out, int64_t n)
{
    const ac_pickle_value *v = i < 0 ? NULL : &self->values[i];
    int64_t cell;

    if (!v || v->type != AC_PICKLE_TUPLE || v->as.items.count < n)
        return false;
    cell = v->as.items.first;
    for (int64_t k = 0; k < n; k++, cell = self->cells[cell].next)
        out[k] = self->cells[cell].value;
    return true;
}

static ac_status
push_global(machine *m)
{
    ac_status st = AC_OK;
    ac_pickle_value v = { .type = AC_PICKLE_GLOBAL };

    AC_TRY(take_line(m, &v.as.global.module, &v.as.global.module_size));
    AC_TRY(take_line(m, &v.as.global.name, &v.as.global.name_size));
    st = push(m, v);
out:
    return st;
}

static ac_status
push_stack_global(machine *m)
{
    ac_status st = AC_OK;
    int64_t module = 0, name = 0;
    const ac_pickle_value *a, *b;
    ac_pickle_value v = { .type = AC_PICKLE_GLOBAL };

    AC_TRY(pop(m, &name));
    AC_TRY(pop(m, &module));
    a = &m->out->values[module];
    b = &m->out->values[name];
    if (a->type != AC_PICKLE_TEXT || b->type != AC_PICKLE_TEXT || a->as.text.size > 4096 ||
        b->as.text.size > 4096)
        AC_TRY(damaged(m, "a class's name is no text"));
    v.as.global.module = a->as.text.bytes;
    v.as.global.module_size = (uint32_t) a->as.text.size;
    v.as.global.name = b->as.text.bytes;
    v.as.global.name_size = (uint32_t) b->as.text.size;
    st = push(m, v);
out:
    return st;
}

static ac_status
refuse_call(const machine *m, const ac_pickle_value *f)
{
    if (f->type != AC_PICKLE_GLOBAL)
        return damaged(m, "calls something that is no function");
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
fill_dict(machine *m, int64_t dict, int64_t args)
{
    ac_status st = AC_OK;
    ac_pickle *o = m->out;
    int64_t pairs;

    if (!ac_pickle_tuple(o, args, &pairs, 1))
        return AC_OK;
    if (o->values[pairs].type != AC_PICKLE_LIST)
        return damaged(m, "a dictionary made of what is no list");
    for (int64_t c = o->values[pairs].as.items.first; c >= 0; c = o->cells[c].next) {
        const ac_pickle_value *pair = &o->values[o->cells[c].value];
        if ((pair->type != AC_PICKLE_LIST && pair->type != AC_PICKLE_TUPLE) ||
            pair->as.items.count != 2)
            return damaged(m, "a dictionary's item is no pair");
        int64_t key = pair->as.items.first, value = o->cells[key].next;
        AC_TRY(append(m, dict, o->cells[key].value));
        AC_TRY(append(m, dict, o->cells[value].value));
    }
out:
    return st;
}

static ac_status
reduce(machine *m)
{
    ac_status st = AC_OK;
    ac_pickle *o = m->out;
    int64_t args = 0, function = 0;
    const ac_pickle_rule *rule = m->rules;

    AC_TRY(pop(m, &args));
    AC_TRY(pop(m, &function));
    while (rule->module && !ac_pickle_is_global(o, function, rule->module, rule->name))
        rule++;
    if (!rule->module)
        AC_TRY(refuse_call(m, &o->values[function]));
    if (o->values[args].type != AC_PICKLE_TUPLE)
        AC_TRY(damaged(m, "a call's arguments are no tuple"));
    if (rule->result == AC_PICKLE_CALL)
        return push_pair(m, AC_PICKLE_CALL, function, args);
    if (rule->result == AC_PICKLE_OBJECT)
        return push_pair(m, AC_PICKLE_OBJECT, function, -1);
    AC_TRY(push_empty(m, AC_PICKLE_DICT));
    st = fill_dict(m, m->stack[m->stack_count - 1], args);
out:
    return st;
}

/* NEWOBJ, NEWOBJ_EX: an object of any class, its n arguments dropped. */
static ac_status
new_object(machine *m, int arguments)
{
    ac_status st = AC_OK;
    int64_t place = 0;

    for (int i = 0; i < arguments; i++)
        AC_TRY(pop(m, &place));
    AC_TRY(pop(m, &place));
    if (m->out->values[place].type != AC_PICKLE_GLOBAL)
        AC_TRY(damaged(m, "makes an object of what is no class"));
    st = push_pair(m, AC_PICKLE_OBJECT, place, -1);
out:
    return st;
}

/* The state of an object is kept; a dictionary's attributes are of no use to anyone here. */
static ac_status
build(machine *m)
{
    ac_status st = AC_OK;
    int64_t state = 0, object = 0;

    AC_TRY(pop(m, &state));
    AC_TRY(top(m, &object));
    if (m->out->values[object].type == AC_PICKLE_OBJECT)
        m->out->values[object].as.pair.b = state;
out:
    return st;
}

/* ---- memo ---- */

static ac_status
memo_put(machine *m, uint64_t id)
{
    ac_status st = AC_OK;
    int64_t place = 0, before = m->memo_capacity;

    AC_TRY(top(m, &place));
    if (id > m->at) /* a writer numbers them in order: more than one a byte there cannot be */
        AC_TRY(damaged(m, "a memo number out of order"));
    AC_TRY(ac_grow(&m->memo, &m->memo_capacity, (int64_t) id + 1, sizeof *m->memo));
    if (m->memo_capacity > before)
        memset(m->memo + before, 0, (size_t) (m->memo_capacity - before) * sizeof *m->memo);
    m->memo_next += m->memo[id] == 0;
    m->memo[id] = place + 1;
out:
    return st;
}

static ac_status
memo_get(machine *m, uint64_t id)
{
    if (id >= (uint64_t) m->memo_capacity || m->memo[id] == 0)
        return damaged(m, "reads a memo that was never written");
    return push_place(m, m->memo[id] - 1);
}

/* ---- opcodes ---- */

/* Opcodes that push a plain value. */
static ac_status
step_value(machine *m, int op, bool *known)
{
    ac_status st = AC_OK;
    uint64_t x = 0;

    *known = true;
    switch (op) {
    case OP_NONE: return push(m, (ac_pickle_value){ .type = AC_PICKLE_NONE });
    case OP_NEWTRUE:
    case OP_NEWFALSE:
        return push(
            m, (ac_pickle_value){ .type = AC_PICKLE_BOOL, .as.integer = op == OP_NEWTRUE });
    case OP_BININT:
    case OP_BININT1:
    case OP_BININT2:
        AC_TRY(take_number(m, op == OP_BININT ? 4 : op == OP_BININT1 ? 1 : 2, &x));
        return push(m, (ac_pickle_value){ .type = AC_PICKLE_INT,
                                          .as.integer = op == OP_BININT ? (int32_t) (uint32_t) x
                                                                        : (int64_t) x });
    case OP_LONG1: return push_long(m, 1);
    case OP_LONG4: return push_long(m, 4);
    case OP_BINFLOAT: return push_real(m);
    case OP_SHORT_BINUNICODE:
    case OP_SHORT_BINSTRING: return push_text(m, AC_PICKLE_TEXT, 1);
    case OP_BINUNICODE:
    case OP_BINSTRING: return push_text(m, AC_PICKLE_TEXT, 4);
    case OP_BINUNICODE8: return push_text(m, AC_PICKLE_TEXT, 8);
    case OP_SHORT_BINBYTES: return push_text(m, AC_PICKLE_BYTES, 1);
    case OP_BINBYTES: return push_text(m, AC_PICKLE_BYTES, 4);
    case OP_BINBYTES8: return push_text(m, AC_PICKLE_BYTES, 8);
    case OP_GLOBAL: return push_global(m);
    case OP_STACK_GLOBAL: return push_stack_global(m);
    default: *known = false; return AC_OK;
    }
out:
    return st;
}

/* Opcodes that make or fill a container. */
static ac_status
step_container(machine *m, int op, bool *known)
{
    *known = true;
    switch (op) {
    case OP_EMPTY_TUPLE: return push_empty(m, AC_PICKLE_TUPLE);
    case OP_EMPTY_LIST:
    case OP_EMPTY_SET: return push_empty(m, AC_PICKLE_LIST);
    case OP_EMPTY_DICT: return push_empty(m, AC_PICKLE_DICT);
    case OP_TUPLE: return collect(m, AC_PICKLE_TUPLE, -1);
    case OP_TUPLE1: return collect(m, AC_PICKLE_TUPLE, 1);
    case OP_TUPLE2: return collect(m, AC_PICKLE_TUPLE, 2);
    case OP_TUPLE3: return collect(m, AC_PICKLE_TUPLE, 3);
    case OP_LIST:
    case OP_FROZENSET: return collect(m, AC_PICKLE_LIST, -1);
    case OP_DICT: return collect(m, AC_PICKLE_DICT, -1);
    case OP_APPEND: return extend_by(m, AC_PICKLE_LIST, 1);
    case OP_SETITEM: return extend_by(m, AC_PICKLE_DICT, 2);
    case OP_APPENDS:
    case OP_ADDITEMS: return extend(m, AC_PICKLE_LIST);
    case OP_SETITEMS: return extend(m, AC_PICKLE_DICT);
    default: *known = false; return AC_OK;
    }
}

/* All others. */
static ac_status
step_rest(machine *m, int op)
{
    ac_status st = AC_OK;
    uint64_t x = 0;
    int64_t place = 0;

    switch (op) {
    case OP_PROTO:
        AC_TRY(take_number(m, 1, &x));
        return x >= 2 && x <= 5
                   ? AC_OK
                   : damaged(m, "a pickle of a protocol that is not read here (2 to 5 are)");
    case OP_FRAME: return take_number(m, 8, &x);
    case OP_MARK:
        AC_TRY(ac_grow(&m->marks, &m->mark_capacity, m->mark_count + 1, sizeof *m->marks));
        m->marks[m->mark_count++] = m->stack_count;
        return AC_OK;
    case OP_POP: return pop(m, &place);
    case OP_POP_MARK: return pop_mark(m, &m->stack_count);
    case OP_DUP: AC_TRY(top(m, &place)); return push_place(m, place);
    case OP_BINPUT:
    case OP_LONG_BINPUT:
        AC_TRY(take_number(m, op == OP_BINPUT ? 1 : 4, &x));
        return memo_put(m, x);
    case OP_MEMOIZE: return memo_put(m, (uint64_t) m->memo_next);
    case OP_BINGET:
    case OP_LONG_BINGET:
        AC_TRY(take_number(m, op == OP_BINGET ? 1 : 4, &x));
        return memo_get(m, x);
    case OP_BINPERSID:
        AC_TRY(pop(m, &place));
        return push_pair(m, AC_PICKLE_PERSISTENT, place, -1);
    case OP_REDUCE: return reduce(m);
    case OP_NEWOBJ: return new_object(m, 1);
    case OP_NEWOBJ_EX: return new_object(m, 2);
    case OP_BUILD: return build(m);
    default: return damaged(m, "an instruction that is not known here");
    }
out:
    return st;
}

static ac_status
run(machine *m)
{
    ac_status st = AC_OK;

    for (;;) {
        bool known;
        int op;

        m->opcode = m->at;
        if (m->at == m->size)
            return damaged(m, "it ends without its STOP");
        op = m->bytes[m->at++];
        if (op == OP_STOP)
            return pop(m, &m->out->root);
        AC_TRY(step_value(m, op, &known));
        if (!known)
            AC_TRY(step_container(m, op, &known));
        if (!known)
            AC_TRY(step_rest(m, op));
    }
out:
    return st;
}

ac_status
ac_pickle_read(ac_pickle *self, const unsigned char *bytes, size_t size,
               const ac_pickle_rule *rules, const char *path, size_t *used)
{
    machine m = { .out = self, .bytes = bytes, .size = size, .rules = rules, .path = path };
    ac_status st;

    *self = (ac_pickle){ 0 };
    st = run(&m);
    if (used)
        *used = m.at;
    free(m.stack);
    free(m.marks);
    free(m.memo);
    if (st != AC_OK)
        ac_pickle_free(self);
    return st;
}

void
ac_pickle_free(ac_pickle *self)
{
    free(self->values);
    free(self->cells);
    *self = (ac_pickle){ 0 };
}
