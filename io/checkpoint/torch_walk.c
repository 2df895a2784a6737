/* From a pickle's tree of values to named tensors and scalars. Source of the calls' arguments:
 * torch/_utils.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buffer.h"
#include "engine/base/memory.h"
#include "io/checkpoint/torch_storage.h"

/* Deeper than any checkpoint; ends cycles. */
enum { MAX_DEPTH = 64, MAX_NAME = 1024, COPY_ROOM = 1 << 20 };

typedef struct walk {
    ac_torch_file *file;
    ac_buffer name; /* of the present place */
    int64_t item_capacity, scalar_capacity, copy_capacity;
    int64_t visits, visits_allowed; /* parts may be shared, so that their number can grow beyond
                                       all bounds */
    size_t name_bytes, name_bytes_allowed;
    size_t copy_bytes, copy_bytes_allowed;
} walk;

static ac_status
refuse(const walk *w, const char *what)
{
    return ac_error_set(AC_E_FORMAT, "%s: tensor \"%.200s\": %s", w->file->out->path,
                        w->name.data ? w->name.data : "", what);
}

static ac_status
take_name(walk *w, char **out)
{
    w->name_bytes += w->name.size + 1;
    if (w->name_bytes > w->name_bytes_allowed)
        return refuse(w, "the file repeats its parts without end: damaged or hostile");
    return ac_duplicate(out, w->name.data ? w->name.data : "", w->name.size);
}

/* ---- tensors ---- */

/* A tensor as the file describes it. */
typedef struct view {
    ac_dtype dtype;
    const unsigned char *storage;
    int64_t elements; /* of the storage */
    int64_t offset, shape[AC_MAX_RANK], stride[AC_MAX_RANK];
    int rank;
} view;

static ac_status
read_storage(const walk *w, view *v, int64_t place)
{
    const ac_pickle *p = &w->file->pickle;
    const ac_pickle_value *value = &p->values[place], *key, *count;
    int64_t id[5];
    size_t size = 0;
    ac_status st;

    if (value->type != AC_PICKLE_PERSISTENT || !ac_pickle_tuple(p, value->as.pair.a, id, 5))
        return refuse(w, "has no storage: the file is damaged; get it again");
    if (!ac_torch_storage_type(p, id[1], &v->dtype))
        return refuse(w,
                      "is of a type that is not supported (floats, integers and booleans are)");
    key = &p->values[id[2]];
    count = &p->values[id[4]];
    if (key->type != AC_PICKLE_TEXT || count->type != AC_PICKLE_INT || count->as.integer < 0)
        return refuse(w, "has no storage: the file is damaged; get it again");
    v->elements = count->as.integer;
    if ((st = ac_torch_storage_find(w->file, key->as.text.bytes, key->as.text.size, &v->storage,
                                    &size)) != AC_OK)
        return st;
    if ((uint64_t) v->elements > size / ac_dtype_bytes(v->dtype))
        return refuse(
            w, "its storage is shorter than it should be: truncated? Get the file again");
    return AC_OK;
}

/* A tuple of numbers, none negative. */
static bool
read_numbers(const ac_pickle *p, int64_t place, int64_t *out, int *n)
{
    const ac_pickle_value *v = &p->values[place];

    if (v->type != AC_PICKLE_TUPLE || v->as.items.count > AC_MAX_RANK)
        return false;
    *n = 0;
    for (int64_t c = v->as.items.first; c >= 0; c = p->cells[c].next) {
        const ac_pickle_value *x = &p->values[p->cells[c].value];
        if (x->type != AC_PICKLE_INT || x->as.integer < 0)
            return false;
        out[(*n)++] = x->as.integer;
    }
    return true;
}

/* _rebuild_tensor(storage, offset, size, stride), _rebuild_tensor_v2(the same, requires_grad,
 * hooks), _rebuild_parameter(tensor, requires_grad, hooks). */
