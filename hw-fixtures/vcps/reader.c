/* SPDX-License-Identifier: Apache-2.0 */
#include "reader.h"

#include <string.h>

enum {
    RETRY_NS = 20 * 1000 * 1000, /* pcscd not there yet, or restarted */
    INSERTION_LOOKS = 2,         /* pcscd's, at a card that came, before it powers it */
};

void reader_init(struct reader *r, const char *cards_dir, uint16_t port)
{
    *r = (struct reader){.cards_dir = cards_dir};
    vpcd_init(&r->link, port);
}

void reader_done(struct reader *r)
{
    vpcd_done(&r->link);
    trace_close(&r->trace);
    for (size_t i = 0; i < r->n_cards; i++)
        card_free(r->cards[i]);
}

struct card *reader_card(struct reader *r, const char *name, char *err, size_t err_len)
{
    char dir[4096];

    for (size_t i = 0; i < r->n_cards; i++)
        if (strcmp(r->cards[i]->image->name, name) == 0)
            return r->cards[i];
    if (strchr(name, '/') || name[0] == '.' || r->n_cards == READER_CARDS_MAX ||
        (size_t)snprintf(dir, sizeof(dir), "%s/%s", r->cards_dir, name) >= sizeof(dir)) {
        snprintf(err, err_len, "not a card name, or too many cards");
        return NULL;
    }
    struct image *im = image_load(dir, err, err_len);
    if (!im)
        return NULL;
    struct card *c = card_new(im);
    if (c)
        r->cards[r->n_cards++] = c;
    else
        snprintf(err, err_len, "the card's files could not be built");
    return c;
}

bool reader_forget(struct reader *r, const char *name)
{
    for (size_t i = 0; i < r->n_cards; i++) {
        if (strcmp(r->cards[i]->image->name, name) != 0)
            continue;
        if (r->cards[i] == r->inserted)
            return false;
        card_free(r->cards[i]);
        r->cards[i] = r->cards[--r->n_cards];
        break;
    }
    return true;
}

void reader_insert(struct reader *r, struct card *card, uint64_t now)
{
    r->inserted = card;
    r->seen = false;
    r->retry = now;
    trace_note(&r->trace, "card inserted");
}

/* The contacts lift: whatever was under way is lost, and so is what a reset forgets. A connection
 * that is being made is not taken back, as vpcd would find it dead in its queue of one: it becomes
 * the one by which pcscd sees the slot empty. */
static void lose_contact(struct reader *r)
{
    r->unseen = r->unseen || r->link.state == VPCD_CONNECTING;
    vpcd_leave(&r->link);
    r->powered = false;
    r->seen = false;
    r->looks = 0;
    r->holding = false;
    r->due = 0;
    framing_reset(&r->framing);
    if (r->inserted)
        card_reset(r->inserted);
}

bool reader_is_gone(const struct reader *r)
{
    return r->link.state == VPCD_DOWN && !r->unseen;
}

void reader_remove(struct reader *r)
{
    lose_contact(r);
    r->inserted = NULL;
    r->retry = 0;
    trace_note(&r->trace, "card removed");
}

static void reset_card(struct reader *r)
{
    card_reset(r->inserted);
    framing_reset(&r->framing);
}

/* pcscd powers a card that comes into a slot that it knew empty. One that it goes on looking at
 * without powering it passes for the card before: the look that found the slot empty was not that
 * of the thread that tells presence, but one of those made on behalf of a client, or before power
 * down. The card then leaves once more. */
static void handle_look(struct reader *r)
{
    if (!r->seen && !r->powered && ++r->looks > INSERTION_LOOKS) {
        trace_note(&r->trace, "removal missed: once more");
        lose_contact(r);
        return;
    }
    vpcd_send(&r->link, r->inserted->image->atr, r->inserted->image->atr_len,
              r->inserted->image->atr_len);
    r->seen = r->seen || r->powered;
}

static void handle_control(struct reader *r, uint8_t code)
{
    switch (code) {
    case VPCD_POWER_OFF:
        r->counters.power_offs++;
        r->powered = false;
        r->looks = 0; /* the one before power down does not count */
        trace_note(&r->trace, "power off");
        reset_card(r);
        break;
    case VPCD_POWER_ON:
        r->counters.power_ons++;
        r->powered = true;
        trace_note(&r->trace, "power on");
        reset_card(r);
        break;
    case VPCD_RESET:
        r->counters.resets++;
        r->powered = true;
        reset_card(r);
        trace_note(&r->trace, "reset");
        break;
    case VPCD_ATR:
        handle_look(r);
        break;
    default:
        break;
    }
}

/* Which fault strikes this command, if any. Tears disarm themselves, status words run out. */
static enum fault_kind strike(struct reader *r, uint8_t ins)
{
    struct fault *f = &r->fault;
    enum fault_kind kind = f->kind;

    if (kind == FAULT_NONE || (f->ins >= 0 && f->ins != ins))
        return FAULT_NONE;
    if (f->at > 1) {
        f->at--;
        return FAULT_NONE;
    }
    if (kind != FAULT_SW || --f->times == 0)
        f->kind = FAULT_NONE;
    return kind;
}

static void flush_answer(struct reader *r)
{
    r->due = 0;
    trace_answer(&r->trace, r->answer, r->answer_len);
    vpcd_send(&r->link, r->answer, r->answer_len, r->answer_len);
}

