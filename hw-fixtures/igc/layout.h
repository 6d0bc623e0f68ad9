/* SPDX-License-Identifier: Apache-2.0 */
/* Where things are on each model of card: identifiers, references, orders. */
#ifndef IGC_LAYOUT_H
#define IGC_LAYOUT_H

#include "holder.h"

enum { LAYOUT_ODF_MAX = 5 };

struct layout_df {
    const char *kind, *file;
};

struct layout_key {
    const char *id, *reference, *certificate_file, *public_key_file;
};

struct layout {
    const char *personality, *interface, *atr;
    int protocol;
    struct layout_df odf[LAYOUT_ODF_MAX];
    struct layout_key sig, aut;
    struct layout_df cl_odf[LAYOUT_ODF_MAX]; /* empty: there is no contactless application */
    struct layout_key tech;
    unsigned data_fid, activity_fid;
    bool aut_first, cdf_reverse, contact_first;
    const char *short_read;
};

const struct layout *layout_of(enum model m);

#endif
