/* The instructions, one after the other. */
#include "io/checkpoint/pickle.h"

#include <stdlib.h>

#include "engine/base/memory.h"
#include "io/checkpoint/pickle_machine.h"

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

/* Opcodes that push a plain value. */
static ac_status
step_value(ac_pickle_machine *m, int op, bool *known)
{
    ac_status st = AC_OK;
    uint64_t x = 0;

    *known = true;
    switch (op) {
    case OP_NONE: return ac_pickle_push(m, (ac_pickle_value){ .type = AC_PICKLE_NONE });
    case OP_NEWTRUE:
    case OP_NEWFALSE:
        return ac_pickle_push(
            m, (ac_pickle_value){ .type = AC_PICKLE_BOOL, .as.integer = op == OP_NEWTRUE });
    case OP_BININT:
    case OP_BININT1:
    case OP_BININT2:
        AC_TRY(ac_pickle_take_number(m, op == OP_BININT ? 4 : op == OP_BININT1 ? 1 : 2, &x));
        return ac_pickle_push(m, (ac_pickle_value){ .type = AC_PICKLE_INT,
                                                    .as.integer = op == OP_BININT
                                                                      ? (int32_t) (uint32_t) x
                                                                      : (int64_t) x });
    case OP_LONG1: return ac_pickle_push_long(m, 1);
    case OP_LONG4: return ac_pickle_push_long(m, 4);
    case OP_BINFLOAT: return ac_pickle_push_real(m);
    case OP_SHORT_BINUNICODE:
    case OP_SHORT_BINSTRING: return ac_pickle_push_text(m, AC_PICKLE_TEXT, 1);
    case OP_BINUNICODE:
    case OP_BINSTRING: return ac_pickle_push_text(m, AC_PICKLE_TEXT, 4);
    case OP_BINUNICODE8: return ac_pickle_push_text(m, AC_PICKLE_TEXT, 8);
    case OP_SHORT_BINBYTES: return ac_pickle_push_text(m, AC_PICKLE_BYTES, 1);
    case OP_BINBYTES: return ac_pickle_push_text(m, AC_PICKLE_BYTES, 4);
    case OP_BINBYTES8: return ac_pickle_push_text(m, AC_PICKLE_BYTES, 8);
    case OP_GLOBAL: return ac_pickle_push_global(m);
    case OP_STACK_GLOBAL: return ac_pickle_push_stack_global(m);
    default: *known = false; return AC_OK;
    }
out:
    return st;
}

/* Opcodes that make or fill a container. */
static ac_status
step_container(ac_pickle_machine *m, int op, bool *known)
{
    *known = true;
    switch (op) {
    case OP_EMPTY_TUPLE: return ac_pickle_push_empty(m, AC_PICKLE_TUPLE);
    case OP_EMPTY_LIST:
    case OP_EMPTY_SET: return ac_pickle_push_empty(m, AC_PICKLE_LIST);
    case OP_EMPTY_DICT: return ac_pickle_push_empty(m, AC_PICKLE_DICT);
    case OP_TUPLE: return ac_pickle_collect(m, AC_PICKLE_TUPLE, -1);
    case OP_TUPLE1: return ac_pickle_collect(m, AC_PICKLE_TUPLE, 1);
    case OP_TUPLE2: return ac_pickle_collect(m, AC_PICKLE_TUPLE, 2);
    case OP_TUPLE3: return ac_pickle_collect(m, AC_PICKLE_TUPLE, 3);
    case OP_LIST:
    case OP_FROZENSET: return ac_pickle_collect(m, AC_PICKLE_LIST, -1);
    case OP_DICT: return ac_pickle_collect(m, AC_PICKLE_DICT, -1);
    case OP_APPEND: return ac_pickle_extend_by(m, AC_PICKLE_LIST, 1);
    case OP_SETITEM: return ac_pickle_extend_by(m, AC_PICKLE_DICT, 2);
    case OP_APPENDS:
    case OP_ADDITEMS: return ac_pickle_extend(m, AC_PICKLE_LIST);
    case OP_SETITEMS: return ac_pickle_extend(m, AC_PICKLE_DICT);
    default: *known = false; return AC_OK;
    }
}

/* All others. */
static ac_status
step_rest(ac_pickle_machine *m, int op)
{
    ac_status st = AC_OK;
    uint64_t x = 0;
    int64_t place = 0;

    switch (op) {
    case OP_PROTO:
        AC_TRY(ac_pickle_take_number(m, 1, &x));
        return x >= 2 && x <= 5
                   ? AC_OK
                   : ac_pickle_damaged(
                         m, "a pickle of a protocol that is not supported (2 to 5 are)");
    case OP_FRAME: return ac_pickle_take_number(m, 8, &x);
    case OP_MARK:
        AC_TRY(ac_grow(&m->marks, &m->mark_capacity, m->mark_count + 1, sizeof *m->marks));
        m->marks[m->mark_count++] = m->stack_count;
        return AC_OK;
    case OP_POP: return ac_pickle_pop(m, &place);
    case OP_POP_MARK: return ac_pickle_pop_mark(m, &m->stack_count);
    case OP_DUP: AC_TRY(ac_pickle_top(m, &place)); return ac_pickle_push_place(m, place);
    case OP_BINPUT:
    case OP_LONG_BINPUT:
        AC_TRY(ac_pickle_take_number(m, op == OP_BINPUT ? 1 : 4, &x));
        return ac_pickle_memo_put(m, x);
    case OP_MEMOIZE: return ac_pickle_memo_put(m, (uint64_t) m->memo_next);
    case OP_BINGET:
    case OP_LONG_BINGET:
        AC_TRY(ac_pickle_take_number(m, op == OP_BINGET ? 1 : 4, &x));
        return ac_pickle_memo_get(m, x);
    case OP_BINPERSID:
        AC_TRY(ac_pickle_pop(m, &place));
        return ac_pickle_push_pair(m, AC_PICKLE_PERSISTENT, place, -1);
    case OP_REDUCE: return ac_pickle_reduce(m);
    case OP_NEWOBJ: return ac_pickle_new_object(m, 1);
    case OP_NEWOBJ_EX: return ac_pickle_new_object(m, 2);
    case OP_BUILD: return ac_pickle_build(m);
    default: return ac_pickle_damaged(m, "an instruction that is not supported");
    }
out:
    return st;
}

static ac_status
run(ac_pickle_machine *m)
{
    ac_status st = AC_OK;

    for (;;) {
        bool known;
        int op;

        m->opcode = m->at;
        if (m->at == m->size)
            return ac_pickle_damaged(m, "it ends without its STOP");
        op = m->bytes[m->at++];
        if (op == OP_STOP)
            return ac_pickle_pop(m, &m->out->root);
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
    ac_pickle_machine m = {
        .out = self, .bytes = bytes, .size = size, .rules = rules, .path = path
    };
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
