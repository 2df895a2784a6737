/* Expressions -> Thompson's NFA -> DFA by subsets, its states made when first reached. */
#include "engine/metrics/token_automaton.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/metrics/token_sets.h"
#include "engine/text/unicode.h"

enum {
    NODE_SET = 0, /* eats a point of a set */
    NODE_BOTH,    /* to both, eats nothing */
    NODE_MARK,    /* the match ends, the context begins */
    NODE_ACCEPT,
    UNMADE = -2,
    DEAD = -1
};

typedef struct node {
    int kind, set; /* set: of NODE_SET; the rule, of NODE_ACCEPT */
    int32_t next, other;
} node;

/* A state of the DFA: the NFA's nodes that are reached, sorted. */
typedef struct state {
    int64_t first, count; /* in `members` */
    int accepts;          /* the first rule; -1: none */
} state;

struct ac_automaton {
    node *nodes;
    int64_t node_count, node_capacity;
    int32_t *starts;            /* [rules]: a rule's first node */
    const ac_token_rule *given; /* [rules], borrowed */
    ac_token_sets sets;
    state *states;
    int64_t state_count, state_capacity;
    int32_t *members;
    int64_t member_count, member_capacity;
    int32_t *steps; /* [states, classes] */
    int64_t step_capacity;
    int32_t *table; /* hash of states, -1: free */
    int64_t table_size;
    int32_t *list, *stack, *waiting; /* [nodes]: a set that is built */
    bool *has;                       /* [nodes]: is it in the list? */
    int64_t listed;
    const int32_t *points; /* [point_count], borrowed */
    int32_t *failed;       /* [point_count]: a state from which no match follows here */
    int64_t point_count, failed_capacity;
};

/* ---- parsing ---- */

typedef struct parser {
    ac_automaton *self;
    const char *at;
    ac_status status;
} parser;

/* A piece of the NFA: entered at `in`, left by `out`, a NODE_BOTH without a way on. */
typedef struct piece {
    int32_t in, out;
} piece;

static int32_t
add_node(parser *p, int kind, int set, int32_t next, int32_t other)
{
    ac_automaton *self = p->self;

    if (p->status == AC_OK)
        p->status = ac_grow(&self->nodes, &self->node_capacity, self->node_count + 1,
                            sizeof *self->nodes);
    if (p->status != AC_OK)
        return 0;
    self->nodes[self->node_count] = (node){ kind, set, next, other };
    return (int32_t) self->node_count++;
}

static void
join(parser *p, int32_t from, int32_t to)
{
    if (p->status == AC_OK)
        p->self->nodes[from].next = to;
}

static piece
nothing(parser *p)
{
    const int32_t at = add_node(p, NODE_BOTH, 0, -1, -1);

    return (piece){ at, at };
}

static piece parse_choice(parser *p);

/* A set in brackets, a set with a name, or one sign. */
static piece
parse_set(parser *p)
{
    int32_t out = add_node(p, NODE_BOTH, 0, -1, -1), in;
    int set = -1;

    if (p->status == AC_OK)
        p->status = ac_token_sets_parse(&p->self->sets, &p->at, &set);
    in = add_node(p, NODE_SET, set, out, -1);
    return (piece){ in, out };
}

static piece
parse_atom(parser *p)
{
    piece a;

    if (*p->at != '(')
        return parse_set(p);
    p->at++;
    a = parse_choice(p);
    AC_CHECK(*p->at == ')');
    p->at++;
    return a;
}

/* a or nothing; again: as often as one likes. */
static piece
repeated(parser *p, piece a, bool none, bool again)
{
    const int32_t out = add_node(p, NODE_BOTH, 0, -1, -1);
    const int32_t in = add_node(p, NODE_BOTH, 0, a.in, none ? out : -1);

    join(p, a.out, out);
    if (again && p->status == AC_OK)
        p->self->nodes[a.out].other = a.in;
    return (piece){ in, out };
}

/* {n}, {m,n}: the atom that begins at `atom` is read again for each time. */
static piece
counted(parser *p, piece a, const char *atom)
{
    const char *end;
    int least = (int) strtol(p->at + 1, (char **) &end, 10),
        most = *end == ',' ? (int) strtol(end + 1, (char **) &end, 10) : least;
    piece all = least == 0 ? repeated(p, a, true, false) : a;

    AC_CHECK(*end == '}');
    for (int i = 1; i < most; i++) {
        p->at = atom;
        a = parse_atom(p);
        if (i >= least)
            a = repeated(p, a, true, false);
        join(p, all.out, a.in);
        all.out = a.out;
    }
    p->at = end + 1;
    return all;
}

