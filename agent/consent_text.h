/* SPDX-License-Identifier: Apache-2.0 */
/* The words of questions about programs. */
#ifndef AGENT_CONSENT_TEXT_H
#define AGENT_CONSENT_TEXT_H

#include <jansson.h>
#include <stdbool.h>

#include "agent/policy_terms.h"

struct consent_words {
    const char *program; /* path, or NULL */
    const char *origin;  /* web origin it speaks for, or NULL */
    const char *person;  /* name of who is at the desk, or NULL */
    enum policy_kind kind;
    const char *audience; /* "": none */
    bool remembered;      /* what is answered; else it is asked each time */
};

/* Params of the op "confirm" (base/proto.h). display: of the caller, or NULL. */
json_t *consent_text(const json_t *display, const struct consent_words *words);

#endif
