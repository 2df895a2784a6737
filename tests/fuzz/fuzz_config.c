/* A job's YAML. Promises: refused, or a config that prints as YAML which reads back to the same
 * config. */
#include <string.h>

#include "io/config/config.h"
#include "tests/support/fuzz.h"

static void
check_reads_back(const ac_config *config)
{
    ac_buffer once = { 0 }, again = { 0 };
    ac_config second = { 0 };

    FUZZ_CHECK(ac_config_print(config, "caption", &once) == AC_OK);
    FUZZ_CHECK(ac_config_init(&second) == AC_OK);
    FUZZ_CHECK(ac_config_read(&second, fuzz_file((const uint8_t *) once.data, once.size)) ==
               AC_OK);
    FUZZ_CHECK(ac_config_print(&second, "caption", &again) == AC_OK);
    FUZZ_CHECK(once.size == again.size && memcmp(once.data, again.data, once.size) == 0);
    ac_config_free(&second);
    ac_buffer_free(&once);
    ac_buffer_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    ac_config config = { 0 };

    FUZZ_CHECK(ac_config_init(&config) == AC_OK);
    if (ac_config_read(&config, fuzz_file(data, n)) == AC_OK)
        check_reads_back(&config);
    ac_config_free(&config);
    return 0;
}
