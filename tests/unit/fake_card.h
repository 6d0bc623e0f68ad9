/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CPS3 as small as the driver's tests need it, behind a transport: files by path, a PIN and its
 * PUK, two RSA keys, knobs for what a test wants to go wrong. It counts what it is sent.
 */
#ifndef TESTS_FAKE_CARD_H
#define TESTS_FAKE_CARD_H

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "pkcs11/driver.h"
#include "tests/unit/ber.h"
#include "tests/unit/fake_certificate.h"

#define FAKE_FILES_MAX 16
#define FAKE_PUK       "12345678"
#define FAKE_PUK_TRIES 10

struct fake_file {
    uint8_t path[8]; /* whole, from 3F00 */
    size_t path_len;
    uint8_t sfi; /* in the root only */
    bool pin;    /* readable after the PIN only */
    struct span content;
};

struct fake_card {
    struct transport transport;
    EVP_PKEY *key;
    struct span certificate;
    EVP_PKEY *signature_key; /* NULL: none */
    struct fake_file files[FAKE_FILES_MAX];
    size_t n_files;
    uint8_t pin_reference;
    uint8_t key_reference;
    uint8_t signature_reference;
    bool contactless; /* another application, no PIN */
    bool shows_all;   /* without contact the first application is there, its files closed */
    char pin[5];
    uint8_t tries;
    bool verified;
    uint8_t puk_tries;
    bool puk_verified;
    /* what is selected */
    uint8_t directory[4];
    size_t directory_len; /* 0: another applet */
    const struct fake_file *file;
    uint8_t template;  /* of the key that is set, or 0 */
    uint8_t algorithm; /* its own, and that of the hash */
    uint8_t hash_algorithm;
    uint8_t digest[HASH_LEN_MAX];
    size_t digest_len;
    uint8_t chain[600];
    size_t chain_len;
    /* knobs */
    bool raw_decipher;  /* leaves the padding where it is */
    bool reset_pending; /* another program reset the card: begin will see it */
    uint8_t inject_ins; /* this instruction is answered by inject_sw, inject_times */
    uint16_t inject_sw;
    unsigned inject_times;
    unsigned inject_at; /* this command is answered by inject_sw; 0 none */
    unsigned tear_at;   /* the transport fails at this command from now on; 0 never */
    bool tear_inside;   /* that command is executed, and its answer lost */
    /* counts */
    unsigned commands;
    unsigned pins_sent;
    unsigned puks_sent;
    bool held;
    uint8_t pending[600]; /* for GET RESPONSE */
    size_t pending_len;
};

static inline void fake_select_root(struct fake_card *card)
{
    card->template = 0;
    card->file = NULL;
    memcpy(card->directory, "\x3F\x00", 2);
    card->directory_len = 2;
}