static ac_status
read_view(const walk *w, view *v, int64_t place)
{
    const ac_pickle *p = &w->file->pickle;
    const ac_pickle_value *call = &p->values[place];
    int64_t args[4], tensor;
    int strides = 0;
    ac_status st;

    if (ac_pickle_is_global(p, call->as.pair.a, "torch._utils", "_rebuild_parameter")) {
        if (!ac_pickle_tuple(p, call->as.pair.b, &tensor, 1) ||
            p->values[tensor].type != AC_PICKLE_CALL ||
            ac_pickle_is_global(p, p->values[tensor].as.pair.a, "torch._utils",
                                "_rebuild_parameter"))
            return refuse(w,
                          "is a parameter without a tensor: the file is damaged; get it again");
        return read_view(w, v, tensor);
    }
    if (!ac_pickle_tuple(p, call->as.pair.b, args, 4) ||
        p->values[args[1]].type != AC_PICKLE_INT || p->values[args[1]].as.integer < 0 ||
        !read_numbers(p, args[2], v->shape, &v->rank) ||
        !read_numbers(p, args[3], v->stride, &strides) || strides != v->rank)
        return refuse(w, "its offset, shape and strides make no sense (at most 8 dimensions "
                         "are read): the file is damaged; get it again");
    v->offset = p->values[args[1]].as.integer;
    if ((st = read_storage(w, v, args[0])) != AC_OK)
        return st;
    return AC_OK;
}

/* Whether every element lies within the storage. @param[out] count  elements of the view */
static bool
view_fits(const view *v, int64_t *count)
{
    int64_t last = v->offset, reach;

    *count = 1;
    for (int d = 0; d < v->rank; d++)
        if (__builtin_mul_overflow(*count, v->shape[d], count))
            return false;
    if (*count == 0)
        return true;
    for (int d = 0; d < v->rank; d++)
        if (__builtin_mul_overflow(v->shape[d] - 1, v->stride[d], &reach) ||
            __builtin_add_overflow(last, reach, &last))
            return false;
    return last < v->elements;
}

static bool
is_contiguous(const view *v)
{
    int64_t stride = 1;

    for (int d = v->rank - 1; d >= 0; d--) {
        if (v->shape[d] != 1 && v->stride[d] != stride)
            return false;
        stride *= v->shape[d];
    }
    return true;
}

/* y [count]: the view's elements in C order. */
static void
gather(unsigned char *y, const view *v, int64_t count)
{
    const size_t item = ac_dtype_bytes(v->dtype);
    int64_t index[AC_MAX_RANK] = { 0 }, at = v->offset;

    for (int64_t i = 0; i < count; i++) {
        memcpy(y + (size_t) i * item, v->storage + (size_t) at * item, item);
        for (int d = v->rank - 1; d >= 0; d--) {
            if (v->shape[d] == 1)
                continue;
            at += v->stride[d];
            if (++index[d] < v->shape[d])
                break;
            at -= v->stride[d] * v->shape[d];
            index[d] = 0;
        }
    }
}

static ac_status
copy_view(walk *w, ac_tensor *t, const view *v, int64_t count)
{
    ac_torch *o = w->file->out;
    const size_t item = ac_dtype_bytes(v->dtype);
    ac_status st = AC_OK;
    void *copy = NULL;

    if ((uint64_t) count > (w->copy_bytes_allowed - w->copy_bytes) / item)
        return refuse(w, "is a view that repeats its storage beyond the file's size; save it "
                         "with .contiguous()");
    AC_TRY(ac_grow(&o->copies, &w->copy_capacity, o->copy_count + 1, sizeof *o->copies));
    AC_TRY(ac_alloc_aligned(&copy, count, item));
    o->copies[o->copy_count++] = copy;
    w->copy_bytes += (size_t) count * item;
    gather(copy, v, count);
    t->data = copy;
out:
    return st;
}

