/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/pcsc_card.h"

#include <reader.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <winscard.h>

#include "base/util.h"
#include "pkcs11/pcsc_error.h"
#include "pkcs11/pin_pad.h"

/* Resets by others that are made good in one begin. */
#define RESETS_MAX 5

/* pcscd looks at a card each 400 ms: how long it may take to tell a torn card from a mute one. */
#define REMOVAL_SEEN_MS 1500

#define STATUS_WORD_LEN 2

#define PROTOCOLS (SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1)

/* Where pcsc-lite puts its count of insertions and removals in a state. */
#define EVENTS_SHIFT 16

struct pcsc_card {
    struct transport transport;
    SCARDCONTEXT context;
    bool has_context;
    SCARDHANDLE handle;
    bool connected;
    bool aside;   /* a module drives the card */
    bool gone;    /* the card was taken out: for good, although a reconnection would succeed */
    bool powered; /* when its status was last read */
    DWORD events; /* the reader's count when we connected: another count, another card */
    char reader[MAX_READERNAME];
    struct pin_pad_features pad;
};

static struct pcsc_card *of(struct transport *transport)
{
    return (struct pcsc_card *)transport;
}

static cps_error set_protocol(struct pcsc_card *card, DWORD protocol, struct fail *fail)
{
    if (protocol != SCARD_PROTOCOL_T0 && protocol != SCARD_PROTOCOL_T1)
        return fail_set(fail, CPS_CARD_MUTE, "no protocol agreed with the card");
    card->transport.protocol = protocol == SCARD_PROTOCOL_T0 ? TRANSPORT_T0 : TRANSPORT_T1;
    return CPS_OK;
}

/* The ATR, whether the card has power, and the reader's count of events. */
static cps_error read_status(struct pcsc_card *card, DWORD *ret_events, struct fail *fail)
{
    char names[MAX_READERNAME + 1];
    DWORD names_len = sizeof names;
    BYTE atr[TRANSPORT_ATR_MAX];
    DWORD atr_len = sizeof atr;
    DWORD state = 0;
    DWORD protocol = 0;
    LONG rv = SCardStatus(card->handle, names, &names_len, &state, &protocol, atr, &atr_len);

    if (rv != SCARD_S_SUCCESS)
        return pcsc_fail(rv, "SCardStatus", fail);
    if (atr_len > sizeof atr)
        return fail_set(fail, CPS_CARD_PROTOCOL, "ATR of %lu bytes", (unsigned long)atr_len);
    memcpy(card->transport.atr, atr, atr_len);
    card->transport.atr_len = atr_len;
    card->powered = (state & SCARD_POWERED) != 0;
    *ret_events = state >> EVENTS_SHIFT;
    return CPS_OK;
}

/*
 * Another program reset the card: the handle is good again, what the card remembered is not. That
 * news may hide an older one, the change of the card: the count of events tells.
 */
static cps_error reconnect(struct pcsc_card *card, DWORD initialization, struct fail *fail)
{
    DWORD protocol = 0;
    DWORD events;
    LONG rv =
        SCardReconnect(card->handle, SCARD_SHARE_SHARED, PROTOCOLS, initialization, &protocol);
    cps_error error;

    card->transport.generation++;
    if (rv != SCARD_S_SUCCESS)
        return pcsc_fail(rv, "SCardReconnect", fail);
    error = set_protocol(card, protocol, fail);
    if (error == CPS_OK)
        error = read_status(card, &events, fail);
    if (error == CPS_OK && events != card->events)
        error = fail_set(fail, CPS_CARD_REMOVED, "another card, or the same one put back");
    return error;
}

/*
 * A program that ends with SCARD_UNPOWER_CARD leaves the card without power, which neither the
 * reconnection nor a command gives back. Looked at once more: another one may have been faster.
 */
static cps_error power_up(struct pcsc_card *card, struct fail *fail)
{
    DWORD events;
    cps_error error = read_status(card, &events, fail);

    if (error == CPS_OK && !card->powered)
        error = reconnect(card, SCARD_UNPOWER_CARD, fail);
    if (error != CPS_OK)
        (void)SCardEndTransaction(card->handle, SCARD_LEAVE_CARD);
    return error;
}

