/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one section of a policy file says a program may do: cps-agent.conf(5), POLICY.D. A key that
 * is absent has its default; what is given away in the name of the person may also be left open,
 * for the user to answer.
 */
#ifndef AGENT_POLICY_TERMS_H
#define AGENT_POLICY_TERMS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/config.h"

/* What a program is given in the name of the person at the desk. */
enum policy_kind {
    POLICY_STATEMENT,
    POLICY_ACCESS_TOKEN,
    POLICY_ID_TOKEN,
    POLICY_EXCHANGE, /* a token for another API */
    POLICY_PROXY,    /* requests to national APIs through an e-Santé proxy */
    POLICY_KINDS
};
extern const char *const policy_kind_names[POLICY_KINDS];

enum policy_data {
    POLICY_DATA_NONE,
    POLICY_DATA_PUBLIC, /* what the card gives to anybody */
    POLICY_DATA_ALL,    /* also what it gives after the PIN */
};

enum policy_answer { POLICY_SILENT, POLICY_NO, POLICY_YES };

struct policy_terms {
    bool authentication;    /* use the authentication key of the card */
    bool signature;         /* use its signature key; the user confirms each time */
    enum policy_data data;  /* read its data objects */
    bool ask_pin;           /* have the PIN asked when a key needs it; false: an error at once */
    bool login_required;    /* told that C_Login is needed before a key is used */
    bool typed_pin;         /* a PIN given to C_Login is dropped; false: refused */
    bool interaction;       /* may have the user asked anything */
    bool counter_signature; /* have statements counter-signed by the card */
    bool origins;           /* speaks for web origins, and names them in hello */
    int lifetime_s;         /* longest life of a statement; 0: no other limit than the usual one */
    unsigned confirm;       /* bits of 1 << enum policy_kind: the user is asked each time */
    char **methods;         /* patterns of methods; NULL: not said */
    char **audiences;       /* patterns of audiences of statements; NULL: not said */
    int tokens;             /* bits of 1 << enum policy_kind; -1: not said */
    enum policy_answer proxy;
};

/* The keys of a file, those that choose the program included. */
extern const struct config_key policy_keys[];

/* What a site's section that gives no key says, and one of the user's, which takes nothing away. */
extern const struct policy_terms policy_built_in;
extern const struct policy_terms policy_neutral;

/*
 * Reads a section; absent keys are as in defaults, but for methods and audiences: those are not
 * said. On failure nothing is kept.
 */
cps_error policy_terms_read(const struct config *config, const char *section,
                            const struct policy_terms *defaults, struct policy_terms *ret_terms,
                            struct fail *fail);
void policy_terms_done(struct policy_terms *terms);

/* CPS_CONFIGURATION: "[section] key: reason, line n". */
cps_error policy_mistake(const struct config *config, const char *section, const char *key,
                         const char *reason, struct fail *fail);

/* A list of words; "none", alone, is an empty one. NULL: the key is absent. */
char **policy_words(const struct config *config, const char *section, const char *key);

/* What these terms (NULL: none) say of giving such a thing; audience: of a statement. */
enum policy_answer policy_terms_say(const struct policy_terms *terms, enum policy_kind kind,
                                    const char *audience);

/* Whether one of the patterns fits; NULL: there are none, and nothing is excluded. */
bool policy_any_fits(char *const *patterns, const char *text);

#endif
