/* Bytes, values, stack, containers and memo of a pickle being followed. */
#include "io/checkpoint/pickle_machine.h"

#include <string.h>

#include "engine/base/memory.h"

ac_status
ac_pickle_damaged(const ac_pickle_machine *m, const char *what)
{
    return ac_error_set(AC_E_FORMAT,
                        "%s: byte %zu of its pickle: %s: the file is damaged; get it again",
                        m->path, m->opcode, what);
}

/* ---- reading ---- */

static ac_status
take_bytes(ac_pickle_machine *m, const unsigned char **out, uint64_t n)
{
    if (n > m->size - m->at)
        return ac_pickle_damaged(m, "a length goes past the end");
    *out = m->bytes + m->at;
    m->at += n;
    return AC_OK;
}

/* An unsigned little-endian number of 1, 2, 4 or 8 bytes. */
ac_status
ac_pickle_take_number(ac_pickle_machine *m, int bytes, uint64_t *out)
{
    const unsigned char *p = NULL;
    ac_status st = take_bytes(m, &p, (uint64_t) bytes);

    *out = 0;
    for (int i = 0; st == AC_OK && i < bytes; i++)
        *out |= (uint64_t) p[i] << (8 * i);
    return st;
}

ac_status
ac_pickle_take_line(ac_pickle_machine *m, const char **out, uint32_t *n)
{
    const unsigned char *start = m->bytes + m->at, *end = memchr(start, '\n', m->size - m->at);

    if (!end || end - start > 4096)
        return ac_pickle_damaged(m, "a name that does not end");
    *out = (const char *) start;
    *n = (uint32_t) (end - start);
    m->at += *n + 1;
    return AC_OK;
}

/* ---- values and stack ---- */

ac_status
ac_pickle_push_place(ac_pickle_machine *m, int64_t place)
{
    ac_status st = ac_grow(&m->stack, &m->stack_capacity, m->stack_count + 1, sizeof *m->stack);

    if (st == AC_OK)
        m->stack[m->stack_count++] = place;
    return st;
}

ac_status
ac_pickle_push(ac_pickle_machine *m, ac_pickle_value value)
{
    ac_pickle *o = m->out;
    ac_status st = AC_OK;

    AC_TRY(ac_grow(&o->values, &o->value_capacity, o->value_count + 1, sizeof *o->values));
    o->values[o->value_count] = value;
    AC_TRY(ac_pickle_push_place(m, o->value_count));
    o->value_count++;
out:
    return st;
}

ac_status
ac_pickle_push_empty(ac_pickle_machine *m, ac_pickle_type type)
{
    return ac_pickle_push(m, (ac_pickle_value){ .type = type, .as.items = { -1, -1, 0 } });
}

ac_status
ac_pickle_push_pair(ac_pickle_machine *m, ac_pickle_type type, int64_t a, int64_t b)
{
    return ac_pickle_push(m, (ac_pickle_value){ .type = type, .as.pair = { a, b } });
}

ac_status
ac_pickle_push_text(ac_pickle_machine *m, ac_pickle_type type, int length_bytes)
{
    ac_status st = AC_OK;
    uint64_t n = 0;
    const unsigned char *p = NULL;

    AC_TRY(ac_pickle_take_number(m, length_bytes, &n));
    AC_TRY(take_bytes(m, &p, n));
    st = ac_pickle_push(
        m, (ac_pickle_value){ .type = type, .as.text = { (const char *) p, (size_t) n } });
out:
    return st;
}

/* Two's complement of n bytes; what does not fit is not needed by anyone. */
ac_status
ac_pickle_push_long(ac_pickle_machine *m, int length_bytes)
{
    ac_status st = AC_OK;
    uint64_t n = 0, x = 0;
    const unsigned char *p = NULL;

    AC_TRY(ac_pickle_take_number(m, length_bytes, &n));
    AC_TRY(take_bytes(m, &p, n));
    if (n > 8)
        return ac_pickle_push_pair(m, AC_PICKLE_OBJECT, -1, -1);
    for (uint64_t i = 0; i < n; i++)
        x |= (uint64_t) p[i] << (8 * i);
    if (n > 0 && n < 8 && p[n - 1] >= 128)
        x |= UINT64_MAX << (8 * n);
    st = ac_pickle_push(m,
                        (ac_pickle_value){ .type = AC_PICKLE_INT, .as.integer = (int64_t) x });
out:
    return st;
}

ac_status
ac_pickle_push_real(ac_pickle_machine *m)
{
    const unsigned char *p = NULL;
    union {
        uint64_t bits;
        double real;
    } x = { 0 };
    ac_status st = take_bytes(m, &p, 8);

    for (int i = 0; st == AC_OK && i < 8; i++)
        x.bits = x.bits << 8 | p[i];
    return st == AC_OK ? ac_pickle_push(
                             m, (ac_pickle_value){ .type = AC_PICKLE_REAL, .as.real = x.real })
                       : st;
}

