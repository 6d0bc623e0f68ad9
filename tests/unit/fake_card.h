/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CPS3 as small as the driver's tests need it, behind a transport: files by path, one PIN, one
 * RSA key, knobs for what a test wants to go wrong. It counts what it is sent.
 */
#ifndef TESTS_FAKE_CARD_H
#define TESTS_FAKE_CARD_H

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "pkcs11/driver.h"
#include "tests/unit/ber.h"

#define FAKE_FILES_MAX 16

struct fake_file {
    uint8_t path[8]; /* whole, from 3F00 */
    size_t path_len;
    uint8_t sfi; /* in the root only */
    struct span content;
};

struct fake_card {
    struct transport transport;
    EVP_PKEY *key;
    struct span certificate;
    struct fake_file files[FAKE_FILES_MAX];
    size_t n_files;
    uint8_t pin_reference;
    uint8_t key_reference;
    uint8_t tries;
    bool verified;
    /* what is selected */
    uint8_t directory[4];
    size_t directory_len; /* 0: another applet */
    const struct fake_file *file;
    bool key_set;
    /* knobs */
    bool reset_pending; /* another program reset the card: begin will see it */
    uint8_t inject_ins; /* this instruction is answered by inject_sw, inject_times */
    uint16_t inject_sw;
    unsigned inject_times;
    unsigned tear_at; /* the transport fails at this command from now on; 0 never */
    /* counts */
    unsigned commands;
    unsigned pins_sent;
    bool held;
    uint8_t pending[600]; /* for GET RESPONSE */
    size_t pending_len;
};

static inline void fake_select_root(struct fake_card *card)
{
    card->key_set = false;
    card->file = NULL;
    memcpy(card->directory, "\x3F\x00", 2);
    card->directory_len = 2;
}

static inline void fake_reset(struct fake_card *card)
{
    fake_select_root(card);
    card->verified = false;
}

static inline void fake_add(struct fake_card *card, const char *path, size_t path_len,
                            struct span content)
{
    struct fake_file *file = &card->files[card->n_files++];

    ber_need(card->n_files <= FAKE_FILES_MAX && path_len <= sizeof file->path);
    memcpy(file->path, path, path_len);
    file->path_len = path_len;
    file->content = content;
}

static inline uint16_t fake_select(struct fake_card *card, const uint8_t *command)
{
    const uint8_t *data = command + 5;
    size_t len = command[4];
    bool directory = len == 2 || (len == 4 && data[2] == 0x00 && data[3] < 0x10);

    if (command[2] == 0x04) {   /* the root applet's name */
        fake_select_root(card); /* which forgets no PIN */
        return 0x9000;
    }
    if (card->directory_len == 0)
        return 0x6A82;
    if (directory) {
        memcpy(card->directory, data, len);
        card->directory_len = len;
        card->file = NULL;
        card->key_set = false;
        return 0x9000;
    }
    for (size_t i = 0; i < card->n_files; i++)
        if (card->files[i].path_len == len && memcmp(card->files[i].path, data, len) == 0) {
            card->file = &card->files[i];
            card->directory_len = len - 2;
            memcpy(card->directory, data, len - 2);
            return 0x9000;
        }
    return 0x6A82;
}

static inline uint16_t fake_read(struct fake_card *card, const uint8_t *command, uint8_t *out,
                                 size_t *out_len)
{
    size_t offset = (size_t)(command[2] & 0x7F) << 8 | command[3];
    size_t wanted = command[4] == 0 ? 256 : command[4];
    size_t left;

    if ((command[2] & 0x80) != 0) {
        card->file = NULL;
        offset = 0;
        for (size_t i = 0; card->directory_len == 2 && i < card->n_files; i++)
            if (card->files[i].sfi == (command[2] & 0x1F))
                card->file = &card->files[i];
    }
    if (card->file == NULL)
        return 0x6A82;
    if (offset >= card->file->content.len)
        return 0x6B00;
    left = card->file->content.len - offset;
    *out_len = wanted < left ? wanted : left;
    memcpy(out, card->file->content.data + offset, *out_len);
    return wanted > left ? 0x6282 : 0x9000;
}

static inline uint16_t fake_verify(struct fake_card *card, const uint8_t *command, size_t len)
{
    if (card->directory_len == 0)
        return 0x6D00;
    if (command[3] != card->pin_reference)
        return 0x6A88;
    if (len <= 5)
        return card->verified     ? 0x9000
               : card->tries == 0 ? 0x6983
                                  : (uint16_t)(0x63C0 | card->tries);
    card->pins_sent++;
    if (card->tries == 0)
        return 0x6983;
    card->verified = command[4] == 4 && memcmp(command + 5, "1234", 4) == 0;
    card->tries = card->verified ? 3 : (uint8_t)(card->tries - 1);
    return card->verified ? 0x9000 : (uint16_t)(0x63C0 | card->tries);
}