static piece
parse_sequence(parser *p)
{
    piece all = nothing(p);

    while (*p->at && *p->at != '|' && *p->at != ')' && p->status == AC_OK) {
        const char *atom = p->at;
        piece a = parse_atom(p);

        for (; *p->at == '*' || *p->at == '+' || *p->at == '?'; p->at++)
            a = repeated(p, a, *p->at != '+', *p->at != '?');
        if (*p->at == '{')
            a = counted(p, a, atom);
        join(p, all.out, a.in);
        all.out = a.out;
    }
    return all;
}

static piece
parse_choice(parser *p)
{
    piece all = parse_sequence(p);

    while (*p->at == '|' && p->status == AC_OK) {
        piece other;
        int32_t in, out;

        p->at++;
        other = parse_sequence(p);
        in = add_node(p, NODE_BOTH, 0, all.in, other.in);
        out = add_node(p, NODE_BOTH, 0, -1, -1);
        join(p, all.out, out);
        join(p, other.out, out);
        all = (piece){ in, out };
    }
    return all;
}

static ac_status
add_rule(ac_automaton *self, const ac_token_rule *rule, int number)
{
    parser p = { .self = self, .at = rule->pattern };
    const int32_t start = add_node(&p, NODE_BOTH, 0, -1, -1);
    piece match = parse_choice(&p);
    int32_t accept;

    AC_CHECK(p.status != AC_OK || !*p.at);
    join(&p, start, match.in);
    if (rule->context) {
        const int32_t mark = add_node(&p, NODE_MARK, 0, -1, -1);
        piece context;

        p.at = rule->context;
        context = parse_choice(&p);
        AC_CHECK(p.status != AC_OK || !*p.at);
        join(&p, match.out, mark);
        join(&p, mark, context.in);
        match.out = context.out;
    }
    accept = add_node(&p, NODE_ACCEPT, number, -1, -1);
    join(&p, match.out, accept);
    self->starts[number] = start;
    return p.status;
}

/* ---- sets of nodes ---- */

static void
reach(ac_automaton *self, int32_t from)
{
    int64_t depth = 0;

    if (self->has[from])
        return;
    self->has[from] = true;
    self->stack[depth++] = from;
    while (depth) {
        const int32_t at = self->stack[--depth],
                      ways[2] = { self->nodes[at].next, self->nodes[at].other };
        self->list[self->listed++] = at;
        if (self->nodes[at].kind == NODE_SET)
            continue;
        for (int i = 0; i < 2; i++)
            if (ways[i] >= 0 && !self->has[ways[i]]) {
                self->has[ways[i]] = true;
                self->stack[depth++] = ways[i];
            }
    }
}

static void
clear_list(ac_automaton *self)
{
    for (int64_t i = 0; i < self->listed; i++)
        self->has[self->list[i]] = false;
    self->listed = 0;
}

static int
by_number(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *) a, y = *(const int32_t *) b;

    return (x > y) - (x < y);
}

/* Only nodes that eat or accept tell states apart. */
static void
reduce_list(ac_automaton *self)
{
    int64_t kept = 0;

    for (int64_t i = 0; i < self->listed; i++) {
        const int32_t at = self->list[i];
        self->has[at] = false;
        if (self->nodes[at].kind == NODE_SET || self->nodes[at].kind == NODE_ACCEPT)
            self->list[kept++] = at;
    }
    self->listed = kept;
    qsort(self->list, (size_t) kept, sizeof *self->list, by_number);
}

static uint64_t
hash_members(const int32_t *members, int64_t n)
{
    uint64_t h = 1469598103934665603u;

    for (int64_t i = 0; i < n; i++)
        h = (h ^ (uint64_t) members[i]) * 1099511628211u;
    return h ^ h >> 29;
}

