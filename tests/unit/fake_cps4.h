/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CPS4 as small as the driver's tests need it, behind a transport: files by path, PIN and PUK,
 * two RSA keys, knobs for what a test wants to go wrong. It counts what it is sent.
 */
#ifndef TESTS_FAKE_CPS4_H
#define TESTS_FAKE_CPS4_H

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "pkcs11/driver.h"
#include "tests/unit/ber.h"

#define FAKE4_FILES_MAX 16
#define FAKE4_RSA_LEN   256

struct fake4_file {
    uint8_t path[4]; /* below 3F00 */
    size_t path_len;
    uint8_t sfi;  /* in the root only */
    bool private; /* after the PIN */
    struct span content;
};

struct fake4_key {
    EVP_PKEY *key;
    uint8_t reference;
};

struct fake4 {
    struct transport transport;
    struct fake4_key aut;
    struct fake4_key sig;
    struct fake4_file files[FAKE4_FILES_MAX];
    size_t n_files;
    uint8_t pin_reference;
    uint8_t tries;
    uint8_t puk_tries;
    char pin[5];
    bool verified;
    bool puk_verified;
    /* what is selected */
    bool elsewhere; /* another applet */
    uint8_t directory[2];
    bool in_directory;
    const struct fake4_file *file;
    uint8_t algorithm;
    const struct fake4_key *signer;
    const struct fake4_key *decipherer;
    uint8_t chain[FAKE4_RSA_LEN];
    size_t chain_len;
    /* knobs */
    bool any_class;     /* a card that does not look at channels */
    bool needs_3f00;    /* and takes a CPS3's paths only */
    bool asleep;        /* no applet is current after a reset */
    bool reset_pending; /* another program reset the card: begin will see it */
    uint8_t inject_ins; /* this instruction is answered by inject_sw, inject_times */
    uint16_t inject_sw;
    unsigned inject_times;
    unsigned inject_at; /* or this command, whatever it is, once */
    unsigned tear_at;   /* the transport fails at this command from now on; 0 never */
    bool tear_after;    /* which the card has executed */
    /* counts */
    unsigned commands;
    unsigned presented; /* codes */
    bool held;
    uint8_t pending[FAKE4_RSA_LEN]; /* for GET RESPONSE */
    size_t pending_len;
};

static inline void fake4_root(struct fake4 *card)
{
    card->in_directory = false;
    card->elsewhere = false;
    card->file = NULL;
    card->signer = NULL;
    card->decipherer = NULL;
}

static inline void fake4_reset(struct fake4 *card)
{
    fake4_root(card);
    card->elsewhere = card->asleep;
    card->verified = false;
    card->puk_verified = false;
}

static inline struct fake4_file *fake4_add(struct fake4 *card, const char *path, size_t path_len,
                                           struct span content)
{
    struct fake4_file *file = &card->files[card->n_files++];

    ber_need(card->n_files <= FAKE4_FILES_MAX && path_len <= sizeof file->path);
    memcpy(file->path, path, path_len);
    file->path_len = path_len;
    file->content = content;
    return file;
}

static inline void fake4_enter(struct fake4 *card, const uint8_t *directory)
{
    if (directory == NULL) {
        fake4_root(card);
        return;
    }
    if (!card->in_directory || memcmp(card->directory, directory, 2) != 0)
        fake4_root(card);
    memcpy(card->directory, directory, 2);
    card->in_directory = true;
    card->file = NULL;
}

static inline uint16_t fake4_select(struct fake4 *card, const uint8_t *command)
{
    const uint8_t *data = command + 5;
    size_t len = command[4];

    if (command[2] == 0x04) { /* the root applet's name; no code is forgotten */
        fake4_root(card);
        return 0x9000;
    }
    if (card->elsewhere)
        return 0x6A82;
    if (card->needs_3f00)
        return 0x6A86;
    ber_need(command[2] == 0x08 && command[3] == 0x00);
    for (size_t i = 0; i < card->n_files; i++) {
        if (len == 2 && card->files[i].path_len == 4 && memcmp(card->files[i].path, data, 2) == 0) {
            fake4_enter(card, data);
            return 0x6127;
        }
        if (card->files[i].path_len == len && memcmp(card->files[i].path, data, len) == 0) {
            fake4_enter(card, len == 4 ? data : NULL);
            card->file = &card->files[i];
            return 0x6127;
        }
    }
    return 0x6A82;
}

