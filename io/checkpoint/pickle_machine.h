/** Inside io/checkpoint/pickle*.c: the state of a pickle being followed, and what its
 * instructions do to it. */
#ifndef AC_IO_CHECKPOINT_PICKLE_MACHINE_H
#define AC_IO_CHECKPOINT_PICKLE_MACHINE_H

#include "io/checkpoint/pickle.h"

/** One pickle being followed. */
typedef struct ac_pickle_machine {
    ac_pickle *out;
    const unsigned char *bytes;
    size_t size, at, opcode; /* opcode: where the present one began */
    const ac_pickle_rule *rules;
    const char *path;
    int64_t *stack, stack_count, stack_capacity; /* places of values */
    int64_t *marks, mark_count, mark_capacity;   /* heights of the stack */
    int64_t *memo, memo_capacity, memo_next;     /* places of values + 1; 0: never written */
} ac_pickle_machine;

/* ---- bytes, values, stack, containers, memo (pickle_machine.c) ---- */

AC_MUST_CHECK ac_status ac_pickle_damaged(const ac_pickle_machine *m, const char *what);
/** An unsigned little-endian number of 1, 2, 4 or 8 bytes. */
AC_MUST_CHECK ac_status ac_pickle_take_number(ac_pickle_machine *m, int bytes, uint64_t *out);
AC_MUST_CHECK ac_status ac_pickle_take_line(ac_pickle_machine *m, const char **out,
                                            uint32_t *n);
AC_MUST_CHECK ac_status ac_pickle_push_place(ac_pickle_machine *m, int64_t place);
AC_MUST_CHECK ac_status ac_pickle_push(ac_pickle_machine *m, ac_pickle_value value);
AC_MUST_CHECK ac_status ac_pickle_push_empty(ac_pickle_machine *m, ac_pickle_type type);
AC_MUST_CHECK ac_status ac_pickle_push_pair(ac_pickle_machine *m, ac_pickle_type type,
                                            int64_t a, int64_t b);
AC_MUST_CHECK ac_status ac_pickle_push_text(ac_pickle_machine *m, ac_pickle_type type,
                                            int length_bytes);
/** Two's complement of n bytes; what does not fit is not needed by anyone. */
AC_MUST_CHECK ac_status ac_pickle_push_long(ac_pickle_machine *m, int length_bytes);
AC_MUST_CHECK ac_status ac_pickle_push_real(ac_pickle_machine *m);
/** Take the top value; nothing below the innermost mark may be taken. */
AC_MUST_CHECK ac_status ac_pickle_pop(ac_pickle_machine *m, int64_t *place);
AC_MUST_CHECK ac_status ac_pickle_top(ac_pickle_machine *m, int64_t *place);
/** Take back the innermost mark. @param[out] height  where the values above it begin in the
 * stack */
AC_MUST_CHECK ac_status ac_pickle_pop_mark(ac_pickle_machine *m, int64_t *height);
AC_MUST_CHECK ac_status ac_pickle_append(ac_pickle_machine *m, int64_t container,
                                         int64_t place);
/** The values above the innermost mark (count < 0) or the top `count` ones become a new
 * container. */
AC_MUST_CHECK ac_status ac_pickle_collect(ac_pickle_machine *m, ac_pickle_type type, int count);
/** APPENDS, SETITEMS, ADDITEMS: the container lies below the mark. */
AC_MUST_CHECK ac_status ac_pickle_extend(ac_pickle_machine *m, ac_pickle_type type);
/** APPEND, SETITEM: the container lies below n values. */
AC_MUST_CHECK ac_status ac_pickle_extend_by(ac_pickle_machine *m, ac_pickle_type type,
                                            int64_t n);
AC_MUST_CHECK ac_status ac_pickle_memo_put(ac_pickle_machine *m, uint64_t id);
AC_MUST_CHECK ac_status ac_pickle_memo_get(ac_pickle_machine *m, uint64_t id);

/* ---- names, calls, objects (pickle_objects.c) ---- */

AC_MUST_CHECK ac_status ac_pickle_push_global(ac_pickle_machine *m);
AC_MUST_CHECK ac_status ac_pickle_push_stack_global(ac_pickle_machine *m);
AC_MUST_CHECK ac_status ac_pickle_reduce(ac_pickle_machine *m);
/** NEWOBJ, NEWOBJ_EX: an object of any class, its n arguments dropped. */
AC_MUST_CHECK ac_status ac_pickle_new_object(ac_pickle_machine *m, int arguments);
/** The state of an object is kept; a dictionary's attributes are of no use to anyone here. */
AC_MUST_CHECK ac_status ac_pickle_build(ac_pickle_machine *m);

#endif
