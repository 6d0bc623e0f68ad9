/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the report: what is asked of the card, one file or object at a time. */
#ifndef PKCS11_REPORT_ASK_H
#define PKCS11_REPORT_ASK_H

#include <jansson.h>

#include "pkcs11/p15.h"
#include "pkcs11/report_tree.h"

struct report_dialect;

/* wire is first: it stands between the card and those who ask, and writes all down. */
struct report {
    struct transport wire;
    struct transport *card;
    const struct report_dialect *dialect;
    json_t *apdus;
    json_t *files;
    json_t *objects;
    json_t *codes;
    size_t text_left; /* characters of structure that still fit the packet */
    struct file file; /* the last content that was read whole */
};

/* What is read of a file beside its control parameters. */
enum report_content {
    REPORT_NOTHING,
    REPORT_LENGTH, /* the length that its first four bytes announce */
    REPORT_TREE,
};

/* NULL when memory is short. */
struct report *report_new(struct transport *card);
void report_free(struct report *report);

/*
 * What the card refuses is part of the report: the errors of these functions are those that end it.
 * CPS_TOO_LARGE: no more fits the packet.
 */

/* Resets the card and finds out how it wants to be spoken to. */
cps_error report_start(struct report *report, struct fail *fail);

cps_error report_describe(struct report *report, const char *name, const struct file_path *path,
                          enum report_content content, enum report_kind kind, struct fail *fail);

/* Security data objects of a directory, which must be selected for them to answer. */
cps_error report_describe_objects(struct report *report, const struct file_path *directory,
                                  bool is_root, struct fail *fail);

/* VERIFY without data: the state of a code, at the cost of no try. */
cps_error report_describe_codes(struct report *report, const struct p15_pins *pins,
                                struct fail *fail);

#endif