static ac_status
grow_table(ac_automaton *self)
{
    const int64_t size = self->table_size ? 2 * self->table_size : 4096;
    int32_t *table;
    ac_status st = ac_alloc(&table, size, sizeof *table);

    if (st != AC_OK)
        return st;
    memset(table, 0xff, (size_t) size * sizeof *table);
    for (int64_t s = 0; s < self->state_count; s++) {
        uint64_t h = hash_members(self->members + self->states[s].first, self->states[s].count);
        while (table[h & (uint64_t) (size - 1)] >= 0)
            h++;
        table[h & (uint64_t) (size - 1)] = (int32_t) s;
    }
    free(self->table);
    self->table = table;
    self->table_size = size;
    return AC_OK;
}

/* The state whose members are the reduced list; new where there is none. */
static ac_status
find_state(ac_automaton *self, int32_t *out)
{
    const int64_t n = self->listed, C = self->sets.class_count;
    uint64_t h = hash_members(self->list, n);
    ac_status st = AC_OK;
    state *s;

    if (2 * self->state_count >= self->table_size)
        AC_TRY(grow_table(self));
    for (; self->table[h & (uint64_t) (self->table_size - 1)] >= 0; h++) {
        *out = self->table[h & (uint64_t) (self->table_size - 1)];
        s = &self->states[*out];
        if (s->count == n &&
            memcmp(self->members + s->first, self->list, (size_t) n * sizeof *self->list) == 0)
            goto out;
    }
    AC_TRY(ac_grow(&self->states, &self->state_capacity, self->state_count + 1,
                   sizeof *self->states));
    AC_TRY(ac_grow(&self->members, &self->member_capacity, self->member_count + n,
                   sizeof *self->members));
    AC_TRY(ac_grow(&self->steps, &self->step_capacity, (self->state_count + 1) * C,
                   sizeof *self->steps));
    memcpy(self->members + self->member_count, self->list, (size_t) n * sizeof *self->list);
    s = &self->states[self->state_count];
    *s = (state){ self->member_count, n, -1 };
    self->member_count += n;
    for (int64_t i = 0; i < n; i++) {
        const node *at = &self->nodes[self->list[i]];
        if (at->kind == NODE_ACCEPT && (s->accepts < 0 || at->set < s->accepts))
            s->accepts = at->set;
    }
    for (int64_t c = 0; c < C; c++)
        self->steps[self->state_count * C + c] = UNMADE;
    *out = (int32_t) self->state_count;
    self->table[h & (uint64_t) (self->table_size - 1)] = *out;
    self->state_count++;
out:
    return st;
}

/* ---- the DFA ---- */

static ac_status
make_step(ac_automaton *self, int32_t from, int class)
{
    const int64_t first = self->states[from].first, count = self->states[from].count;
    int32_t next = DEAD;
    ac_status st = AC_OK;

    self->listed = 0;
    for (int64_t i = 0; i < count; i++) {
        const node *at = &self->nodes[self->members[first + i]];
        if (at->kind == NODE_SET && ac_token_sets_has(&self->sets, at->set, class))
            reach(self, at->next);
    }
    if (self->listed) {
        reduce_list(self);
        AC_TRY(find_state(self, &next));
    }
    self->steps[from * self->sets.class_count + class] = next;
out:
    return st;
}

ac_status
ac_automaton_step(ac_automaton *self, int32_t from, int32_t point, int32_t *next)
{
    const int class = ac_token_sets_class(&self->sets, point);
    const int64_t at = from * self->sets.class_count + class;
    ac_status st = AC_OK;

    if (self->steps[at] == UNMADE)
        st = make_step(self, from, class);
    *next = self->steps[at];
    return st;
}

int
ac_automaton_accepts(const ac_automaton *self, int32_t at)
{
    return self->states[at].accepts;
}

/* From the listed nodes to those behind a point of this class. */
static void
advance(ac_automaton *self, int class)
{
    int64_t count = 0;

    for (int64_t i = 0; i < self->listed; i++) {
        const node *at = &self->nodes[self->list[i]];
        if (at->kind == NODE_SET && ac_token_sets_has(&self->sets, at->set, class))
            self->waiting[count++] = at->next;
    }
    clear_list(self);
    for (int64_t i = 0; i < count; i++)
        reach(self, self->waiting[i]);
}

/* The first listed node of this kind; -1: there is none. */
static int32_t
listed_node(const ac_automaton *self, int kind)
{
    for (int64_t i = 0; i < self->listed; i++)
        if (self->nodes[self->list[i]].kind == kind)
            return self->list[i];
    return -1;
}