static inline uint16_t fake4_read(struct fake4 *card, const uint8_t *command, uint8_t *out,
                                  size_t *out_len)
{
    size_t offset = (size_t)(command[2] & 0x7F) << 8 | command[3];
    size_t wanted = command[4] == 0 ? 256 : command[4];
    size_t left;

    if (card->elsewhere)
        return 0x6A82;
    if ((command[2] & 0x80) != 0) {
        card->file = NULL;
        offset = 0;
        for (size_t i = 0; !card->in_directory && i < card->n_files; i++)
            if (card->files[i].sfi != 0 && card->files[i].sfi == (command[2] & 0x1F))
                card->file = &card->files[i];
    }
    if (card->file == NULL)
        return 0x6A82;
    if (card->file->private && !card->verified)
        return 0x6982;
    if (offset >= card->file->content.len)
        return 0x6B00;
    left = card->file->content.len - offset;
    *out_len = wanted < left ? wanted : left;
    memcpy(out, card->file->content.data + offset, *out_len);
    return wanted > left ? 0x6282 : 0x9000;
}

static inline uint16_t fake4_present(const uint8_t *command, size_t len, const char *code,
                                     uint8_t tries_max, uint8_t *tries, bool *verified)
{
    if (len <= 5)
        return *verified ? 0x9000 : *tries == 0 ? 0x6983 : (uint16_t)(0x63C0 | *tries);
    if (*tries == 0)
        return 0x6983;
    *verified = command[4] == strlen(code) && memcmp(command + 5, code, command[4]) == 0;
    *tries = *verified ? tries_max : (uint8_t)(*tries - 1);
    return *verified ? 0x9000 : (uint16_t)(0x63C0 | *tries);
}

static inline uint16_t fake4_verify(struct fake4 *card, const uint8_t *command, size_t len)
{
    if (card->elsewhere)
        return 0x6D00;
    card->presented += len > 5;
    if (command[3] == card->pin_reference)
        return fake4_present(command, len, card->pin, 3, &card->tries, &card->verified);
    if (command[3] == 2)
        return fake4_present(command, len, "12345678", 10, &card->puk_tries, &card->puk_verified);
    return 0x6A88;
}

static inline uint16_t fake4_change(struct fake4 *card, const uint8_t *command)
{
    ber_need(command[2] == 0x01 && command[3] == card->pin_reference && command[4] == 4);
    if (card->tries == 0)
        return 0x6983;
    if (!card->verified && !card->puk_verified)
        return 0x6982;
    memcpy(card->pin, command + 5, 4);
    return 0x9000;
}

static inline uint16_t fake4_unblock(struct fake4 *card, const uint8_t *command)
{
    ber_need(command[2] == 0x03 && command[3] == (card->pin_reference | 0x80));
    if (!card->puk_verified)
        return 0x6982;
    card->tries = 3;
    card->verified = false;
    return 0x9000;
}

static inline const struct fake4_key *fake4_find(const struct fake4 *card, uint8_t reference)
{
    if (!card->in_directory || card->elsewhere)
        return NULL;
    return reference == card->aut.reference   ? &card->aut
           : reference == card->sig.reference ? &card->sig
                                              : NULL;
}

static inline uint16_t fake4_environment(struct fake4 *card, const uint8_t *command)
{
    if (command[2] == 0x81 && command[3] == 0xB6 && command[4] == 4) {
        card->algorithm = command[7];
        card->signer = fake4_find(card, command[8] & 0x7F);
        return card->signer != NULL && (command[8] & 0x80) != 0 ? 0x9000 : 0x6A88;
    }
    ber_need(command[2] == 0x41 && command[3] == 0xB8 && command[4] == 3);
    card->decipherer = fake4_find(card, command[7]);
    card->chain_len = 0;
    return card->decipherer != NULL ? 0x9000 : 0x6A88;
}

static inline uint16_t fake4_compute(struct fake4 *card, const uint8_t *command, uint8_t *out,
                                     size_t *out_len)
{
    const EVP_MD *md = card->algorithm == 0x0A ? EVP_sha1() : EVP_sha256();
    bool pss = card->algorithm == 0x2C;
    EVP_PKEY_CTX *context;

    if (card->signer == NULL)
        return 0x6985;
    if (!card->verified)
        return 0x6982;
    if (command[4] != EVP_MD_get_size(md))
        return 0x6700;
    context = EVP_PKEY_CTX_new(card->signer->key, NULL);
    *out_len = FAKE4_RSA_LEN;
    ber_need(EVP_PKEY_sign_init(context) == 1 &&
             EVP_PKEY_CTX_set_rsa_padding(context,
                                          pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) == 1 &&
             EVP_PKEY_CTX_set_signature_md(context, md) == 1 &&
             (!pss || EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1) &&
             EVP_PKEY_sign(context, out, out_len, command + 5, command[4]) == 1);
    EVP_PKEY_CTX_free(context);
    return 0x9000;
}

