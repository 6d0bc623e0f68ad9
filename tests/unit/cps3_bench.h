/* SPDX-License-Identifier: Apache-2.0 */
/* cardop with the cps3 driver on a scripted card, for several tests. */
#ifndef TESTS_CPS3_BENCH_H
#define TESTS_CPS3_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/b64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"
#include "pkcs11/cardop.h"
#include "tests/unit/fake_card.h"

#define SPAN(literal) ((struct span){(const uint8_t *)(literal), sizeof(literal) - 1})

#define FLAGS_USER "\x03\x88"
#define FLAGS_PUK  "\x00\x8B"

struct bench {
    struct fake_card card;
    struct cardop *cardop;
    struct ber serial;
    struct ber dir;
    struct ber odf;
    struct ber aodf;
    struct ber prkdf;
    struct ber cdf;
    struct ber dodf;
    struct span signature_certificate; /* of the signature key */
    struct span wrong_certificate;     /* of the authentication key, and the usage of the other */
};

static struct bench *bench;
static EVP_PKEY *rsa;
static EVP_PKEY *rsa_signature;

static inline cps_error connect_fake(const char *reader, struct transport **ret_transport,
                                     struct fail *fail)
{
    (void)reader;
    (void)fail;
    *ret_transport = &bench->card.transport;
    return CPS_OK;
}

/* One request; the caller frees the result. */
static inline cps_error request(const char *op, json_t *params, int fd, json_t **ret_result)
{
    struct worker_request request = {.op = op, .params = params, .deadline_ms = CLOCK_NEVER};
    struct fail fail = FAIL_INIT;
    cps_error error;

    request.fd = fd;
    *ret_result = NULL;
    error = cardop_handle(bench->cardop, &request, ret_result, &fail);
    assert_int_equal(error, error == CPS_OK ? CPS_OK : fail.code);
    assert_false(bench->card.held);
    json_decref(params);
    return error;
}

static inline cps_error simple(const char *op, json_t *params)
{
    json_t *result;
    cps_error error = request(op, params, -1, &result);

    json_decref(result);
    return error;
}

static inline cps_error open_card(void)
{
    return simple("open", json_pack("{s:s}", "reader", "R"));
}

static inline cps_error certificate_for(const char *usage)
{
    return simple("certificate", json_pack("{s:s}", "usage", usage));
}

static inline cps_error certificate(void)
{
    return certificate_for("authentication");
}

/* An operation whose secrets come by pipe. */
static inline cps_error typed(const char *op, const char *text, bool last_try)
{
    int fds[2];
    json_t *result;
    cps_error error;

    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], text, strlen(text)), strlen(text));
    close(fds[1]);
    error = request(op, json_pack("{s:b}", "last_try", last_try), fds[0], &result);
    close(fds[0]);
    json_decref(result);
    return error;
}

static inline cps_error verify(const char *pin, bool last_try)
{
    return typed("verify", pin, last_try);
}

static inline cps_error sign_by(const char *usage)
{
    return simple("sign", json_pack("{s:s, s:s, s:s}", "usage", usage, "hash", "sha256", "digest",
                                    "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg"));
}

static inline cps_error sign(void)
{
    return sign_by("authentication");
}

/* The layout that the driver tries first. */
static inline void lay_out_usual(uint8_t pin_reference)
{
    struct fake_card *card = &bench->card;

    ber_pin(&bench->aodf, FLAGS_PUK, 2, 8, 2);
    ber_pin(&bench->aodf, FLAGS_USER, 1, 4, pin_reference);
    card->pin_reference = pin_reference;
    card->key_reference = 0x82;
    fake_add(card, "\x3F\x00\x00\x01\x70\x01", 6, ber_span(&bench->aodf));
    fake_add(card, "\x3F\x00\x00\x01\xA0\x02", 6, card->certificate);
}

/* The other key of the usual layout. */
static inline void lay_out_signature(void)
{
    bench->card.signature_key = rsa_signature;
    bench->card.signature_reference = 0x81;
    fake_add(&bench->card, "\x3F\x00\x00\x01\xA0\x01", 6, bench->signature_certificate);
}

/* Two data objects, one of them private, and where the card says that they are. */
static inline void lay_out_objects(void)
{
    struct fake_card *card = &bench->card;

    if (bench->odf.len == 0) {
        BER_LITERAL(&bench->odf, 0xA7, "\x30\x04\x04\x02\x70\x77");
        fake_add(card, "\x3F\x00\x00\x01\x50\x31", 6, ber_span(&bench->odf));
    }
    ber_data(&bench->dodf, "CPS_INFO_PS", "CPS", 0, SPAN("\xD1\x06"));
    ber_data(&bench->dodf, "CPS_ACTIVITY_02_PS", "CPS", 1, SPAN("\xD1\x21"));
    fake_add(card, "\x3F\x00\x00\x01\x70\x77", 6, ber_span(&bench->dodf));
    fake_add(card, "\x3F\x00\x00\x01\xD1\x06", 6, SPAN("everybody"));
    fake_add(card, "\x3F\x00\x00\x01\xD1\x21", 6, SPAN("holder"));
    card->files[card->n_files - 1].pin = true;
}