static inline void fake_reset(struct fake_card *card)
{
    fake_select_root(card);
    card->verified = false;
    card->puk_verified = false;
    card->chain_len = 0;
    card->digest_len = 0;
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
    if (command[3] == 0x00) /* known of real cards: a path asks for what it wants to be told */
        return 0x6A86;
    if (len >= 4 && memcmp(data + 2, "\x00\x01", 2) == 0 && card->contactless && !card->shows_all)
        return 0x6A82;
    if (directory) {
        memcpy(card->directory, data, len);
        card->directory_len = len;
        card->file = NULL;
        card->template = 0;
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
    if (card->file->pin && !card->verified)
        return 0x6982;
    if (offset >= card->file->content.len)
        return 0x6B00;
    left = card->file->content.len - offset;
    *out_len = wanted < left ? wanted : left;
    memcpy(out, card->file->content.data + offset, *out_len);
    return wanted > left ? 0x6282 : 0x9000;
}

static inline uint16_t fake_tries(const struct fake_card *card)
{
    return card->tries == 0 ? 0x6983 : (uint16_t)(0x63C0 | card->tries);
}

/* Presents the PIN. The presentation that uses up the last try still says 63C0. */
static inline uint16_t fake_present(struct fake_card *card, const uint8_t *digits)
{
    card->pins_sent++;
    if (card->tries == 0)
        return 0x6983;
    if (memcmp(digits, card->pin, 4) == 0) {
        card->tries = 3;
        return 0x9000;
    }
    card->verified = false;
    card->tries--;
    return (uint16_t)(0x63C0 | card->tries);
}

static inline uint16_t fake_verify_puk(struct fake_card *card, const uint8_t *command, size_t len)
{
    uint16_t blocked = card->puk_tries == 0 ? 0x6983 : 0;

    if (len <= 5)
        return card->puk_verified ? 0x9000
               : blocked != 0     ? blocked
                                  : (uint16_t)(0x63C0 | card->puk_tries);
    card->puks_sent++;
    if (blocked != 0)
        return blocked;
    card->puk_verified = command[4] == 8 && memcmp(command + 5, FAKE_PUK, 8) == 0;
    card->puk_tries = card->puk_verified ? FAKE_PUK_TRIES : (uint8_t)(card->puk_tries - 1);
    return card->puk_verified ? 0x9000 : (uint16_t)(0x63C0 | card->puk_tries);
}

static inline uint16_t fake_verify(struct fake_card *card, const uint8_t *command, size_t len)
{
    uint16_t sw;

    if (card->directory_len == 0)
        return 0x6D00;
    if (!card->contactless && command[3] == 2 && card->pin_reference != 2)
        return fake_verify_puk(card, command, len);
    if (card->contactless || command[3] != card->pin_reference)
        return 0x6A88;
    if (len <= 5)
        return card->verified ? 0x9000 : fake_tries(card);
    if (command[4] != 4)
        return 0x6700;
    sw = fake_present(card, command + 5);
    card->verified = sw == 0x9000;
    return sw;
}

static inline uint16_t fake_change(struct fake_card *card, const uint8_t *command)
{
    uint16_t sw;

    if (command[3] != card->pin_reference || command[4] != 8)
        return 0x6700;
    sw = fake_present(card, command + 5);
    if (sw == 0x9000)
        memcpy(card->pin, command + 9, 4);
    return sw;
}

static inline uint16_t fake_unblock(struct fake_card *card, const uint8_t *command)
{
    if (command[3] != card->pin_reference || command[4] != 4)
        return 0x6700;
    if (!card->puk_verified)
        return 0x6982;
    memcpy(card->pin, command + 5, 4);
    card->tries = 3;
    card->verified = false;
    return 0x9000;
}

static inline uint16_t fake_environment(struct fake_card *card, const uint8_t *command)
{
    const uint8_t application[] = {0x3F, 0x00, 0x00, card->contactless ? 0x02 : 0x01};
    bool signature = command[3] == 0xB6;

    if (command[3] == 0xAA) {
        card->hash_algorithm = command[7];
        return 0x9000;
    }
    card->template = 0;
    if (card->directory_len != sizeof application ||
        memcmp(card->directory, application, sizeof application) != 0 || command[4] != 6 ||
        (signature && card->signature_key == NULL) ||
        command[10] != (signature ? card->signature_reference : card->key_reference))
        return 0x6A88;
    card->template = command[3];
    card->algorithm = command[7];
    return 0x9000;
}

/* How the key that is set may be used: as this template says, and after the PIN if there is one. */
static inline uint16_t fake_may(const struct fake_card *card, uint8_t template)
{
    if (card->template != template)
        return 0x6985;
    return card->verified || card->contactless ? 0x9000 : 0x6982;
}

static inline void fake_rsa(EVP_PKEY *key, struct span info, uint8_t *out, size_t *out_len)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);

    *out_len = 512;
    ber_need(EVP_PKEY_sign_init(context) == 1 &&
             EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
             EVP_PKEY_sign(context, out, out_len, info.data, info.len) == 1);
    EVP_PKEY_CTX_free(context);
}

static inline uint16_t fake_authenticate(struct fake_card *card, const uint8_t *command,
                                         uint8_t *out, size_t *out_len)
{
    uint16_t sw = fake_may(card, 0xA4);

    if (sw != 0x9000)
        return sw;
    if (command[4] > 102)
        return 0x6A80;
    fake_rsa(card->key, (struct span){command + 5, command[4]}, out, out_len);
    return 0x9000;
}