static cps_error begin(struct pcsc_card *card, struct fail *fail)
{
    LONG rv = SCARD_W_RESET_CARD;

    for (int i = 0; i < RESETS_MAX; i++) {
        cps_error error;

        rv = SCardBeginTransaction(card->handle);
        if (rv == SCARD_S_SUCCESS)
            return card->powered ? CPS_OK : power_up(card, fail);
        if (rv != SCARD_W_RESET_CARD)
            break;
        error = reconnect(card, SCARD_LEAVE_CARD, fail);
        if (error != CPS_OK)
            return error;
    }
    return pcsc_fail(rv, "SCardBeginTransaction", fail);
}

static cps_error pcsc_begin(struct transport *transport, struct fail *fail)
{
    struct pcsc_card *card = of(transport);
    cps_error error;

    if (card->gone)
        return fail_set(fail, CPS_CARD_REMOVED, "the card was taken out before");
    error = begin(card, fail);
    transport->transactions++;
    card->gone = error == CPS_CARD_REMOVED;
    if (error == CPS_OK && card->aside) /* held, it would keep the module out */
        (void)SCardEndTransaction(card->handle, SCARD_LEAVE_CARD);
    return error;
}

static void pcsc_end(struct transport *transport)
{
    if (of(transport)->aside)
        return;
    /* Fails when the card has gone: the lock has gone with it. */
    (void)SCardEndTransaction(of(transport)->handle, SCARD_LEAVE_CARD);
}

/* Waits for what pcscd has to say of the card. */
static bool pcsc_is_gone(struct transport *transport)
{
    struct pcsc_card *card = of(transport);
    SCARD_READERSTATE state = {.szReader = card->reader,
                               .dwCurrentState = SCARD_STATE_PRESENT | card->events
                                                                           << EVENTS_SHIFT};
    LONG seen;

    if (card->gone)
        return true;
    seen = SCardGetStatusChange(card->context, REMOVAL_SEEN_MS, &state, 1);
    card->gone = seen == SCARD_S_SUCCESS && ((state.dwEventState & SCARD_STATE_PRESENT) == 0 ||
                                             state.dwEventState >> EVENTS_SHIFT != card->events);
    return card->gone;
}

/*
 * The card did not answer. Reader drivers give the same error for a mute card and for one that was
 * torn out, which pcscd sees a little later: wait for its event.
 */
static cps_error silent(struct pcsc_card *card, LONG rv, struct fail *fail)
{
    if (pcsc_is_gone(&card->transport))
        return fail_set(fail, CPS_CARD_REMOVED, "SCardTransmit: 0x%08lX, card taken out",
                        (unsigned long)rv & 0xFFFFFFFFUL);
    return pcsc_fail(rv, "SCardTransmit", fail);
}

static bool is_status(uint8_t sw1)
{
    return (sw1 >= 0x61 && sw1 <= 0x6F) || (sw1 & 0xF0) == 0x90;
}

static cps_error pcsc_transmit(struct transport *transport, const uint8_t *command, size_t len,
                               uint8_t *answer, size_t size, size_t *ret_len, struct fail *fail)
{
    struct pcsc_card *card = of(transport);
    const SCARD_IO_REQUEST *pci = transport->protocol == TRANSPORT_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1;
    DWORD answer_len = size;
    LONG rv;

    if (card->aside)
        return fail_set(fail, CPS_CARD_UNSUPPORTED, "a PKCS#11 module drives this card");
    rv = SCardTransmit(card->handle, pci, command, len, NULL, answer, &answer_len);
    switch (rv) {
    case SCARD_S_SUCCESS:
        /* Some reader drivers report a card torn out as an answer cut short: without a status
         * word, or with what is none (ISO 7816-3 section 10.3.3) at its end. */
        if (answer_len < STATUS_WORD_LEN ||
            (answer_len <= size && !is_status(answer[answer_len - STATUS_WORD_LEN])))
            return silent(card, SCARD_E_NOT_TRANSACTED, fail);
        break;
    case SCARD_E_NOT_TRANSACTED:
    case SCARD_F_COMM_ERROR:
    case SCARD_E_INSUFFICIENT_BUFFER:
        return silent(card, rv, fail);
    default:
        return pcsc_fail(rv, "SCardTransmit", fail);
    }
    if (answer_len > size)
        return fail_set(fail, CPS_CARD_PROTOCOL, "answer of %lu bytes", (unsigned long)answer_len);
    *ret_len = answer_len;
    return CPS_OK;
}