/* Read without contact: one application, one key, no PIN. */
static inline void lay_out_contactless(void)
{
    struct fake_card *card = &bench->card;

    card->contactless = true;
    card->key_reference = 0x83;
    card->transport.protocol = TRANSPORT_T1;
    memcpy(card->transport.atr,
           "\x3B\x8F\x80\x01\x00\x31\xB8\x64\x04\xB0\xEC\xC1\x73\x94\x01\x80\x82\x90\x00\x0E", 20);
    card->transport.atr_len = 20;
    fake_add(card, "\x3F\x00\x00\x02\xA0\x03", 6, card->certificate);
}

/* PKCS#15 as the directory files say it; the key is the second one, its certificate the first. */
static inline void lay_out_pkcs15(uint8_t key_reference, struct span certificate_path)
{
    struct fake_card *card = &bench->card;
    struct ber path = {.len = 0};
    const uint8_t references[2] = {0x00, key_reference};

    BER_LITERAL(&path, 0x4F, "\xE8\x10");
    BER_LITERAL(&path, 0x51, "\x3F\x00\x00\x01");
    ber_nest(&bench->dir, 0x61, &path);
    BER_LITERAL(&bench->odf, 0xA4, "\x30\x04\x04\x02\x6F\x13");
    BER_LITERAL(&bench->odf, 0xA8, "\x30\x04\x04\x02\x6F\x35");
    BER_LITERAL(&bench->odf, 0xA0, "\x30\x04\x04\x02\x6F\x44");
    if (bench->aodf.len == 0)
        ber_pin(&bench->aodf, FLAGS_USER, 1, 4, card->pin_reference);
    ber_key(&bench->prkdf, 0x10, SPAN("\x06\x00\x40"), 1, SPAN("\x00\x83"));
    ber_key(&bench->prkdf, 0x20, SPAN("\x05\x60"), 1, (struct span){references, 2});
    ber_certificate(&bench->cdf, 0x20, "Authentification", certificate_path);
    ber_certificate(&bench->cdf, 0x10, "Signature", SPAN("\xB0\x7A"));
    card->key_reference = key_reference;
    fake_add(card, "\x3F\x00\x2F\x00", 4, ber_span(&bench->dir));
    card->files[card->n_files - 1].sfi = 0x1E;
    for (size_t i = 0; i < card->n_files; i++) /* it may be there, shorter */
        if (card->files[i].content.data == bench->odf.data)
            card->files[i].content = ber_span(&bench->odf);
    fake_add(card, "\x3F\x00\x00\x01\x50\x31", 6, ber_span(&bench->odf));
    fake_add(card, "\x3F\x00\x00\x01\x6F\x35", 6, ber_span(&bench->aodf));
    fake_add(card, "\x3F\x00\x00\x01\x6F\x44", 6, ber_span(&bench->prkdf));
    fake_add(card, "\x3F\x00\x00\x01\x6F\x13", 6, ber_span(&bench->cdf));
}

static inline int setup(void **state)
{
    struct fake_card *card;

    (void)state;
    bench = calloc(1, sizeof *bench);
    card = &bench->card;
    card->transport = (struct transport){
        .ops = &fake_ops, .protocol = TRANSPORT_T0, .atr = {0x3B, 0x00}, .atr_len = 2};
    card->key = rsa;
    card->certificate = fake_make_certificate(rsa, "digitalSignature,keyEncipherment");
    bench->wrong_certificate = fake_make_certificate(rsa, "digitalSignature,nonRepudiation");
    bench->signature_certificate = fake_make_certificate(rsa_signature, "nonRepudiation");
    card->tries = 3;
    card->puk_tries = FAKE_PUK_TRIES;
    memcpy(card->pin, "1234", 5);
    card->pin_reference = 1;
    fake_reset(card);
    BER_LITERAL(&bench->serial, 0x5A, "\x80\x25\x00\x00\x01\x29\x90\x01\x01\x5F");
    fake_add(card, "\x3F\x00\xD0\x03", 4, ber_span(&bench->serial));
    card->files[0].sfi = 0x1C;
    bench->cardop = cardop_new(connect_fake);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    cardop_free(bench->cardop);
    OPENSSL_free((void *)(uintptr_t)bench->card.certificate.data);
    OPENSSL_free((void *)(uintptr_t)bench->wrong_certificate.data);
    OPENSSL_free((void *)(uintptr_t)bench->signature_certificate.data);
    free(bench);
    return 0;
}

static inline int group_setup(void **state)
{
    (void)state;
    rsa = EVP_RSA_gen(2048);
    rsa_signature = EVP_RSA_gen(2048);
    return rsa == NULL || rsa_signature == NULL ? -1 : 0;
}

static inline int group_teardown(void **state)
{
    (void)state;
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(rsa_signature);
    return 0;
}

#endif