static inline uint16_t fake_sign(struct fake_card *card, const uint8_t *command, uint8_t *out,
                                 size_t *out_len)
{
    EVP_PKEY_CTX *context;

    if (!card->key_set)
        return 0x6985;
    if (!card->verified)
        return 0x6982;
    context = EVP_PKEY_CTX_new(card->key, NULL);
    *out_len = 512;
    ber_need(EVP_PKEY_sign_init(context) == 1 &&
             EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
             EVP_PKEY_sign(context, out, out_len, command + 5, command[4]) == 1);
    EVP_PKEY_CTX_free(context);
    return 0x9000;
}

static inline uint16_t fake_execute(struct fake_card *card, const uint8_t *command, size_t len,
                                    uint8_t *out, size_t *out_len)
{
    static const uint8_t application[] = {0x3F, 0x00, 0x00, 0x01};

    if (card->inject_times > 0 && command[1] == card->inject_ins) {
        card->inject_times--;
        return card->inject_sw;
    }
    switch (command[1]) {
    case 0xA4:
        return fake_select(card, command);
    case 0xB0:
        return fake_read(card, command, out, out_len);
    case 0x20:
        return fake_verify(card, command, len);
    case 0x22:
        card->key_set = card->directory_len == sizeof application &&
                        memcmp(card->directory, application, sizeof application) == 0 &&
                        command[10] == card->key_reference;
        return card->key_set ? 0x9000 : 0x6A88;
    case 0x88:
        return fake_sign(card, command, out, out_len);
    default:
        return 0x6D00;
    }
}

static inline cps_error fake_transmit(struct transport *transport, const uint8_t *command,
                                      size_t len, uint8_t *answer, size_t size, size_t *ret_len,
                                      struct fail *fail)
{
    struct fake_card *card = (struct fake_card *)transport;
    uint8_t out[600];
    size_t out_len = 0;
    uint16_t sw;

    ber_need(card->held);
    card->commands++;
    if (card->tear_at != 0 && card->commands >= card->tear_at)
        return fail_set(fail, CPS_CARD_REMOVED, "torn out");
    if (command[1] == 0xC0) {
        memcpy(out, card->pending, out_len = card->pending_len);
        sw = 0x9000;
    } else {
        sw = fake_execute(card, command, len, out, &out_len);
        if (command[1] == 0x88 && sw == 0x9000 && transport->protocol == TRANSPORT_T0) {
            memcpy(card->pending, out, card->pending_len = out_len);
            out_len = 0;
            sw = (uint16_t)(0x6100 | (card->pending_len & 0xFF));
        }
    }
    ber_need(out_len + 2 <= size);
    memcpy(answer, out, out_len);
    answer[out_len] = (uint8_t)(sw >> 8);
    answer[out_len + 1] = (uint8_t)sw;
    *ret_len = out_len + 2;
    return CPS_OK;
}

static inline cps_error fake_begin(struct transport *transport, struct fail *fail)
{
    struct fake_card *card = (struct fake_card *)transport;

    if (card->tear_at != 0 && card->commands >= card->tear_at)
        return fail_set(fail, CPS_CARD_REMOVED, "torn out");
    ber_need(!card->held);
    if (card->reset_pending) {
        card->reset_pending = false;
        fake_reset(card);
        transport->generation++;
    }
    card->held = true;
    return CPS_OK;
}

static inline void fake_end(struct transport *transport)
{
    struct fake_card *card = (struct fake_card *)transport;

    ber_need(card->held);
    card->held = false;
}

static inline cps_error fake_reset_op(struct transport *transport, struct fail *fail)
{
    (void)fail;
    fake_reset((struct fake_card *)transport);
    transport->generation++;
    return CPS_OK;
}

/* The test keeps the card: the transport is freed many times in its life. */
static inline void fake_free(struct transport *transport)
{
    (void)transport;
}

static const struct transport_ops fake_ops = {
    .begin = fake_begin,
    .end = fake_end,
    .transmit = fake_transmit,
    .reset = fake_reset_op,
    .free = fake_free,
};

/* A certificate of that key with that keyUsage, in DER; the caller frees it. */
static inline struct span fake_make_certificate(EVP_PKEY *key, const char *usage)
{
    X509 *x509 = X509_new();
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, usage);
    unsigned char *der = NULL;
    int len;

    X509_gmtime_adj(X509_getm_notBefore(x509), 0);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_set_pubkey(x509, key);
    X509_add_ext(x509, extension, -1);
    ber_need(X509_sign(x509, key, EVP_sha256()) > 0);
    len = i2d_X509(x509, &der);
    ber_need(len > 0);
    X509_EXTENSION_free(extension);
    X509_free(x509);
    return (struct span){der, (size_t)len};
}

#endif
