/* SPDX-License-Identifier: Apache-2.0 */
/* The invented people and the cards they hold. */
#ifndef IGC_HOLDER_H
#define IGC_HOLDER_H

#include <stdbool.h>
#include <stddef.h>

enum {
    HOLDER_PRACTICES_MAX = 4,
};

/* What is wrong with a card, if anything. */
enum condition {
    COND_VALID,
    COND_EXPIRED,
    COND_REVOKED,
    COND_UNTRUSTED,  /* issued by a CA that nobody configured */
    COND_FORGED,     /* names the right CA, signed by another key */
    COND_MISMATCHED, /* the authentication key is not the certificate's */
    COND_SWAPPED,    /* each certificate stands where the other one's object says it is */
    COND_FOREIGN,    /* not a CPS */
    COND_MUTE,       /* never answers a command */
};

/* Which card: layout and interface. */
enum model {
    MODEL_CPS3,
    MODEL_CPS3_VARIANT,     /* other identifiers, sizes and orders */
    MODEL_CPS3_T1,          /* announces T=1 */
    MODEL_CPS3_CONTACTLESS, /* a CPS3 laid on a contactless reader */
    MODEL_CPS4,
    MODEL_CPS4_VARIANT,
    MODEL_CPS4_T1,
};

/* A practice situation: CPS_ACTIVITY_<number>_PS. Numbers rise, with gaps where one was withdrawn.
 */
struct practice {
    unsigned number; /* 0 ends the list */
    const char *name, *structure, *sector;
};

struct holder {
    const char *card; /* name of the card, directory of its image */
    enum condition condition;
    const char *same_as; /* other card of the same holder: same keys, same certificates */
    enum model model;
    const char *rpps; /* ten digits; the check digit is computed. NULL: no person is named */
    const char *family, *given;
    const char *title, *profession, *speciality;
    /* Of a card that names a structure and the rank of the card in it instead of a person. */
    const char *structure, *locality, *structure_id, *rank;
    const char *serial; /* of the card, eight digits */
    const char *pin;
    bool ocsp;              /* its certificates name an OCSP responder */
    bool own_signature_key; /* else a key shared between the odd cards, to save time */
    size_t padding;
    struct practice practices[HOLDER_PRACTICES_MAX];
};

extern const struct holder HOLDERS[];
extern const size_t N_HOLDERS;

const char *condition_name(enum condition c);

/* A card with PKCS#15 content, as opposed to one that only has an ATR. */
bool holder_has_content(const struct holder *h);

/* The card says who holds it. */
bool holder_is_named(const struct holder *h);

/* The subject's common name: the national identifier, or structure and rank. */
enum { COMMON_NAME_MAX = 48 };
void holder_common_name(const struct holder *h, char ret_name[COMMON_NAME_MAX]);

/* 8, the RPPS number and its check digit; the family name ends in its last four digits. */
enum { NATIONAL_ID_LEN = 12 };
void holder_national_id(const struct holder *h, char ret_id[NATIONAL_ID_LEN + 1]);
void holder_family(const struct holder *h, char *ret_name, size_t cap);

#endif
