#include "jobs/caption/admission.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "cache_builder/duplicates.h"
#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "io/file/checksum.h"

enum { DENIED, REPEATED };

ac_status
ac_denied_open(ac_denied *self, const ac_config *config)
{
    const char *path = config->retrieval.deny;
    ac_texts lines = { 0 };
    ac_status st = AC_OK;

    if (!path)
        return AC_OK;
    self->given = true;
    AC_TRY(ac_file_checksum(path, self->fingerprint));
    st = ac_cache_read_entries(path, &lines);
    if (st != AC_OK)
        st = ac_error_prefix(st, "retrieval.deny");
    AC_TRY(st);
    AC_TRY(ac_deny_list_init(&self->list, &lines));
    if (self->list.phrases.count + self->list.signs.count == 0)
        AC_FAIL(AC_E_FORMAT, "retrieval.deny: %s: no phrase in it (one per line)", path);
out:
    ac_texts_free(&lines);
    return st;
}

void
ac_denied_free(ac_denied *self)
{
    ac_deny_list_free(&self->list);
    *self = (ac_denied){ 0 };
}

/* Local: without what is denied. */
static ac_status
deny(ac_admission *self, const ac_texts *entries, bool *admitted)
{
    ac_deny_words words = { 0 };
    ac_status st = AC_OK;
    bool denied;

    for (int64_t i = 0; self->denied->given && i < entries->count; i++) {
        AC_TRY(ac_deny_list_has(&self->denied->list, &words, ac_texts_at(entries, i),
                                ac_texts_size(entries, i), &denied));
        admitted[i] = !denied;
        self->left_out[DENIED] += denied;
    }
out:
    ac_deny_words_free(&words);
    return st;
}

/* The hashes of all texts, on rank 0, as texts: those of the first cache, and the others. */
static ac_status
split_hashes(const ac_admission *self, const ac_buffer *hashes, ac_texts *old, ac_texts *fresh)
{
    const int64_t first = self->caches->first[1];
    ac_status st = AC_OK;

    for (int64_t i = 0; i < self->caches->entries && st == AC_OK; i++)
        st = ac_texts_push(i < first ? old : fresh,
                           hashes->data + (size_t) i * sizeof(XXH128_canonical_t),
                           sizeof(XXH128_canonical_t));
    return st;
}

/* Rank 0: once [entries]: 1 where the text is none of an earlier cache, nor occurred before in
 * its own. */
static ac_status
mark_first(const ac_admission *self, const ac_buffer *hashes, char *once)
{
    const int64_t first = self->caches->first[1];
    ac_texts old = { 0 }, fresh = { 0 };
    int64_t *picked = NULL, count;
    ac_status st = AC_OK;

    AC_TRY(split_hashes(self, hashes, &old, &fresh));
    AC_TRY(ac_alloc(&picked, fresh.count, sizeof *picked));
    AC_TRY(ac_entries_pick_new(&old, &fresh, picked, &count));
    for (int64_t i = 0; i < first; i++)
        once[i] = 1;
    for (int64_t i = 0; i < count; i++)
        once[first + picked[i]] = 1;
out:
    ac_texts_free(&old);
    ac_texts_free(&fresh);
    free(picked);
    return st;
}

/* Without the texts that an earlier cache has: told by their hashes of 128 bits. */
static ac_status
drop_repeated_all(ac_admission *self, const ac_comm *comm, int64_t first,
                  const ac_texts *entries, bool *admitted)
{
    ac_buffer mine = { 0 }, all = { 0 };
    int64_t *bounds = NULL;
    char *once = NULL;
    ac_status st = ac_alloc(&bounds, comm->size + 1, sizeof *bounds);

    if (st == AC_OK)
        st = ac_alloc(&once, self->caches->entries, 1);
    for (int64_t i = 0; i < entries->count && st == AC_OK; i++) {
        XXH128_canonical_t hash;
        XXH128_canonicalFromHash(
            &hash, XXH3_128bits(ac_texts_at(entries, i), ac_texts_size(entries, i)));
        st = ac_buffer_push(&mine, &hash, sizeof hash);
    }
    AC_TRY(ac_agree_all(comm, st));
    AC_TRY(ac_gather_bytes_all(comm, mine.data, mine.size, 0, &all, bounds));
    AC_TRY(ac_agree_all(comm, comm->rank == 0 ? mark_first(self, &all, once) : AC_OK));
    ac_broadcast_bytes_all(comm, once, (size_t) self->caches->entries, 0);
    for (int64_t i = 0; i < entries->count; i++) {
        self->left_out[REPEATED] += admitted[i] && !once[first + i];
        admitted[i] = admitted[i] && once[first + i];
    }
out:
    ac_buffer_free(&mine);
    ac_buffer_free(&all);
    free(bounds);
    free(once);
    return st;
}

ac_status
ac_admission_find_all(ac_admission *self, const ac_comm *comm, int64_t first,
                      const ac_texts *entries, bool *admitted)
{
    ac_status st = AC_OK;

    memset(self->left_out, 0, sizeof self->left_out);
    for (int64_t i = 0; i < entries->count; i++)
        admitted[i] = true;
    AC_TRY(ac_agree_all(comm, deny(self, entries, admitted)));
    if (self->caches->count > 1 && !self->keep_duplicates)
        AC_TRY(drop_repeated_all(self, comm, first, entries, admitted));
    ac_sum_int64_all(comm, self->left_out, 2);
    if (self->left_out[DENIED] + self->left_out[REPEATED] == self->caches->entries)
        AC_FAIL(AC_E_FORMAT, "retrieval.deny: every entry of cache.path is denied: nothing is "
                             "left to retrieve");
out:
    return st;
}

ac_status
ac_admission_count_all(ac_admission *self, const ac_comm *comm)
{
    const int64_t total = self->caches->entries, first = total * comm->rank / comm->size,
                  count = total * (comm->rank + 1) / comm->size - first;
    ac_texts entries = { 0 };
    bool *admitted = NULL;
    ac_status st = AC_OK;

    if (!self->denied->given && (self->caches->count == 1 || self->keep_duplicates))
        return AC_OK; /* all are */
    st = ac_alloc(&admitted, count, sizeof *admitted);
    if (st == AC_OK)
        st = ac_cache_set_read_slice(self->caches, first, count, NULL, &entries);
    AC_TRY(ac_agree_all(comm, st));
    st = ac_admission_find_all(self, comm, first, &entries, admitted);
out:
    ac_texts_free(&entries);
    free(admitted);
    return st;
}
