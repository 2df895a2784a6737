/** The rules of the Penn Treebank's tokens as Stanford's tokenizer of 2014 has them. */
#ifndef AC_ENGINE_METRICS_PTB_RULES_H
#define AC_ENGINE_METRICS_PTB_RULES_H

#include "engine/metrics/token_automaton.h"

/** What becomes of a match. */
typedef enum ac_ptb_kind {
    AC_PTB_PLAIN = 0,  /* a token as it stands */
    AC_PTB_WORD,       /* without soft hyphens */
    AC_PTB_NOTHING,    /* no token */
    AC_PTB_SPLIT_2,    /* its last two letters are a token of their own (gon na) */
    AC_PTB_SPLIT_3,    /* its last three (can not) */
    AC_PTB_DASH,       /* "--" */
    AC_PTB_HYPHENS,    /* three or four: "--" */
    AC_PTB_AMPERSAND,  /* &amp; is & */
    AC_PTB_ELLIPSIS,   /* "..." */
    AC_PTB_QUOTE_OPEN, /* quotation marks as LaTeX has them */
    AC_PTB_QUOTE_CLOSE,
    AC_PTB_FRACTION, /* one sign: 1/2 */
    AC_PTB_CURRENCY,
    AC_PTB_SPACED,         /* its spaces do not part it */
    AC_PTB_BRACKETED,      /* the same, and round brackets have names */
    AC_PTB_SINGLE_INITIAL, /* "A." at a sentence's end is "A", and the point a token */
    AC_PTB_ROUND_OPEN,
    AC_PTB_ROUND_CLOSE,
    AC_PTB_SQUARE_OPEN,
    AC_PTB_SQUARE_CLOSE,
    AC_PTB_CURLY_OPEN,
    AC_PTB_CURLY_CLOSE,
    AC_PTB_LESS,
    AC_PTB_GREATER
} ac_ptb_kind;

extern const ac_token_rule ac_ptb_rules[];
extern const int ac_ptb_rule_count;

#endif