/* Does what follows the mark match exactly points [n]? */
static bool
context_matches(ac_automaton *self, int32_t mark, const int32_t *points, int64_t n)
{
    bool matches;

    clear_list(self);
    reach(self, self->nodes[mark].next);
    for (int64_t i = 0; i < n; i++)
        advance(self, ac_token_sets_class(&self->sets, points[i]));
    matches = listed_node(self, NODE_ACCEPT) >= 0;
    clear_list(self);
    return matches;
}

/* The longest part of points [n], which a rule matches with its context, that is no context. */
static int64_t
without_context(ac_automaton *self, int rule, const int32_t *points, int64_t n)
{
    int64_t longest = n;
    int32_t mark = -1;

    clear_list(self);
    reach(self, self->starts[rule]);
    for (int64_t i = 0; i <= n && self->listed; i++) {
        if (listed_node(self, NODE_MARK) >= 0) {
            longest = i;
            mark = listed_node(self, NODE_MARK);
        }
        if (i < n)
            advance(self, ac_token_sets_class(&self->sets, points[i]));
    }
    while (mark >= 0 && longest > 0 &&
           !context_matches(self, mark, points + longest, n - longest))
        longest--;
    clear_list(self);
    return longest;
}

ac_status
ac_automaton_begin(ac_automaton *self, const int32_t *points, int64_t n)
{
    ac_status st = ac_grow(&self->failed, &self->failed_capacity, n, sizeof *self->failed);

    if (st != AC_OK)
        return st;
    for (int64_t i = 0; i < n; i++)
        self->failed[i] = DEAD;
    self->points = points;
    self->point_count = n;
    return AC_OK;
}

/* From a state at a point where no match came out before, none comes out again. */
ac_status
ac_automaton_match(ac_automaton *self, int64_t at, int *rule, int64_t *length)
{
    int32_t now = 0;
    int64_t end = at;

    *rule = -1;
    for (int64_t i = at; i < self->point_count && now != DEAD; i++) {
        const ac_status st = ac_automaton_step(self, now, self->points[i], &now);
        if (st != AC_OK)
            return st;
        if (now != DEAD && self->failed[i] == now)
            break;
        self->failed[i] = now;
        if (now != DEAD && self->states[now].accepts >= 0) {
            *rule = self->states[now].accepts;
            end = i + 1;
        }
    }
    for (int64_t i = at; i < end; i++)
        self->failed[i] = DEAD;
    *length = end - at;
    if (*rule >= 0 && self->given[*rule].context_points)
        *length -= self->given[*rule].context_points;
    else if (*rule >= 0 && self->given[*rule].context)
        *length = without_context(self, *rule, self->points + at, *length);
    return AC_OK;
}

/* ---- life ---- */

ac_status
ac_automaton_new(ac_automaton **out, const ac_token_rule *rules, int count)
{
    ac_automaton *self = NULL;
    int32_t start;
    ac_status st = AC_OK;

    *out = NULL;
    AC_TRY(ac_alloc(&self, 1, sizeof *self));
    self->given = rules;
    AC_TRY(ac_alloc(&self->starts, count, sizeof *self->starts));
    for (int i = 0; i < count; i++)
        AC_TRY(add_rule(self, &rules[i], i));
    AC_TRY(ac_token_sets_divide(&self->sets));
    AC_TRY(ac_alloc(&self->list, self->node_count, sizeof *self->list));
    AC_TRY(ac_alloc(&self->stack, self->node_count, sizeof *self->stack));
    AC_TRY(ac_alloc(&self->waiting, self->node_count, sizeof *self->waiting));
    AC_TRY(ac_alloc(&self->has, self->node_count, sizeof *self->has));
    for (int i = 0; i < count; i++)
        reach(self, self->starts[i]);
    reduce_list(self);
    AC_TRY(find_state(self, &start));
    *out = self;
    self = NULL;
out:
    ac_automaton_free(self);
    return st;
}

void
ac_automaton_free(ac_automaton *self)
{
    if (!self)
        return;
    free(self->nodes);
    free(self->starts);
    ac_token_sets_free(&self->sets);
    free(self->states);
    free(self->members);
    free(self->steps);
    free(self->table);
    free(self->list);
    free(self->stack);
    free(self->waiting);
    free(self->has);
    free(self->failed);
    free(self);
}
