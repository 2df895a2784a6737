/** From what a kernel gives to what can still matter. Private to engine/retrieval. */
#ifndef AC_ENGINE_RETRIEVAL_SCAN_SELECT_H
#define AC_ENGINE_RETRIEVAL_SCAN_SELECT_H

#include "engine/retrieval/scan.h"

/* Far above the rounding of the few operations in double that bounds are made of. */
#define AC_SCAN_DOUBLE_CUSHION 0x1p-48

/** The functions for the kernel set in use. */
typedef struct ac_scan_selection {
    /** Bit j: entry j's upper bound is not below the limit (also where it is not a number).
     * scanned, errors, norms [16] */
    unsigned (*select)(const float *scanned, const float *errors, const float *norms,
                       float spread, float slack, float limit);
    /** Integer dot products [16], in place, to scores. */
    void (*scale)(float *scanned, const float *scales, float scale);
} ac_scan_selection;

ac_scan_selection ac_scan_selection_best(void);

/** The threshold as a limit for base-less scanned scores in float. */
float ac_scan_limit(double threshold, const ac_scan_query *query);

#endif