static ac_status
add_tensor(walk *w, int64_t place)
{
    ac_status st = AC_OK;
    ac_torch *o = w->file->out;
    view v = { 0 };
    ac_tensor t;
    int64_t count = 0;
    char *name = NULL;

    AC_TRY(read_view(w, &v, place));
    if (!view_fits(&v, &count))
        AC_TRY(
            refuse(w, "its shape reaches past its storage: the file is damaged; get it again"));
    t = (ac_tensor){ .dtype = v.dtype, .rank = v.rank };
    memcpy(t.shape, v.shape, sizeof t.shape);
    if (count && !is_contiguous(&v))
        AC_TRY(copy_view(w, &t, &v, count));
    else
        t.data = count ? v.storage + (size_t) v.offset * ac_dtype_bytes(v.dtype) : v.storage;
    AC_TRY(ac_grow(&o->items, &w->item_capacity, o->tensors.count + 1, sizeof *o->items));
    AC_TRY(take_name(w, &name));
    t.name = name;
    o->items[o->tensors.count++] = t;
out:
    return st;
}

/* ---- scalars ---- */

static ac_status
add_scalar(walk *w, const ac_pickle_value *v)
{
    ac_status st = AC_OK;
    ac_torch *o = w->file->out;
    ac_torch_scalar s = { 0 };

    switch (v->type) {
    case AC_PICKLE_INT:
    case AC_PICKLE_BOOL:
        s.type = v->type == AC_PICKLE_INT ? AC_TORCH_INT : AC_TORCH_BOOL;
        s.integer = v->as.integer;
        break;
    case AC_PICKLE_REAL:
        s.type = AC_TORCH_REAL;
        s.real = v->as.real;
        break;
    default:
        s.type = AC_TORCH_TEXT;
        s.text = v->as.text.bytes;
        s.text_size = v->as.text.size;
    }
    AC_TRY(ac_grow(&o->scalars, &w->scalar_capacity, o->scalar_count + 1, sizeof *o->scalars));
    AC_TRY(take_name(w, &s.name));
    o->scalars[o->scalar_count++] = s;
out:
    return st;
}

/* ---- the tree ---- */

/* Append a key to the present name. @param[out] usable  false: a key that is neither text,
 * number nor class */
static ac_status
push_key(walk *w, const ac_pickle_value *key, bool *usable)
{
    *usable = true;
    if (w->name.size)
        ac_buffer_push_char(&w->name, '.');
    switch (key->type) {
    case AC_PICKLE_TEXT:
        *usable = key->as.text.size <= MAX_NAME &&
                  !memchr(key->as.text.bytes, '\0', key->as.text.size);
        if (*usable)
            ac_buffer_push(&w->name, key->as.text.bytes, key->as.text.size);
        break;
    case AC_PICKLE_INT: ac_buffer_printf(&w->name, "%lld", (long long) key->as.integer); break;
    case AC_PICKLE_GLOBAL: /* Lightning: {ModelCheckpoint: {…}} */
        *usable = !memchr(key->as.global.name, '\0', key->as.global.name_size);
        if (*usable)
            ac_buffer_push(&w->name, key->as.global.name, key->as.global.name_size);
        break;
    default: *usable = false;
    }
    if (w->name.size > MAX_NAME)
        return ac_error_set(AC_E_FORMAT, "%s: a name longer than %d bytes: damaged or hostile",
                            w->file->out->path, MAX_NAME);
    return w->name.status;
}

static void
cut_name(walk *w, size_t size)
{
    w->name.size = size;
    if (w->name.data)
        w->name.data[size] = '\0';
}

static ac_status walk_value(walk *w, int64_t place, int depth);

