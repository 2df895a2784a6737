#include "io/checkpoint/tokenizer_files.h"
#include "jobs/cli/tools/inspect.h"

ac_status
ac_inspect_put_tokenizer(json_t *out, const char *path, const char *file)
{
    static const char *const kinds[] = { "CLIP", "BART", "GPT-2", "SigLIP", "Llama" };
    ac_tokenizer t = { 0 };
    char fingerprint[33];
    const ac_status st = ac_tokenizer_open(&t, path, file, AC_TOKENIZER_ANY, fingerprint);

    if (st ==
        AC_E_IO) { /* a folder of weights alone; what is there and damaged is AC_E_FORMAT */
        ac_inspect_put_text(out, "tokenizer", "none here");
        return AC_OK;
    }
    if (st == AC_OK) {
        json_t *one = json_object();
        ac_inspect_put_text(one, "kind", kinds[t.kind]);
        ac_inspect_put(one, "entries", json_integer(ac_tokenizer_size(&t)));
        ac_inspect_put_text(one, "fingerprint", fingerprint);
        ac_inspect_put(out, "tokenizer", one);
    }
    ac_tokenizer_free(&t);
    return st;
}
