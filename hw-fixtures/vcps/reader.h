/* SPDX-License-Identifier: Apache-2.0 */
/* One slot: which card is in it, what goes wrong, how long things take, and what was counted. */
#ifndef VCPS_READER_H
#define VCPS_READER_H

#include "framing.h"
#include "trace.h"
#include "vpcd.h"

enum {
    READER_CARDS_MAX = 64,
};

enum fault_kind { FAULT_NONE, FAULT_SW, FAULT_TEAR_BEFORE, FAULT_TEAR_INSIDE, FAULT_TEAR_AFTER };

/* Strikes the `at`th next APDU (1 is the next one), counting only those whose INS is `ins` unless
 * that is -1. A status word strikes `times` APDUs in a row, and the card does not see them. */
struct fault {
    enum fault_kind kind;
    int ins;
    uint64_t at, times;
    uint16_t sw;
};

struct latency {
    uint64_t apdu_us, byte_us, rsa_us;
};

struct counters {
    uint64_t apdus, get_responses, bytes_to_card, bytes_from_card;
    uint64_t power_ons, power_offs, resets, rsa_ops, verifies;
    uint64_t by_ins[256];
};

struct reader {
    const char *cards_dir;
    struct vpcd link;
    struct card *cards[READER_CARDS_MAX]; /* loaded once, they keep their codes while out */
    size_t n_cards;
    struct card *inserted;
    bool powered, seen; /* seen: powered on, and asked its ATR, since it is in contact */
    unsigned looks;     /* pcscd's, before that */
    bool unseen;        /* pcscd may not have seen yet that the last card left */
    struct framing framing;
    bool muted, holding; /* holding: a message waits in the link's buffer for the mute to end */
    struct fault fault;
    struct latency latency;
    struct counters counters;
    struct trace trace;
    uint8_t answer[FRAME_MAX]; /* waits until `due` (nanoseconds, 0: nothing waits) */
    size_t answer_len;
    uint64_t due;
    uint64_t retry; /* no connection before */
};

void reader_init(struct reader *r, const char *cards_dir, uint16_t port);
void reader_done(struct reader *r);

/* The card of that name, loaded at need. NULL and a sentence in `err` when there is none. */
struct card *reader_card(struct reader *r, const char *name, char *err, size_t err_len);

/* Throws the loaded card away: its next use starts from its image. Refused while inserted. */
bool reader_forget(struct reader *r, const char *name);

void reader_insert(struct reader *r, struct card *card, uint64_t now);
void reader_remove(struct reader *r);
/* No card, and pcscd has looked. */
bool reader_is_gone(const struct reader *r);

void reader_set_mute(struct reader *r, bool on, uint64_t now);

/* After poll(): handles the link's events and everything due. Returns the next time something is
 * due, 0 for never. */
uint64_t reader_run(struct reader *r, short revents, uint64_t now);

#endif