static ac_status
walk_list(walk *w, const ac_pickle_value *list, int depth)
{
    const ac_pickle *p = &w->file->pickle;
    const size_t size = w->name.size;
    ac_pickle_value number = { .type = AC_PICKLE_INT };
    ac_status st = AC_OK;
    bool usable;

    for (int64_t c = list->as.items.first; c >= 0; c = p->cells[c].next, number.as.integer++) {
        AC_TRY(push_key(w, &number, &usable));
        AC_TRY(walk_value(w, p->cells[c].value, depth + 1));
        cut_name(w, size);
    }
out:
    return st;
}

static ac_status
walk_dict(walk *w, const ac_pickle_value *dict, int depth)
{
    const ac_pickle *p = &w->file->pickle;
    const size_t size = w->name.size;
    ac_status st = AC_OK;

    for (int64_t c = dict->as.items.first; c >= 0; c = p->cells[p->cells[c].next].next) {
        bool usable;
        AC_TRY(push_key(w, &p->values[p->cells[c].value], &usable));
        if (usable)
            AC_TRY(walk_value(w, p->cells[p->cells[c].next].value, depth + 1));
        cut_name(w, size);
    }
out:
    return st;
}

/* TorchScript's modules are objects of __torch__ classes, their attributes a dictionary. Other
 * objects stay closed. */
static bool
is_module(const ac_pickle *p, const ac_pickle_value *object)
{
    const ac_pickle_value *type = object->as.pair.a < 0 ? NULL : &p->values[object->as.pair.a];

    return type && object->as.pair.b >= 0 &&
           p->values[object->as.pair.b].type == AC_PICKLE_DICT &&
           type->as.global.module_size >= 9 &&
           memcmp(type->as.global.module, "__torch__", 9) == 0;
}

static ac_status
walk_value(walk *w, int64_t place, int depth)
{
    const ac_pickle *p = &w->file->pickle;
    const ac_pickle_value *v = &p->values[place];

    if (++w->visits > w->visits_allowed)
        return refuse(w, "the file repeats its parts without end: damaged or hostile");
    if (depth > MAX_DEPTH)
        return ac_error_set(AC_E_FORMAT, "%s: nested deeper than %d levels: damaged or hostile",
                            w->file->out->path, MAX_DEPTH);
    switch (v->type) {
    case AC_PICKLE_CALL: return add_tensor(w, place);
    case AC_PICKLE_TUPLE:
    case AC_PICKLE_LIST: return walk_list(w, v, depth);
    case AC_PICKLE_DICT: return walk_dict(w, v, depth);
    case AC_PICKLE_OBJECT:
        return is_module(p, v) ? walk_dict(w, &p->values[v->as.pair.b], depth) : AC_OK;
    case AC_PICKLE_INT:
    case AC_PICKLE_BOOL:
    case AC_PICKLE_REAL:
    case AC_PICKLE_TEXT: return add_scalar(w, v);
    default: return AC_OK; /* None, bytes, a class: nothing to keep */
    }
}

static int
compare_tensor(const void *a, const void *b)
{
    return strcmp(((const ac_tensor *) a)->name, ((const ac_tensor *) b)->name);
}

ac_status
ac_torch_walk(ac_torch_file *self)
{
    ac_status st = AC_OK;
    ac_torch *o = self->out;
    const size_t size = o->map.size;
    walk w = { .file = self,
               .visits_allowed = 2 * self->pickle.cell_count + 1000,
               .name_bytes_allowed = 16 * size + 65536,
               .copy_bytes_allowed = size + COPY_ROOM };

    AC_TRY(walk_value(&w, self->pickle.root, 0));
    if (o->tensors.count)
        qsort(o->items, (size_t) o->tensors.count, sizeof *o->items, compare_tensor);
    for (int64_t i = 1; i < o->tensors.count; i++)
        if (strcmp(o->items[i].name, o->items[i - 1].name) == 0)
            AC_FAIL(AC_E_FORMAT, "%s: two tensors are named \"%.200s\"", o->path,
                    o->items[i].name);
    o->tensors.items = o->items;
    o->tensors.source = o->path;
out:
    ac_buffer_free(&w.name);
    return st;
}
