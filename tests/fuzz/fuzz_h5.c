/* AC_FUZZ_CORPUS: data/hostile_h5 */
/* HDF5 files, as datasets, caches, shards and captions.h5 are opened, with HDF5 itself behind
 * the guard. Promises: refused by name, or every dataset can be read, and the file cannot make
 * the process take more memory than its own size allows. */
#include <stdlib.h>
#include <string.h>

#include "io/hdf5/h5.h"
#include "io/hdf5/h5_check.h"
#include "io/hdf5/h5_list.h"
#include "tests/support/fuzz.h"

static ac_status
visit(void *context, const ac_h5_item *item)
{
    (void) context;
    FUZZ_CHECK(item->rank >= 0 && item->rank <= AC_MAX_RANK);
    for (int i = 0; i < item->rank; i++)
        FUZZ_CHECK(item->shape[i] >= 0);
    return AC_OK;
}

/* As texts too, where there are two datasets of that name. */
static void
read_texts(const ac_h5_reader *r, const char *name)
{
    char base[256];
    const size_t n = strlen(name), ending = sizeof "_offsets" - 1;
    ac_texts texts = { 0 };

    if (n < ending || n - ending >= sizeof base || strcmp(name + n - ending, "_offsets") != 0)
        return;
    memcpy(base, name, n - ending);
    base[n - ending] = '\0';
    if (ac_h5_read_texts(r, base, &texts) == AC_OK)
        FUZZ_CHECK(texts.count >= 0 && texts.offsets[texts.count] >= 0);
    ac_texts_free(&texts);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *path = fuzz_file(data, n);
    ac_h5_reader r = { 0 };
    int64_t datasets = 0, number;
    char *text = NULL;

    if (ac_h5_open_joined(&r, path) == AC_OK)
        for (int64_t i = 0; i < r.names.count; i++) {
            FUZZ_CHECK(ac_h5_has(&r, ac_texts_at(&r.names, i)));
            read_texts(&r, ac_texts_at(&r.names, i));
        }
    if (r.file)
        (void) !ac_h5_list(&r, visit, NULL);
    if (r.file && ac_h5_read_int_attribute(&r, "schema", &number) != AC_OK &&
        ac_h5_read_text_attribute(&r, "schema", &text) == AC_OK)
        FUZZ_CHECK(strlen(text) < n + 1);
    free(text);
    ac_h5_close(&r);
    if (ac_h5_check(path, &datasets) == AC_OK)
        FUZZ_CHECK(datasets >= 0);
    return 0;
}