static uint64_t duration_ns(const struct reader *r, size_t bytes, uint64_t rsa_ops)
{
    const struct latency *l = &r->latency;

    return 1000 * (l->apdu_us + l->byte_us * bytes + l->rsa_us * rsa_ops);
}

static void tear(struct reader *r, enum fault_kind kind)
{
    if (kind == FAULT_TEAR_INSIDE)
        vpcd_send(&r->link, r->answer, r->answer_len, r->answer_len / 2);
    else if (kind == FAULT_TEAR_AFTER)
        flush_answer(r);
    trace_note(&r->trace, "torn out");
    reader_remove(r);
}

static void count_command(struct counters *k, const uint8_t *msg, size_t n)
{
    uint8_t ins = n > 1 ? msg[1] : 0;

    k->apdus++;
    k->by_ins[ins]++;
    k->get_responses += ins == INS_GET_RESPONSE;
    k->bytes_to_card += n;
}

static void execute(struct reader *r, const uint8_t *msg, size_t n, uint64_t now)
{
    struct card *c = r->inserted;
    struct counters *k = &r->counters;
    uint64_t rsa = c->se.rsa_ops, verifies = c->verifies;

    count_command(k, msg, n);
    trace_command(&r->trace, msg, n);
    enum fault_kind kind = strike(r, n > 1 ? msg[1] : 0);
    if (kind == FAULT_TEAR_BEFORE) {
        tear(r, kind);
        return;
    }
    if (kind == FAULT_SW) {
        r->answer[0] = hi8(r->fault.sw);
        r->answer[1] = lo8(r->fault.sw);
        r->answer_len = 2;
    } else {
        r->answer_len = framing_exchange(&r->framing, c, msg, n, r->answer);
    }
    rsa = c->se.rsa_ops - rsa;
    k->rsa_ops += rsa;
    k->verifies += c->verifies - verifies;
    k->bytes_from_card += r->answer_len;
    if (kind == FAULT_TEAR_INSIDE || kind == FAULT_TEAR_AFTER) {
        tear(r, kind);
        return;
    }
    uint64_t wait = duration_ns(r, n + r->answer_len, rsa);
    r->due = now + wait;
    if (wait == 0)
        flush_answer(r);
}

static void handle_apdu(struct reader *r, const uint8_t *msg, size_t n, uint64_t now)
{
    if (!r->powered) {
        /* A reader would refuse by itself to talk to a card without power; vpcd cannot, so the
         * card falls off the wire and comes back. Happens when a card was exchanged unseen. */
        trace_note(&r->trace, "command without power");
        lose_contact(r);
        r->retry = now;
        return;
    }
    if (r->muted || r->inserted->image->personality == PERSONALITY_MUTE) {
        r->holding = true;
        trace_note(&r->trace, "mute: command kept");
        return;
    }
    execute(r, msg, n, now);
}

void reader_set_mute(struct reader *r, bool on, uint64_t now)
{
    const uint8_t *msg;
    size_t n;

    r->muted = on;
    if (on || !r->holding || r->inserted->image->personality == PERSONALITY_MUTE)
        return;
    r->holding = false;
    if (vpcd_message(&r->link, &msg, &n)) {
        handle_apdu(r, msg, n, now);
        vpcd_consume(&r->link);
    }
}

static void handle_messages(struct reader *r, uint64_t now)
{
    const uint8_t *msg;
    size_t n;

    while (!r->holding && vpcd_message(&r->link, &msg, &n)) {
        if (n == 1)
            handle_control(r, msg[0]);
        else if (n > 1)
            handle_apdu(r, msg, n, now);
        if (!r->holding)
            vpcd_consume(&r->link);
    }
}

static void follow_link(struct reader *r, short revents, uint64_t now)
{
    enum vpcd_state was = r->link.state;

    vpcd_handle(&r->link, revents);
    if (r->link.state != VPCD_DOWN)
        return;
    if (was == VPCD_LEAVING) {
        r->unseen = !r->link.noticed;
    } else if (was == VPCD_CONNECTING) {
        r->unseen = false; /* no pcscd, nobody to see it */
        r->retry = now + RETRY_NS;
    }
}

/* With a card, connects for it. But first, while `unseen`, for nothing: only pcscd's look at the
 * slot takes a connection, and one that is already shut makes it see an empty slot. */
static void keep_connected(struct reader *r, uint64_t now)
{
    if (r->link.state == VPCD_DOWN && (r->powered || r->holding))
        lose_contact(r); /* pcscd went away under us */
    if (r->link.state == VPCD_DOWN && (r->unseen || (r->inserted && r->retry <= now))) {
        bool there = vpcd_connect(&r->link);
        r->retry = there ? 0 : now + RETRY_NS;
        r->unseen = r->unseen && there;
    }
    if (r->link.state == VPCD_UP && r->unseen)
        vpcd_leave(&r->link);
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
    return a == 0 ? b : b == 0 || a < b ? a : b;
}

uint64_t reader_run(struct reader *r, short revents, uint64_t now)
{
    follow_link(r, revents, now);
    if (r->inserted)
        handle_messages(r, now);
    if (r->due && r->due <= now)
        flush_answer(r);
    keep_connected(r, now);
    return r->link.state == VPCD_DOWN && r->inserted ? earliest(r->due, r->retry) : r->due;
}