static inline uint16_t fake4_decipher(struct fake4 *card, const uint8_t *command, uint8_t *out,
                                      size_t *out_len)
{
    EVP_PKEY_CTX *context;
    bool ok;

    if (card->decipherer != &card->aut)
        return 0x6985;
    if (!card->verified)
        return 0x6982;
    if (card->chain_len + command[4] > sizeof card->chain)
        return 0x6700;
    memcpy(card->chain + card->chain_len, command + 5, command[4]);
    card->chain_len += command[4];
    if ((command[0] & 0x10) != 0)
        return 0x9000;
    if (card->chain_len != FAKE4_RSA_LEN)
        return 0x6700;
    card->chain_len = 0;
    context = EVP_PKEY_CTX_new(card->aut.key, NULL);
    *out_len = FAKE4_RSA_LEN;
    ok = EVP_PKEY_decrypt_init(context) == 1 &&
         EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING) == 1 &&
         EVP_PKEY_decrypt(context, out, out_len, card->chain, sizeof card->chain) == 1;
    EVP_PKEY_CTX_free(context);
    if (!ok)
        *out_len = 0;
    return ok ? 0x9000 : 0x6A80;
}

static inline uint16_t fake4_execute(struct fake4 *card, const uint8_t *command, size_t len,
                                     uint8_t *out, size_t *out_len)
{
    bool injected = card->inject_times > 0 && command[1] == card->inject_ins;

    if (injected || card->commands == card->inject_at) {
        card->inject_times -= injected;
        return card->inject_sw;
    }
    if ((command[0] & 0x0F) != 1 && !card->any_class)
        return 0x6E00;
    switch (command[1]) {
    case 0xA4:
        return fake4_select(card, command);
    case 0xB0:
        return fake4_read(card, command, out, out_len);
    case 0x20:
        return fake4_verify(card, command, len);
    case 0x22:
        return fake4_environment(card, command);
    case 0x24:
        return fake4_change(card, command);
    case 0x2C:
        return fake4_unblock(card, command);
    case 0x2A:
        return command[2] == 0x9E ? fake4_compute(card, command, out, out_len)
                                  : fake4_decipher(card, command, out, out_len);
    default:
        return 0x6D00;
    }
}

/* T=0: what a command with data answers is fetched; T=1: control information not asked for stays.
 */
static inline uint16_t fake4_frame(struct fake4 *card, const uint8_t *command, size_t *out_len,
                                   const uint8_t *out, uint16_t sw)
{
    if (card->transport.protocol == TRANSPORT_T1)
        return sw == 0x6127 ? 0x9000 : sw;
    if (command[1] != 0x2A || sw != 0x9000 || *out_len == 0)
        return sw;
    memcpy(card->pending, out, card->pending_len = *out_len);
    *out_len = 0;
    return (uint16_t)(0x6100 | (card->pending_len & 0xFF));
}

static inline cps_error fake4_transmit(struct transport *transport, const uint8_t *command,
                                       size_t len, uint8_t *answer, size_t size, size_t *ret_len,
                                       struct fail *fail)
{
    struct fake4 *card = (struct fake4 *)transport;
    uint8_t out[FAKE4_RSA_LEN];
    size_t out_len = 0;
    bool torn = ++card->commands >= card->tear_at && card->tear_at != 0;
    uint16_t sw;

    ber_need(card->held);
    if (torn && !(card->tear_after && card->commands == card->tear_at))
        return fail_set(fail, CPS_CARD_REMOVED, "torn out");
    if (command[1] == 0xC0 && command[0] == 1) {
        memcpy(out, card->pending, out_len = card->pending_len);
        sw = 0x9000;
    } else {
        sw = fake4_execute(card, command, len, out, &out_len);
        sw = fake4_frame(card, command, &out_len, out, sw);
    }
    if (torn)
        return fail_set(fail, CPS_CARD_REMOVED, "torn out");
    ber_need(out_len + 2 <= size);
    memcpy(answer, out, out_len);
    answer[out_len] = (uint8_t)(sw >> 8);
    answer[out_len + 1] = (uint8_t)sw;
    *ret_len = out_len + 2;
    return CPS_OK;
}

static inline cps_error fake4_begin(struct transport *transport, struct fail *fail)
{
    struct fake4 *card = (struct fake4 *)transport;

    (void)fail;
    ber_need(!card->held);
    if (card->reset_pending) {
        card->reset_pending = false;
        fake4_reset(card);
        transport->generation++;
    }
    card->held = true;
    transport->transactions++;
    return CPS_OK;
}

static inline void fake4_end(struct transport *transport)
{
    struct fake4 *card = (struct fake4 *)transport;

    ber_need(card->held);
    card->held = false;
}

static inline cps_error fake4_reset_op(struct transport *transport, struct fail *fail)
{
    struct fake4 *card = (struct fake4 *)transport;

    if (card->tear_at != 0 && card->commands >= card->tear_at)
        return fail_set(fail, CPS_CARD_REMOVED, "torn out");
    fake4_reset(card);
    transport->generation++;
    return CPS_OK;
}

/* The test keeps the card. */
static inline void fake4_free(struct transport *transport)
{
    (void)transport;
}

static const struct transport_ops fake4_ops = {
    .begin = fake4_begin,
    .end = fake4_end,
    .transmit = fake4_transmit,
    .reset = fake4_reset_op,
    .free = fake4_free,
};

#endif
