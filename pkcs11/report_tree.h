/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The structure of a BER-TLV file of a card, fit to be shown to strangers: tags and lengths, and
 * only such values as belong to a kind of cards and to nobody. A value of more than two bytes is
 * shown when it is known beforehand (names of CPS objects, applications, paths) or when its tag, in
 * that kind of file, never holds anything personal; else its length is all there is.
 */
#ifndef PKCS11_REPORT_TREE_H
#define PKCS11_REPORT_TREE_H

#include <jansson.h>

#include "pkcs11/tlv.h"

enum report_kind {
    REPORT_DIRECTORY, /* EF.DIR, PKCS#15 files */
    REPORT_CONTROL,   /* control parameters of a file */
    REPORT_SECURITY,  /* security data objects */
    REPORT_CARD_DATA, /* EF.ATR */
};

/* Appends one text a line to lines, as long as *budget characters last. */
void report_tree(struct span data, enum report_kind kind, json_t *lines, size_t *budget);

#endif