/* Take the top value; nothing below the innermost mark may be taken. */
ac_status
ac_pickle_pop(ac_pickle_machine *m, int64_t *place)
{
    if (m->stack_count <= (m->mark_count ? m->marks[m->mark_count - 1] : 0))
        return ac_pickle_damaged(m, "takes a value from an empty stack");
    *place = m->stack[--m->stack_count];
    return AC_OK;
}

ac_status
ac_pickle_top(ac_pickle_machine *m, int64_t *place)
{
    ac_status st = ac_pickle_pop(m, place);

    m->stack_count += st == AC_OK;
    return st;
}

/* Take back the innermost mark. @param[out] height  where the values above it begin in the
 * stack */
ac_status
ac_pickle_pop_mark(ac_pickle_machine *m, int64_t *height)
{
    if (m->mark_count == 0)
        return ac_pickle_damaged(m, "a mark is missing");
    *height = m->marks[--m->mark_count];
    return AC_OK;
}

/* ---- containers ---- */

ac_status
ac_pickle_append(ac_pickle_machine *m, int64_t container, int64_t place)
{
    ac_pickle *o = m->out;
    ac_pickle_value *v = &o->values[container];
    ac_status st;

    if ((uint64_t) o->cell_count > m->at) /* an item takes a byte at least; only dictionaries
                                             made again and again have more */
        return ac_pickle_damaged(m, "more items than bytes");
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
append_from(ac_pickle_machine *m, int64_t container, ac_pickle_type type, int64_t from)
{
    ac_status st = AC_OK;
    const ac_pickle_type found = m->out->values[container].type;

    if (found != type && found != AC_PICKLE_OBJECT)
        return ac_pickle_damaged(m, type == AC_PICKLE_DICT
                                        ? "sets an item of what is no dictionary"
                                        : "adds an item to what is no list");
    if (type == AC_PICKLE_DICT && (m->stack_count - from) % 2)
        return ac_pickle_damaged(m, "a key without a value");
    for (int64_t i = from; found == type && i < m->stack_count; i++)
        AC_TRY(ac_pickle_append(m, container, m->stack[i]));
    m->stack_count = from;
out:
    return st;
}

/* The values above the innermost mark (count < 0) or the top `count` ones become a new
 * container. */
ac_status
ac_pickle_collect(ac_pickle_machine *m, ac_pickle_type type, int count)
{
    ac_status st = AC_OK;
    int64_t from = m->stack_count - count, place;

    if (count < 0)
        AC_TRY(ac_pickle_pop_mark(m, &from));
    else if (from < (m->mark_count ? m->marks[m->mark_count - 1] : 0))
        AC_TRY(ac_pickle_damaged(m, "takes a value from an empty stack"));
    AC_TRY(ac_pickle_push_empty(m, type));
    place = m->stack[--m->stack_count];
    AC_TRY(append_from(m, place, type, from));
    st = ac_pickle_push_place(m, place);
out:
    return st;
}

/* APPENDS, SETITEMS, ADDITEMS: the container lies below the mark. */
ac_status
ac_pickle_extend(ac_pickle_machine *m, ac_pickle_type type)
{
    ac_status st = AC_OK;
    int64_t from = 0;

    AC_TRY(ac_pickle_pop_mark(m, &from));
    if (from == 0 || (m->mark_count && from <= m->marks[m->mark_count - 1]))
        AC_TRY(ac_pickle_damaged(m, "adds items to nothing"));
    st = append_from(m, m->stack[from - 1], type, from);
out:
    return st;
}

/* APPEND, SETITEM: the container lies below n values. */
ac_status
ac_pickle_extend_by(ac_pickle_machine *m, ac_pickle_type type, int64_t n)
{
    const int64_t from = m->stack_count - n;

    if (from - 1 < (m->mark_count ? m->marks[m->mark_count - 1] : 0))
        return ac_pickle_damaged(m, "takes a value from an empty stack");
    return append_from(m, m->stack[from - 1], type, from);
}

/* ---- memo ---- */

ac_status
ac_pickle_memo_put(ac_pickle_machine *m, uint64_t id)
{
    ac_status st = AC_OK;
    int64_t place = 0, before = m->memo_capacity;

    AC_TRY(ac_pickle_top(m, &place));
    if (id > m->at) /* a writer numbers them in order: more than one a byte there cannot be */
        AC_TRY(ac_pickle_damaged(m, "a memo number out of order"));
    AC_TRY(ac_grow(&m->memo, &m->memo_capacity, (int64_t) id + 1, sizeof *m->memo));
    if (m->memo_capacity > before)
        memset(m->memo + before, 0, (size_t) (m->memo_capacity - before) * sizeof *m->memo);
    m->memo_next += m->memo[id] == 0;
    m->memo[id] = place + 1;
out:
    return st;
}

ac_status
ac_pickle_memo_get(ac_pickle_machine *m, uint64_t id)
{
    if (id >= (uint64_t) m->memo_capacity || m->memo[id] == 0)
        return ac_pickle_damaged(m, "reads a memo that was never written");
    return ac_pickle_push_place(m, m->memo[id] - 1);
}