static inline uint16_t fake_hash(struct fake_card *card, const uint8_t *command)
{
    enum hash hash = card->hash_algorithm == 0x10 ? HASH_SHA1 : HASH_SHA256;
    const uint8_t *p = command + 5;
    struct span state = {p + 2, p[1] > 0 ? p[1] - 8U : 0};
    uint64_t bits = 0;

    for (size_t i = 0; p[1] > 0 && i < 8; i++)
        bits = bits << 8 | p[2 + state.len + i];
    p += 2 + p[1];
    if (!hash_finish(hash, state, bits / 8, (struct span){p + 2, p[1]}, card->digest))
        return 0x6A80;
    card->digest_len = hash_len(hash);
    return 0x9000;
}

static inline uint16_t fake_compute(struct fake_card *card, const uint8_t *command, size_t len,
                                    uint8_t *out, size_t *out_len)
{
    enum hash hash = card->algorithm == 0x12 ? HASH_SHA1 : HASH_SHA256;
    uint8_t info[DIGEST_INFO_MAX];
    uint16_t sw = fake_may(card, 0xB6);

    if (sw != 0x9000)
        return sw;
    if (len > 5) {
        memcpy(card->digest, command + 5, command[4]);
        card->digest_len = command[4];
    }
    if (card->digest_len != hash_len(hash))
        return 0x6985;
    len = hash_digest_info(hash, (struct span){card->digest, card->digest_len}, info);
    card->digest_len = 0;
    fake_rsa(card->signature_key, (struct span){info, len}, out, out_len);
    return 0x9000;
}

static inline uint16_t fake_decipher(struct fake_card *card, const uint8_t *command, uint8_t *out,
                                     size_t *out_len)
{
    EVP_PKEY_CTX *context;
    uint16_t sw = fake_may(card, 0xB8);
    bool ok;

    if (sw != 0x9000)
        return sw;
    ber_need(card->chain_len + command[4] <= sizeof card->chain);
    memcpy(card->chain + card->chain_len, command + 5, command[4]);
    card->chain_len += command[4];
    if ((command[0] & 0x10) != 0)
        return 0x9000;
    context = EVP_PKEY_CTX_new(card->key, NULL);
    *out_len = 512;
    ok = card->chain[0] == 0x81 && EVP_PKEY_decrypt_init(context) == 1 &&
         EVP_PKEY_CTX_set_rsa_padding(context, card->raw_decipher ? RSA_NO_PADDING
                                                                  : RSA_PKCS1_PADDING) == 1 &&
         EVP_PKEY_decrypt(context, out, out_len, card->chain + 1, card->chain_len - 1) == 1;
    EVP_PKEY_CTX_free(context);
    card->chain_len = 0;
    *out_len = ok ? *out_len : 0;
    return ok ? 0x9000 : 0x6A80;
}

static inline uint16_t fake_operation(struct fake_card *card, const uint8_t *command, size_t len,
                                      uint8_t *out, size_t *out_len)
{
    switch (command[2] << 8 | command[3]) {
    case 0x90A0:
        return fake_hash(card, command);
    case 0x9E9A:
        return fake_compute(card, command, len, out, out_len);
    case 0x8086:
        return fake_decipher(card, command, out, out_len);
    default:
        return 0x6A86;
    }
}

static inline uint16_t fake_execute(struct fake_card *card, const uint8_t *command, size_t len,
                                    uint8_t *out, size_t *out_len)
{
    if (card->commands == card->inject_at)
        return card->inject_sw;
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
    case 0x24:
        return fake_change(card, command);
    case 0x2C:
        return fake_unblock(card, command);
    case 0x22:
        return fake_environment(card, command);
    case 0x88:
        return fake_authenticate(card, command, out, out_len);
    case 0x2A:
        return fake_operation(card, command, len, out, out_len);
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
    if (card->tear_at != 0 && card->commands >= card->tear_at) {
        if (card->tear_inside && card->commands == card->tear_at && command[1] != 0xC0)
            (void)fake_execute(card, command, len, out, &out_len);
        return fail_set(fail, CPS_CARD_REMOVED, "torn out");
    }
    if (command[1] == 0xC0 && card->commands == card->inject_at) {
        sw = card->inject_sw;
    } else if (command[1] == 0xC0) {
        memcpy(out, card->pending, out_len = card->pending_len);
        sw = 0x9000;
    } else {
        sw = fake_execute(card, command, len, out, &out_len);
        if (command[1] != 0xB0 && out_len > 0 && transport->protocol == TRANSPORT_T0) {
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

#endif
