/**
 * Prepared texts as one long address space: document d takes [starts[d], starts[d + 1]), in the
 * order of the sources. It is divided into pieces of whole lines that any process can read by
 * themselves.
 */
#ifndef AC_IO_TEXT_TEXT_CORPUS_H
#define AC_IO_TEXT_TEXT_CORPUS_H

#include "io/text/text_source.h"

/** Starts zeroed. The caller fills paths, names (a zero byte behind each) and documents,
 * then calls ac_text_corpus_arrange. */
typedef struct ac_text_corpus {
    ac_texts paths;              /* [count] of the plain file or the spool file */
    ac_texts names;              /* [count] of what people gave, for messages; or none */
    ac_text_document *documents; /* [count], owned */
    int64_t *starts;             /* [count + 1], owned */
    int64_t count, piece_bytes, pieces;
} ac_text_corpus;

AC_MUST_CHECK ac_status ac_text_corpus_arrange(ac_text_corpus *self, int64_t piece_bytes);
void ac_text_corpus_free(ac_text_corpus *self);

/** Gets whole lines of one document. */
typedef ac_status (*ac_text_take)(void *context, const char *text, size_t n);

/**
 * Read piece i: its parts of documents, in order, each whole lines, to `take`. Pieces together
 * are the corpus, each line once. AC_E_IO where a document is gone or is not what was prepared.
 */
AC_MUST_CHECK ac_status ac_text_corpus_read(const ac_text_corpus *self, int64_t piece,
                                            ac_text_take take, void *context);

/** AC_E_IO where a plain document was changed since it was prepared. For the end of the work.
 */
AC_MUST_CHECK ac_status ac_text_corpus_check(const ac_text_corpus *self);

#endif