static cps_error pcsc_pad(struct transport *transport, enum transport_pad pad, const uint8_t *block,
                          size_t len, uint8_t *answer, size_t size, size_t *ret_len,
                          struct fail *fail)
{
    struct pcsc_card *card = of(transport);
    DWORD code = pad == TRANSPORT_PAD_VERIFY ? card->pad.verify : card->pad.modify;
    DWORD answer_len = 0;
    LONG rv = SCardControl(card->handle, code, block, len, answer, size, &answer_len);

    if (rv == SCARD_E_NOT_TRANSACTED || rv == SCARD_F_COMM_ERROR)
        return silent(card, rv, fail);
    if (rv != SCARD_S_SUCCESS)
        return pcsc_fail(rv, "SCardControl", fail);
    *ret_len = answer_len < size ? answer_len : size;
    return CPS_OK;
}

/* Most readers have none and say so in one way or another. */
static void find_pads(struct pcsc_card *card)
{
    uint8_t answer[MAX_BUFFER_SIZE];
    DWORD len = 0;
    LONG rv = SCardControl(card->handle, CM_IOCTL_GET_FEATURE_REQUEST, NULL, 0, answer,
                           sizeof answer, &len);

    if (rv != SCARD_S_SUCCESS || len > sizeof answer)
        return;
    card->pad = pin_pad_read_features(answer, len);
    if (card->pad.verify != 0)
        card->transport.pads |= TRANSPORT_PAD_VERIFY;
    if (card->pad.modify != 0)
        card->transport.pads |= TRANSPORT_PAD_MODIFY;
}

static cps_error pcsc_reset(struct transport *transport, struct fail *fail)
{
    return reconnect(of(transport), SCARD_RESET_CARD, fail);
}

static void pcsc_step_aside(struct transport *transport)
{
    struct pcsc_card *card = of(transport);

    (void)SCardEndTransaction(card->handle, SCARD_LEAVE_CARD);
    card->aside = true;
}

static void pcsc_free(struct transport *transport)
{
    struct pcsc_card *card = of(transport);

    if (card->connected)
        (void)SCardDisconnect(card->handle, SCARD_LEAVE_CARD);
    if (card->has_context)
        (void)SCardReleaseContext(card->context);
    free(card);
}

static const struct transport_ops ops = {
    .begin = pcsc_begin,
    .end = pcsc_end,
    .transmit = pcsc_transmit,
    .reset = pcsc_reset,
    .pad = pcsc_pad,
    .free = pcsc_free,
    .step_aside = pcsc_step_aside,
    .is_gone = pcsc_is_gone,
};

static cps_error connect_card(struct pcsc_card *card, struct fail *fail)
{
    DWORD protocol = 0;
    LONG rv = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &card->context);
    cps_error error;

    if (rv != SCARD_S_SUCCESS)
        return pcsc_refusal(rv, "SCardEstablishContext", fail);
    card->has_context = true;
    rv = SCardConnect(card->context, card->reader, SCARD_SHARE_SHARED, PROTOCOLS, &card->handle,
                      &protocol);
    if (rv != SCARD_S_SUCCESS)
        return pcsc_refusal(rv, "SCardConnect", fail);
    card->connected = true;
    error = set_protocol(card, protocol, fail);
    if (error == CPS_OK)
        error = read_status(card, &card->events, fail);
    if (error == CPS_OK)
        find_pads(card);
    return error;
}

cps_error pcsc_card_open(const char *reader, struct transport **ret_transport, struct fail *fail)
{
    struct pcsc_card *card;
    cps_error error;

    if (strlen(reader) >= MAX_READERNAME)
        return fail_set(fail, CPS_NO_READER, "reader name too long");
    card = calloc(1, sizeof *card);
    if (card == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    card->transport.ops = &ops;
    memcpy(card->reader, reader, strlen(reader) + 1);
    error = connect_card(card, fail);
    if (error == CPS_OK)
        *ret_transport = &card->transport;
    else
        pcsc_free(&card->transport);
    return error;
}
