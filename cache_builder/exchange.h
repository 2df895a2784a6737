/**
 * Caches in other programs' layouts: a text file of one entry per line and, row by row, the
 * embeddings in .npy files.
 *
 *     postcache.txt + postcache.npy                 the reference's sampler
 *     entries.txt + emb00000.npy, emb00001.npy …    clip-grams' folder
 *     any text + text_emb/text_emb_0.npy …          clip-retrieval's folder, fp16
 */
#ifndef AC_CACHE_BUILDER_EXCHANGE_H
#define AC_CACHE_BUILDER_EXCHANGE_H

#include "cache_builder/cache.h"

/** What to import. Zeroed but for the embeddings. */
typedef struct ac_import {
    const char *text; /* the entries; NULL: entries.txt beside the embeddings */
    const char *const
        *embeddings; /* [count], in order: a .npy or .npz file; a folder of emb*.npy
                        or text_emb/text_emb_*.npy, taken in the order of their
                        numbers; a .txt list of files; a pattern (emb*.npy) */
    int64_t count;
    const char *array;  /* of .npz files (ac_npz_open) */
    const char *prefix; /* what stood before each entry when it was embedded; NULL: as args.txt
                           of clip-grams beside emb*.npy says, else nothing */
} ac_import;

/**
 * Make the cache `folder` from foreign files. Rows are aligned with lines, empty lines
 * included; numbers are kept as they are (fp16 widened). Files of another number of rows or
 * another width, and numbers that are not finite, are AC_E_FORMAT naming both files and both
 * numbers; a folder that holds a cache already is AC_E_ARG.
 * @param[in] identity    model, model_path and dimension of the cache to be; the rest is not
 * looked at
 */
AC_MUST_CHECK ac_status ac_cache_import(const ac_import *from, const ac_cache *identity,
                                        ac_compression compression, const char *folder);

/** Write FOLDER/postcache.txt and postcache.npy, each published whole. An entry with a line
 * feed in it is AC_E_FORMAT. */
AC_MUST_CHECK ac_status ac_cache_export(const ac_cache *self, const char *folder);

#endif
