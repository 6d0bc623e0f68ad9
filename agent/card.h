/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One card, from insertion to removal: its cardop process, what it said of itself, and its
 * certificate. A cardop that dies is started again a few times, then the card counts as failed.
 */
#ifndef AGENT_CARD_H
#define AGENT_CARD_H

#include <jansson.h>
#include <openssl/x509.h>
#include <stdbool.h>

#include "agent/agent.h"
#include "agent/child.h"

enum card_state {
    CARD_READING,
    CARD_READY,
    CARD_MUTE,
    CARD_UNSUPPORTED,
    CARD_BUSY,
    CARD_FAILED,
};

struct card;

/* A card inserted in this reader. mute: PC/SC got no answer from it, nothing is started. */
struct card *card_new(struct agent *agent, const char *reader, bool mute);

/* The card is gone: what was asked of it fails with CARD_REMOVED. NULL is fine. */
void card_free(struct card *card);

enum card_state card_state(const struct card *card);
const char *card_reader(const struct card *card);
const char *card_id(const struct card *card);

/* Why it is not ready, when it is neither ready nor reading. */
const struct fail *card_fail(const struct card *card);

/*
 * Its certificate, the technical one of a contactless card, and who holds it (schema Holder: see
 * identity_is_person); NULL until it is ready. Borrowed.
 */
X509 *card_certificate(const struct card *card);
json_t *card_holder(const struct card *card);

/* What the certificate and key of card_certificate() are for: "authentication", "technical". */
const char *card_usage(const struct card *card);

/* "CPS3", and the serial number written in the card; "" until it is ready. */
const char *card_family(const struct card *card);
const char *card_serial(const struct card *card);

/*
 * Whether a PIN guards it (none does on a contactless reader), whether the reader has keys to type
 * it on (and is allowed to be used so), and how many digits it has exactly; 0: that depends.
 */
bool card_has_pin(const struct card *card);
bool card_pin_pad(const struct card *card);
unsigned card_pin_digits(const struct card *card);

/* As the API shows it. */
json_t *card_json(const struct card *card);

/* Asks cardop; the arguments are those of child_call(). The card must not be reading or failed. */
struct call *card_call(struct card *card, const char *op, json_t *params, int pass_fd,
                       call_done done, void *user);

/* The same with another time limit, for people at a PIN pad. */
#define PIN_PAD_TIMEOUT_MS 60000
struct call *card_call_for(struct card *card, const char *op, json_t *params, int pass_fd,
                           int64_t timeout_ms, call_done done, void *user);

/* Ends its cardop, whatever it is doing, and starts another one: what it was asked fails. */
void card_restart(struct card *card);

/* Remembers what an answer or an error said of the PIN, and tells subscribers. */
void card_note_pin(struct card *card, int tries_left);

#endif
