/* SPDX-License-Identifier: Apache-2.0 */
/* The cps4 driver, through its interface, on a card that can do wrong in every way. */
#define OPENSSL_API_COMPAT 10100 /* the inner state of a hash */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/sha.h>

#include "base/util.h"
#include "pkcs11/file_memory.h"
#include "tests/unit/fake_certificate.h"
#include "tests/unit/fake_cps4.h"

#define SPAN(literal) ((struct span){(const uint8_t *)(literal), sizeof(literal) - 1})

#define AID "\xE8\x28\xBD\x08\x0F\x80\x25\x00\x00\x01\xFF\x00\x10"

static const char FLAGS_USER[2] = "\x03\x88";
static const char FLAGS_PUK[2] = "\x00\x8B";

struct bench {
    struct fake4 fake;
    struct card *card;
    struct ber serial;
    struct ber dir;
    struct ber odf;
    struct ber aodf;
    struct ber prkdf;
    struct ber cdf;
    struct ber dodf;
};

static struct bench *bench;
static EVP_PKEY *aut;
static EVP_PKEY *sig;
static struct span aut_certificate;
static struct span sig_certificate;

/* Where the driver looks first. */
static void lay_out_usual(uint8_t pin_reference)
{
    struct fake4 *fake = &bench->fake;

    ber_pin(&bench->aodf, FLAGS_PUK, 2, 8, 2);
    ber_pin(&bench->aodf, FLAGS_USER, 1, 4, pin_reference);
    fake->pin_reference = pin_reference;
    fake->aut.reference = 0x20;
    fake->sig.reference = 0x10;
    ber_data(&bench->dodf, "CPS_INFO_PS", "CPS", 0, SPAN("\xD1\x06"));
    ber_data(&bench->dodf, "CPS_ACTIVITY_02_PS", "CPS", 1, SPAN("\xD1\x21"));
    ber_data(&bench->dodf, "CPS_ACTIVITY_03_PS", "CPS", 1, SPAN("\xD1\x22"));
    fake4_add(fake, "\x00\x01\x70\x01", 4, ber_span(&bench->aodf));
    fake4_add(fake, "\x00\x01\x70\x06", 4, ber_span(&bench->dodf));
    fake4_add(fake, "\x00\x01\xA0\x01", 4, sig_certificate);
    fake4_add(fake, "\x00\x01\xA0\x02", 4, aut_certificate);
    fake4_add(fake, "\x00\x01\xD1\x06", 4, SPAN("info"));
    fake4_add(fake, "\x00\x01\xD1\x21", 4, SPAN("situation"))->private = true;
}

/* Apart, and never inlined: these writers are large on the stack. */
static __attribute__((noinline)) void put_keys(uint8_t aut_reference, uint8_t sig_reference,
                                               struct span aut_path, struct span sig_path)
{
    ber_key(&bench->prkdf, 1, SPAN("\x06\x00\x40"), 1, (struct span){&sig_reference, 1});
    ber_key(&bench->prkdf, 2, SPAN("\x05\x60"), 1, (struct span){&aut_reference, 1});
    ber_certificate(&bench->cdf, 2, "Authentification", aut_path);
    ber_certificate(&bench->cdf, 1, "Signature", sig_path);
}

/* What PKCS#15 says; directory: the application's. */
static void lay_out_pkcs15(const char *directory, uint8_t aut_reference, uint8_t sig_reference,
                           struct span aut_path, struct span sig_path)
{
    struct fake4 *fake = &bench->fake;
    const char files[] = {0x50, 0x31, 0x6F, 0x35, 0x6F, 0x44, 0x6F, 0x13, 0x6F, 0x21};
    struct ber *const contents[] = {&bench->odf, &bench->aodf, &bench->prkdf, &bench->cdf,
                                    &bench->dodf};
    struct ber path = {.len = 0};
    uint8_t where[4] = {0x3F, 0x00, (uint8_t)directory[0], (uint8_t)directory[1]};

    BER_LITERAL(&path, 0x4F, AID);
    ber_object(&path, 0x51, where, 4);
    ber_nest(&bench->dir, 0x61, &path);
    BER_LITERAL(&bench->odf, 0xA4, "\x30\x04\x04\x02\x6F\x13");
    BER_LITERAL(&bench->odf, 0xA8, "\x30\x04\x04\x02\x6F\x35");
    BER_LITERAL(&bench->odf, 0xA0, "\x30\x04\x04\x02\x6F\x44");
    BER_LITERAL(&bench->odf, 0xA7, "\x30\x04\x04\x02\x6F\x21");
    if (bench->aodf.len == 0) {
        ber_pin(&bench->aodf, FLAGS_USER, 1, 4, fake->pin_reference);
        ber_data(&bench->dodf, "CPS_FAR", "CPS", 0, SPAN("\xE1\x06"));
    }
    put_keys(aut_reference, sig_reference, aut_path, sig_path);
    fake->aut.reference = aut_reference;
    fake->sig.reference = sig_reference;
    fake4_add(fake, "\x2F\x00", 2, ber_span(&bench->dir))->sfi = 0x1E;
    for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++) {
        char name[4] = {directory[0], directory[1], files[2 * i], files[2 * i + 1]};

        fake4_add(fake, name, 4, ber_span(contents[i]));
    }
}

static int setup(void **state)
{
    struct fake4 *fake;

    (void)state;
    bench = calloc(1, sizeof *bench);
    fake = &bench->fake;
    fake->transport = (struct transport){
        .ops = &fake4_ops, .protocol = TRANSPORT_T0, .atr = {0x3B, 0x00}, .atr_len = 2};
    fake->aut.key = aut;
    fake->sig.key = sig;
    fake->tries = 3;
    fake->puk_tries = 10;
    fake->pin_reference = 1;
    memcpy(fake->pin, "1234", 5);
    fake4_reset(fake);
    BER_LITERAL(&bench->serial, 0x5A, "\x80\x25\x00\x00\x01\x29\x90\x10\x10\x5F");
    fake4_add(fake, "\xD0\x03", 2, ber_span(&bench->serial))->sfi = 0x1C;
    return 0;
}

static void close_card(void)
{
    if (bench->card != NULL)
        bench->card->driver->free(bench->card);
    bench->card = NULL;
}

static int teardown(void **state)
{
    (void)state;
    close_card();
    free(bench);
    return 0;
}

static int group_setup(void **state)
{
    (void)state;
    aut = EVP_RSA_gen(2048);
    sig = EVP_RSA_gen(2048);
    if (aut == NULL || sig == NULL)
        return -1;
    aut_certificate = fake_make_certificate(aut, "digitalSignature,keyEncipherment");
    sig_certificate = fake_make_certificate(sig, "digitalSignature,nonRepudiation");
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    EVP_PKEY_free(aut);
    EVP_PKEY_free(sig);
    OPENSSL_free((void *)(uintptr_t)aut_certificate.data);
    OPENSSL_free((void *)(uintptr_t)sig_certificate.data);
    return 0;
}

/* One transaction each, as cardop makes them. */

static struct fail fail;

static cps_error begin(void)
{
    fail = (struct fail)FAIL_INIT;
    return fake4_begin(&bench->fake.transport, &fail);
}

static cps_error end(cps_error error)
{
    assert_int_equal(error, error == CPS_OK ? CPS_OK : fail.code);
    fake4_end(&bench->fake.transport);
    return error;
}

static cps_error open_card(void)
{
    close_card();
    begin();
    return end(cps4_driver.probe(&bench->fake.transport, &bench->card, &fail));
}

static cps_error certificate(enum key_usage usage)
{
    struct card_certificate found;
    cps_error error;

    begin();
    error = end(cps4_driver.certificate(bench->card, usage, &found, &fail));
    if (error == CPS_OK) {
        struct span wanted = usage == USAGE_SIGNATURE ? sig_certificate : aut_certificate;
        struct span der = certificate_der(found.certificate);

        assert_int_equal(der.len, wanted.len);
        assert_memory_equal(der.data, wanted.data, der.len);
    }
    return error;
}

static struct secret *secret_of(const char *text)
{
    struct secret *secret = secret_new();

    assert_non_null(secret);
    assert_int_equal(secret_set(secret, text, strlen(text)), 0);
    return secret;
}

static cps_error verify(const char *pin, bool last_try)
{
    AUTO_SECRET struct secret *typed = secret_of(pin);
    struct card_pin state;

    begin();
    return end(cps4_driver.verify(bench->card, typed, last_try, &state, &fail));
}

static cps_error change(const char *old_pin, const char *new_pin, bool last_try)
{
    AUTO_SECRET struct secret *before = secret_of(old_pin);
    AUTO_SECRET struct secret *after = secret_of(new_pin);
    struct card_pin state;

    begin();
    return end(cps4_driver.change_pin(bench->card, before, after, last_try, &state, &fail));
}

static cps_error unblock(const char *puk, const char *new_pin, bool last_try)
{
    AUTO_SECRET struct secret *given = secret_of(puk);
    AUTO_SECRET struct secret *after = secret_of(new_pin);
    struct card_pin state;

    begin();
    return end(cps4_driver.unblock_pin(bench->card, given, after, last_try, &state, &fail));
}

static struct card_pin pin_status(void)
{
    struct card_pin state;

    begin();
    assert_int_equal(end(cps4_driver.pin_status(bench->card, &state, &fail)), CPS_OK);
    return state;
}

static bool is_signature(EVP_PKEY *key, const EVP_MD *md, bool pss, struct span digest,
                         const struct card_signature *signature)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    bool ok;

    assert_int_equal(EVP_PKEY_verify_init(context), 1);
    assert_int_equal(
        EVP_PKEY_CTX_set_rsa_padding(context, pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING), 1);
    if (md != NULL)
        assert_int_equal(EVP_PKEY_CTX_set_signature_md(context, md), 1);
    if (pss)
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST), 1);
    ok = EVP_PKEY_verify(context, signature->bytes, signature->len, digest.data, digest.len) == 1;
    EVP_PKEY_CTX_free(context);
    return ok;
}

static cps_error sign_it(enum key_usage usage, const struct sign_input *input,
                         struct card_signature *ret_signature)
{
    begin();
    return end(cps4_driver.sign(bench->card, usage, input, ret_signature, &fail));
}

/* A DigestInfo through MECHANISM_RSA_PKCS, the signature looked at. */
static cps_error sign_info(enum key_usage usage, enum hash hash)
{
    uint8_t digest[HASH_LEN_MAX] = {1, 2, 3};
    uint8_t info[DIGEST_INFO_MAX];
    struct span value = {digest, hash_len(hash)};
    struct sign_input input = {.mechanism = MECHANISM_RSA_PKCS,
                               .data = {info, hash_digest_info(hash, value, info)}};
    struct card_signature signature;
    cps_error error = sign_it(usage, &input, &signature);

    if (error == CPS_OK)
        assert_true(is_signature(usage == USAGE_SIGNATURE ? sig : aut, hash_md(hash), false, value,
                                 &signature));
    return error;
}

static cps_error sign(void)
{
    return sign_info(USAGE_AUTHENTICATION, HASH_SHA256);
}

static cps_error sign_pss(enum key_usage usage, enum hash hash)
{
    uint8_t digest[HASH_LEN_MAX] = {4, 5, 6};
    struct span value = {digest, hash_len(hash)};
    struct sign_input input = {.mechanism = MECHANISM_RSA_PKCS_PSS, .hash = hash, .data = value};
    struct card_signature signature;
    cps_error error = sign_it(usage, &input, &signature);

    if (error == CPS_OK)
        assert_true(is_signature(usage == USAGE_SIGNATURE ? sig : aut, hash_md(hash), true, value,
                                 &signature));
    return error;
}

/* A block that holds these bytes after its two first ones and a run of padding, encrypted raw. */
static void encrypt_block(const uint8_t *block, uint8_t *ret_cryptogram)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(aut, NULL);
    size_t len = FAKE4_RSA_LEN;

    assert_int_equal(EVP_PKEY_encrypt_init(context), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING), 1);
    assert_int_equal(EVP_PKEY_encrypt(context, ret_cryptogram, &len, block, len), 1);
    EVP_PKEY_CTX_free(context);
}

static void make_block(uint8_t *block, const char *text)
{
    size_t len = strlen(text);

    memset(block, 0x5A, FAKE4_RSA_LEN);
    block[0] = 0;
    block[1] = 2;
    block[FAKE4_RSA_LEN - len - 1] = 0;
    memcpy(block + FAKE4_RSA_LEN - len, text, len);
}

static cps_error decrypt_block(const uint8_t *block, const char *expected)
{
    AUTO_SECRET struct secret *plain = secret_new();
    uint8_t cryptogram[FAKE4_RSA_LEN];
    cps_error error;

    encrypt_block(block, cryptogram);
    begin();
    error = end(cps4_driver.decrypt(bench->card, USAGE_AUTHENTICATION,
                                    (struct span){cryptogram, sizeof cryptogram}, plain, &fail));
    assert_int_equal(secret_len(plain), error == CPS_OK ? strlen(expected) : 0);
    if (error == CPS_OK)
        assert_memory_equal(secret_data(plain), expected, strlen(expected));
    return error;
}

static cps_error decrypt(void)
{
    uint8_t block[FAKE4_RSA_LEN];

    make_block(block, "a secret");
    return decrypt_block(block, "a secret");
}

/* A card that claims to have selected what it has not gives the wrong file: nothing can tell. */
static bool lying;

static cps_error read_object(const char *label, const char *expected)
{
    struct file value = {.len = 0};
    cps_error error;

    begin();
    error = end(cps4_driver.read_object(bench->card, label, &value, &fail));
    if (error == CPS_OK && !lying) {
        assert_int_equal(value.len, strlen(expected));
        assert_memory_equal(value.data, expected, value.len);
    }
    return error;
}

/* Recognition. */

static void a_login(void **state)
{
    struct card_identity identity;
    struct card_pin pin;

    (void)state;
    lay_out_usual(1);
    assert_int_equal(open_card(), CPS_OK);
    assert_int_equal(bench->fake.commands, 2); /* what it is known by */
    cps4_driver.identity(bench->card, &identity);
    assert_string_equal(identity.family, "CPS4");
    assert_int_equal(identity.interface, CARD_CONTACT);
    assert_string_equal(identity.serial, "29901010");
    assert_string_equal(identity.issuer_number, "8025000001");
    assert_string_equal(identity.label, "CPS4 29901010");
    pin = pin_status();
    assert_false(pin.none || pin.blocked || pin.verified);
    assert_int_equal(pin.tries_left, 3);
    assert_int_equal(certificate(USAGE_AUTHENTICATION), CPS_OK);
    assert_int_equal(certificate(USAGE_SIGNATURE), CPS_OK);
    assert_int_equal(certificate(USAGE_TECHNICAL), CPS_CARD_UNSUPPORTED);
    assert_int_equal(sign(), CPS_PIN_REQUIRED);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_true(pin_status().verified);
    assert_int_equal(sign(), CPS_OK);
    assert_int_equal(bench->fake.presented, 1);
}

/* Nothing in the ATR is believed; the answers tell. */
static void recognised_by_its_answers(void **state)
{
    static const char cps3[] = "\x3B\xAC\x00\x40\x2A\x00\x12\x25\x00\x64\x80\x00\x03\x10\x00\x90";
    static const char cps4[] = "\x3B\xDC\x18\xFF\x00\x00\x12\x25\x00\x64\x80\x00\x04\x01\x00\x90";
    static const char other[] = "\x3B\x9B\x18\x80\x01\x00\x12\x25\x00\x64\x80\x04\x01\x00\x00\x90";

    (void)state;
    assert_true(cps4_driver.expects(SPAN(cps4)));
    assert_true(cps4_driver.expects(SPAN(other)));
    assert_false(cps4_driver.expects(SPAN(cps3)));
    assert_false(cps4_driver.expects((struct span){.len = 0}));
    lay_out_usual(1);
    memcpy(bench->fake.transport.atr, cps3, bench->fake.transport.atr_len = 16);
    assert_int_equal(open_card(), CPS_OK);
    assert_int_equal(bench->fake.transport.channel, 1);
    /* A CPS3 that did not mind the channel refuses the paths of a CPS4. */
    bench->fake.transport.channel = 0;
    memcpy(bench->fake.transport.atr, cps4, 16);
    bench->fake.any_class = true;
    bench->fake.needs_3f00 = true;
    assert_int_equal(open_card(), CPS_CARD_UNSUPPORTED);
    assert_int_equal(bench->fake.transport.channel, 0);
    /* And the driver of the CPS3 wants nothing of a CPS4. */
    bench->fake.any_class = false;
    bench->fake.needs_3f00 = false;
    memcpy(bench->fake.transport.atr, cps3, 16);
    begin();
    assert_int_equal(end(cps3_driver.probe(&bench->fake.transport, &bench->card, &fail)),
                     CPS_CARD_UNSUPPORTED);
}

static void other_cards(void **state)
{
    (void)state;
    assert_int_equal(open_card(), CPS_CARD_UNSUPPORTED); /* a serial number and nothing more */
    assert_int_equal(bench->fake.transport.channel, 0);
    lay_out_usual(1);
    bench->serial.data[3] = 0x26; /* another issuer */
    assert_int_equal(open_card(), CPS_CARD_UNSUPPORTED);
    bench->serial.data[3] = 0x25;
    bench->fake.inject_ins = 0xA4;
    bench->fake.inject_sw = 0x6A82;
    bench->fake.inject_times = 1000;
    assert_int_equal(open_card(), CPS_CARD_UNSUPPORTED);
    bench->fake.inject_times = 0;
    assert_int_equal(open_card(), CPS_OK);
}

/* A card on which a reset leaves no applet selected. */
static void the_root_applet_is_found_by_its_name(void **state)
{
    (void)state;
    lay_out_usual(1);
    bench->fake.asleep = true;
    fake4_reset(&bench->fake);
    assert_int_equal(open_card(), CPS_OK);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(sign(), CPS_OK);
    bench->fake.reset_pending = true;
    assert_int_equal(pin_status().tries_left, 3);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(sign(), CPS_OK);
    assert_int_equal(certificate(USAGE_SIGNATURE), CPS_OK);
}

/* Layouts. */

static void the_pin_reference_is_what_the_card_says(void **state)
{
    (void)state;
    lay_out_usual(7);
    assert_int_equal(open_card(), CPS_OK);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(sign(), CPS_OK);
}

static void walk_everything(const char *directory)
{
    struct fake4 *fake = &bench->fake;
    struct card_keys keys = {.n = 0};
    const char far[4] = {directory[0], directory[1], (char)0xE1, 0x06};
    const char cert_aut[4] = {directory[0], directory[1], (char)0xB0, 0x19};
    const char cert_sig[4] = {directory[0], directory[1], (char)0xB0, 0x7A};

    fake->pin_reference = 3;
    lay_out_pkcs15(directory, 0x21, 0x11, SPAN("\xB0\x19"), SPAN("\xB0\x7A"));
    fake4_add(fake, cert_aut, 4, aut_certificate);
    fake4_add(fake, cert_sig, 4, sig_certificate);
    fake4_add(fake, far, 4, SPAN("far"));
    assert_int_equal(open_card(), CPS_OK);
    assert_int_equal(certificate(USAGE_SIGNATURE), CPS_OK);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(sign(), CPS_OK);
    assert_int_equal(sign_info(USAGE_SIGNATURE, HASH_SHA256), CPS_OK);
    assert_int_equal(decrypt(), CPS_OK);
    assert_int_equal(read_object("CPS_FAR", "far"), CPS_OK);
    begin();
    assert_int_equal(end(cps4_driver.keys(bench->card, &keys, &fail)), CPS_OK);
    assert_int_equal(keys.n, 2);
    assert_int_equal(keys.list[0].id_len, 1);
    assert_int_equal(keys.list[0].id[0], 2);
    assert_string_equal(keys.list[0].label, "CPS_PRIV");
    assert_string_equal(keys.list[1].certificate_label, "Signature");
    /* No PUK is told of: none is guessed. */
    assert_int_equal(unblock("12345678", "5678", false), CPS_CARD_UNSUPPORTED);
    assert_int_equal(fake->puk_tries, 10);
}

static void pkcs15_is_walked(void **state)
{
    (void)state;
    walk_everything("\x00\x01");
}

static void ef_dir_tells_where_the_application_is(void **state)
{
    (void)state;
    walk_everything("\x00\x07");
}

/* Right certificates, other key references: no signature comes, the walk finds the keys. */
static void other_key_references_make_it_walk(void **state)
{
    (void)state;
    lay_out_usual(1);
    lay_out_pkcs15("\x00\x01", 0x21, 0x11, SPAN("\xA0\x02"), SPAN("\xA0\x01"));
    assert_int_equal(open_card(), CPS_OK);
    assert_int_equal(certificate(USAGE_AUTHENTICATION), CPS_OK);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(sign(), CPS_OK);
    assert_int_equal(sign_info(USAGE_SIGNATURE, HASH_SHA1), CPS_OK);
    assert_int_equal(bench->fake.presented, 1);
}

/* The two keys stand in each other's place. */
static void swapped_key_references_make_it_walk(void **state)
{
    (void)state;
    lay_out_usual(1);
    lay_out_pkcs15("\x00\x01", 0x10, 0x20, SPAN("\xA0\x02"), SPAN("\xA0\x01"));
    assert_int_equal(open_card(), CPS_OK);
    assert_int_equal(certificate(USAGE_SIGNATURE), CPS_OK);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(decrypt(), CPS_OK);
    assert_int_equal(sign(), CPS_OK);
    assert_int_equal(sign_info(USAGE_SIGNATURE, HASH_SHA256), CPS_OK);
}

static void a_certificate_of_the_wrong_usage_makes_it_walk(void **state)
{
    struct fake4 *fake = &bench->fake;

    (void)state;
    lay_out_usual(1);
    lay_out_pkcs15("\x00\x01", 0x20, 0x10, SPAN("\xA0\x01"), SPAN("\xA0\x02"));
    for (size_t i = 0; i < fake->n_files; i++) {
        if (fake->files[i].content.data == aut_certificate.data)
            fake->files[i].content = sig_certificate;
        else if (fake->files[i].content.data == sig_certificate.data)
            fake->files[i].content = aut_certificate;
    }
    assert_int_equal(open_card(), CPS_OK);
    assert_int_equal(certificate(USAGE_AUTHENTICATION), CPS_OK);
    assert_int_equal(certificate(USAGE_SIGNATURE), CPS_OK);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(sign(), CPS_OK);
    assert_int_equal(sign_info(USAGE_SIGNATURE, HASH_SHA256), CPS_OK);
}

/* Keys. */

static void what_the_keys_do(void **state)
{
    struct card_keys keys = {.n = 0};

    (void)state;
    lay_out_usual(1);
    assert_int_equal(open_card(), CPS_OK);
    begin();
    assert_int_equal(end(cps4_driver.keys(bench->card, &keys, &fail)), CPS_OK);
    assert_int_equal(keys.n, 2);
    assert_int_equal(keys.list[0].usage, USAGE_AUTHENTICATION);
    assert_int_equal(keys.list[0].mechanisms,
                     MECHANISM_RSA_PKCS | MECHANISM_RSA_PKCS_PSS | MECHANISM_DECRYPT_RSA_PKCS);
    assert_int_equal(keys.list[0].input_max, 245);
    assert_int_equal(keys.list[0].id_len, 14);
    assert_memory_equal(keys.list[0].id, AID "\x20", 14);
    assert_string_equal(keys.list[0].label, "CPS_PRIV_AUT");
    assert_int_equal(keys.list[1].usage, USAGE_SIGNATURE);
    assert_int_equal(keys.list[1].mechanisms, MECHANISM_RSA_PKCS | MECHANISM_RSA_PKCS_PSS |
                                                  MECHANISM_SHA1_RSA_PKCS |
                                                  MECHANISM_SHA256_RSA_PKCS);
    assert_int_equal(keys.list[1].input_max, 51);
    assert_memory_equal(keys.list[1].id, AID "\x10", 14);
}

static void open_and_verify(void)
{
    lay_out_usual(1);
    assert_int_equal(open_card(), CPS_OK);
    assert_int_equal(verify("1234", false), CPS_OK);
}

static void signatures_of_both_keys(void **state)
{
    static const enum hash all[] = {HASH_SHA1, HASH_SHA256, HASH_SHA384, HASH_SHA512};

    (void)state;
    open_and_verify();
    for (size_t i = 0; i < 4; i++) {
        bool long_hash = all[i] != HASH_SHA1 && all[i] != HASH_SHA256;

        assert_int_equal(sign_info(USAGE_AUTHENTICATION, all[i]), CPS_OK);
        assert_int_equal(sign_info(USAGE_SIGNATURE, all[i]),
                         long_hash ? CPS_CARD_UNSUPPORTED : CPS_OK);
        if (all[i] == HASH_SHA1)
            continue;
        assert_int_equal(sign_pss(USAGE_AUTHENTICATION, all[i]), CPS_OK);
        assert_int_equal(sign_pss(USAGE_SIGNATURE, all[i]),
                         long_hash ? CPS_CARD_UNSUPPORTED : CPS_OK);
    }
    assert_int_equal(sign_info(USAGE_TECHNICAL, HASH_SHA256), CPS_CARD_UNSUPPORTED);
}

/* Anything of up to 245 bytes: TLS 1.1 signs 36 that are no DigestInfo. */
static void what_is_no_digest_info(void **state)
{
    uint8_t data[300] = {7};
    struct sign_input input = {.mechanism = MECHANISM_RSA_PKCS, .data = {data, 36}};
    struct card_signature signature;

    (void)state;
    open_and_verify();
    assert_int_equal(sign_it(USAGE_AUTHENTICATION, &input, &signature), CPS_OK);
    assert_true(is_signature(aut, NULL, false, input.data, &signature));
    input.data.len = 245;
    assert_int_equal(sign_it(USAGE_AUTHENTICATION, &input, &signature), CPS_OK);
    assert_true(is_signature(aut, NULL, false, input.data, &signature));
    input.data.len = 246;
    assert_int_equal(sign_it(USAGE_AUTHENTICATION, &input, &signature), CPS_INVALID_PARAMS);
    input.data.len = 0;
    assert_int_equal(sign_it(USAGE_AUTHENTICATION, &input, &signature), CPS_INVALID_PARAMS);
    input.data.len = 36;
    assert_int_equal(sign_it(USAGE_SIGNATURE, &input, &signature), CPS_CARD_UNSUPPORTED);
    /* PSS of a hash value that is too short. */
    input = (struct sign_input){
        .mechanism = MECHANISM_RSA_PKCS_PSS, .hash = HASH_SHA256, .data = {data, 31}};
    assert_int_equal(sign_it(USAGE_AUTHENTICATION, &input, &signature), CPS_CARD_UNSUPPORTED);
}

static void the_last_round_of_a_hash(void **state)
{
    uint8_t message[100] = {9};
    uint8_t digest[SHA256_DIGEST_LENGTH];
    uint8_t chaining[SHA256_DIGEST_LENGTH];
    struct sign_input input = {.mechanism = MECHANISM_SHA256_RSA_PKCS,
                               .data = {message + 64, 36},
                               .state = {chaining, sizeof chaining},
                               .hashed = 64};
    struct card_signature signature;
    SHA256_CTX context;

    (void)state;
    open_and_verify();
    SHA256_Init(&context);
    SHA256_Update(&context, message, 64);
    for (size_t i = 0; i < sizeof chaining; i++)
        chaining[i] = (uint8_t)(context.h[i / 4] >> (24 - 8 * (i % 4)));
    SHA256(message, sizeof message, digest);
    assert_int_equal(sign_it(USAGE_SIGNATURE, &input, &signature), CPS_OK);
    assert_true(is_signature(sig, EVP_sha256(), false, (struct span){digest, 32}, &signature));
    assert_int_equal(sign_it(USAGE_AUTHENTICATION, &input, &signature), CPS_CARD_UNSUPPORTED);
    input.hashed = 63;
    assert_int_equal(sign_it(USAGE_SIGNATURE, &input, &signature), CPS_INVALID_PARAMS);
    input = (struct sign_input){.mechanism = MECHANISM_SHA1_RSA_PKCS, .data = {message, 50}};
    SHA1(message, 50, digest);
    assert_int_equal(sign_it(USAGE_SIGNATURE, &input, &signature), CPS_OK);
    assert_true(is_signature(sig, EVP_sha1(), false, (struct span){digest, 20}, &signature));
}

static void a_signature_of_another_key_never_comes_out(void **state)
{
    (void)state;
    open_and_verify();
    lay_out_pkcs15("\x00\x01", 0x20, 0x10, SPAN("\xA0\x02"), SPAN("\xA0\x01"));
    bench->fake.aut.key = sig;
    bench->fake.sig.key = aut;
    assert_int_equal(sign(), CPS_SIGNATURE_INVALID);
    assert_int_equal(sign_info(USAGE_AUTHENTICATION, HASH_SHA384), CPS_SIGNATURE_INVALID);
    assert_int_equal(sign_pss(USAGE_AUTHENTICATION, HASH_SHA256), CPS_SIGNATURE_INVALID);
    assert_int_equal(sign_pss(USAGE_AUTHENTICATION, HASH_SHA512), CPS_SIGNATURE_INVALID);
    assert_int_equal(sign_info(USAGE_SIGNATURE, HASH_SHA256), CPS_SIGNATURE_INVALID);
    assert_int_equal(sign_pss(USAGE_SIGNATURE, HASH_SHA256), CPS_SIGNATURE_INVALID);
    assert_int_equal(decrypt(), CPS_CARD_PROTOCOL);
}

/* Every wrong padding is one and the same error. */
static void decryption(void **state)
{
    AUTO_SECRET struct secret *plain = secret_new();
    uint8_t block[FAKE4_RSA_LEN];
    uint8_t large[FAKE4_RSA_LEN];

    (void)state;
    lay_out_usual(1);
    assert_int_equal(open_card(), CPS_OK);
    assert_int_equal(decrypt(), CPS_PIN_REQUIRED);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(decrypt(), CPS_OK);
    make_block(block, "");
    assert_int_equal(decrypt_block(block, ""), CPS_OK);
    make_block(block, "type 1");
    block[1] = 1;
    assert_int_equal(decrypt_block(block, ""), CPS_DECRYPT_FAILED);
    make_block(block, "short padding");
    block[9] = 0;
    assert_int_equal(decrypt_block(block, ""), CPS_DECRYPT_FAILED);
    memset(block, 0x5A, sizeof block); /* no end */
    block[0] = 0;
    block[1] = 2;
    assert_int_equal(decrypt_block(block, ""), CPS_DECRYPT_FAILED);
    memset(large, 0xFF, sizeof large);
    for (size_t len = 0; len <= sizeof large; len += 64) {
        begin();
        assert_int_equal(end(cps4_driver.decrypt(bench->card, USAGE_AUTHENTICATION,
                                                 (struct span){large, len}, plain, &fail)),
                         CPS_DECRYPT_FAILED);
    }
    begin();
    assert_int_equal(end(cps4_driver.decrypt(bench->card, USAGE_SIGNATURE,
                                             (struct span){large, 256}, plain, &fail)),
                     CPS_CARD_UNSUPPORTED);
}

/* PIN and PUK. */

static void pins_that_cannot_be_burn_no_try(void **state)
{
    static const char *const pins[] = {"", "123", "12345", "12a4", "1234\n", "    "};

    (void)state;
    lay_out_usual(1);
    assert_int_equal(open_card(), CPS_OK);
    for (size_t i = 0; i < sizeof pins / sizeof pins[0]; i++) {
        assert_int_equal(verify(pins[i], false), CPS_PIN_INVALID);
        assert_int_equal(change("1234", pins[i], false), CPS_PIN_INVALID);
        assert_int_equal(change(pins[i], "1234", false), CPS_PIN_INVALID);
        assert_int_equal(unblock("12345678", pins[i], false), CPS_PIN_INVALID);
        assert_int_equal(unblock(pins[i], "1234", false), CPS_PIN_INVALID);
    }
    assert_int_equal(bench->fake.presented, 0);
}

static void wrong_pins_and_the_last_try(void **state)
{
    (void)state;
    lay_out_usual(1);
    assert_int_equal(open_card(), CPS_OK);
    assert_int_equal(verify("0000", false), CPS_PIN_WRONG);
    assert_int_equal(fail.tries_left, 2);
    assert_int_equal(change("0000", "5678", false), CPS_PIN_WRONG);
    assert_int_equal(fail.tries_left, 1);
    assert_int_equal(verify("0000", false), CPS_PIN_LAST_TRY);
    assert_int_equal(change("1234", "5678", false), CPS_PIN_LAST_TRY);
    assert_int_equal(bench->fake.presented, 2);
    assert_int_equal(verify("0000", true), CPS_PIN_BLOCKED);
    assert_int_equal(fail.tries_left, 0);
    assert_int_equal(verify("1234", true), CPS_PIN_BLOCKED);
    assert_int_equal(change("1234", "5678", true), CPS_PIN_BLOCKED);
    assert_int_equal(bench->fake.presented, 3);
    assert_true(pin_status().blocked);
}

static void a_new_pin(void **state)
{
    (void)state;
    lay_out_usual(1);
    assert_int_equal(open_card(), CPS_OK);
    assert_int_equal(change("1234", "5678", false), CPS_OK);
    assert_string_equal(bench->fake.pin, "5678");
    assert_true(pin_status().verified);
    assert_int_equal(sign(), CPS_OK);
    bench->fake.inject_ins = 0x24;
    bench->fake.inject_sw = 0x6A80;
    bench->fake.inject_times = 1;
    assert_int_equal(change("5678", "1111", false), CPS_CARD_PROTOCOL);
    assert_string_equal(bench->fake.pin, "5678");
}

static void unblocking(void **state)
{
    struct fake4 *fake = &bench->fake;

    (void)state;
    lay_out_usual(1);
    assert_int_equal(open_card(), CPS_OK);
    fake->tries = 0;
    assert_int_equal(unblock("00000000", "5678", false), CPS_PUK_WRONG);
    assert_int_equal(fail.tries_left, 9);
    assert_int_equal(unblock("12345678", "5678", false), CPS_OK);
    assert_string_equal(fake->pin, "5678");
    assert_int_equal(fake->tries, 3);
    assert_false(fake->puk_verified);
    assert_int_equal(sign(), CPS_PIN_REQUIRED);
    assert_int_equal(verify("5678", false), CPS_OK);
    assert_int_equal(sign(), CPS_OK);
    fake->puk_tries = 1;
    assert_int_equal(unblock("12345678", "5678", false), CPS_PIN_LAST_TRY);
    assert_int_equal(unblock("00000000", "5678", true), CPS_PUK_BLOCKED);
    assert_int_equal(unblock("12345678", "5678", true), CPS_PUK_BLOCKED);
    assert_int_equal(fake->presented, 4);
    /* Refused on the way: the PUK is not left presented. */
    fake->puk_tries = 10;
    fake->inject_ins = 0x2C;
    fake->inject_sw = 0x6F00;
    fake->inject_times = 1;
    assert_int_equal(unblock("12345678", "1111", false), CPS_CARD_PROTOCOL);
    assert_false(fake->puk_verified);
    assert_string_equal(fake->pin, "5678");
}

/* Other programs. */

static void a_reset_by_another_program_asks_for_the_pin_again(void **state)
{
    (void)state;
    open_and_verify();
    assert_int_equal(sign(), CPS_OK);
    bench->fake.reset_pending = true;
    assert_int_equal(sign(), CPS_PIN_REQUIRED);
    assert_int_equal(decrypt(), CPS_PIN_REQUIRED);
    assert_int_equal(read_object("CPS_ACTIVITY_02_PS", ""), CPS_PIN_REQUIRED);
    bench->fake.verified = true; /* by that program: not ours */
    assert_int_equal(sign(), CPS_PIN_REQUIRED);
    assert_int_equal(read_object("CPS_ACTIVITY_02_PS", ""), CPS_PIN_REQUIRED);
    assert_int_equal(bench->fake.presented, 1);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(sign(), CPS_OK);
}

/* The card forgets the PIN and nothing in PC/SC tells. */
static void a_forgotten_pin_is_found_out(void **state)
{
    (void)state;
    open_and_verify();
    assert_int_equal(sign(), CPS_OK);
    fake4_reset(&bench->fake);
    assert_int_equal(sign(), CPS_PIN_REQUIRED);
    assert_int_equal(verify("1234", false), CPS_OK);
    fake4_reset(&bench->fake);
    assert_int_equal(decrypt(), CPS_PIN_REQUIRED);
    assert_int_equal(verify("1234", false), CPS_OK);
    fake4_reset(&bench->fake);
    assert_int_equal(read_object("CPS_ACTIVITY_02_PS", ""), CPS_PIN_REQUIRED);
}

static void another_program_selects_elsewhere(void **state)
{
    static const char *const where[] = {"root", "file", "applet"};

    (void)state;
    open_and_verify();
    for (size_t i = 0; i < 3; i++) {
        struct fake4 *fake = &bench->fake;
        cps_error (*const calls[])(void) = {sign, decrypt};

        for (size_t k = 0; k < 4; k++) {
            fake4_root(fake);
            if (strcmp(where[i], "file") == 0)
                fake->file = &fake->files[0];
            fake->elsewhere = strcmp(where[i], "applet") == 0;
            if (k < 2)
                assert_int_equal(calls[k](), CPS_OK);
            else if (k == 2)
                assert_int_equal(read_object("CPS_INFO_PS", "info"), CPS_OK);
            else
                assert_int_equal(verify("1234", false), CPS_OK);
        }
    }
}

/* Data objects. */

static void data_objects(void **state)
{
    struct card_objects objects = {.n = 0};

    (void)state;
    lay_out_usual(1);
    assert_int_equal(open_card(), CPS_OK);
    begin();
    assert_int_equal(end(cps4_driver.objects(bench->card, &objects, &fail)), CPS_OK);
    assert_int_equal(objects.n, 3);
    assert_string_equal(objects.list[1].label, "CPS_ACTIVITY_02_PS");
    assert_string_equal(objects.list[1].application, "CPS");
    assert_true(objects.list[1].private);
    assert_false(objects.list[0].private);
    assert_int_equal(read_object("CPS_INFO_PS", "info"), CPS_OK);
    assert_int_equal(read_object("CPS_ACTIVITY_02_PS", ""), CPS_PIN_REQUIRED);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(read_object("CPS_ACTIVITY_02_PS", "situation"), CPS_OK);
    assert_int_equal(read_object("CPS_ACTIVITY_03_PS", ""), CPS_CARD_PROTOCOL); /* listed, absent */
    assert_int_equal(read_object("CPS_ACTIVITY_04_PS", ""), CPS_CARD_UNSUPPORTED);
}

/* A card that comes back, remembered. */

static uint8_t packed[FILE_MEMORY_SIZE_MAX];
static size_t packed_len;

/* Everything a login reads, noted. */
static void remember(void)
{
    assert_int_equal(open_card(), CPS_OK);
    assert_int_equal(certificate(USAGE_AUTHENTICATION), CPS_OK);
    packed_len = file_memory_pack(bench->fake.transport.memory, packed);
    assert_true(packed_len > aut_certificate.len);
}

/* Out and in again: as the agent opens it. */
static void come_back(void)
{
    bench->fake.reset_pending = true;
    bench->fake.commands = 0;
    assert_int_equal(open_card(), CPS_OK);
    assert_true(file_memory_load(bench->fake.transport.memory, (struct span){packed, packed_len}));
}

static void identity_of_a_card_that_comes_back(void **state)
{
    (void)state;
    lay_out_usual(1);
    remember();
    come_back();
    assert_int_equal(pin_status().tries_left, 3);
    assert_int_equal(certificate(USAGE_AUTHENTICATION), CPS_OK);
    assert_int_equal(bench->fake.commands, 3);
    assert_true(file_memory_is_doubtful(bench->fake.transport.memory));
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(sign(), CPS_OK);
    assert_false(file_memory_is_doubtful(bench->fake.transport.memory));
    assert_int_equal(certificate(USAGE_SIGNATURE), CPS_OK);
    assert_int_equal(sign_info(USAGE_SIGNATURE, HASH_SHA256), CPS_OK);
    assert_int_equal(read_object("CPS_INFO_PS", "info"), CPS_OK);
}

static void a_walk_is_remembered(void **state)
{
    (void)state;
    bench->fake.pin_reference = 3;
    lay_out_pkcs15("\x00\x07", 0x21, 0x11, SPAN("\xB0\x19"), SPAN("\xB0\x7A"));
    fake4_add(&bench->fake, "\x00\x07\xB0\x19", 4, aut_certificate);
    fake4_add(&bench->fake, "\x00\x07\xB0\x7A", 4, sig_certificate);
    remember();
    come_back();
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(sign(), CPS_OK);
    assert_int_equal(decrypt(), CPS_OK);
}

/* The same serial number, another key and its certificate: what was said is taken back. */
static void a_card_that_is_not_the_one_remembered(void **state)
{
    struct span other = fake_make_certificate(sig, "digitalSignature");

    (void)state;
    lay_out_usual(1);
    lay_out_pkcs15("\x00\x01", 0x20, 0x10, SPAN("\xA0\x02"), SPAN("\xA0\x01"));
    remember();
    for (size_t i = 0; i < bench->fake.n_files; i++)
        if (bench->fake.files[i].content.data == aut_certificate.data)
            bench->fake.files[i].content = other;
    bench->fake.aut.key = sig;
    come_back();
    assert_int_equal(certificate(USAGE_AUTHENTICATION), CPS_OK);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(sign(), CPS_CARD_PROTOCOL);
    assert_true(file_memory_was_wrong(bench->fake.transport.memory));
    close_card();
    OPENSSL_free((void *)(uintptr_t)other.data);
}

static void a_card_laid_out_anew(void **state)
{
    struct fake4 *fake = &bench->fake;

    (void)state;
    lay_out_usual(1);
    remember();
    fake->n_files = 1;
    bench->aodf.len = 0;
    bench->dodf.len = 0;
    fake->pin_reference = 3;
    lay_out_pkcs15("\x00\x01", 0x21, 0x11, SPAN("\xA0\x02"), SPAN("\xA0\x01"));
    fake4_add(fake, "\x00\x01\xA0\x01", 4, sig_certificate);
    fake4_add(fake, "\x00\x01\xA0\x02", 4, aut_certificate);
    come_back();
    assert_int_equal(pin_status().tries_left, 3);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(fake->presented, 1);
    assert_int_equal(sign(), CPS_OK);
    assert_false(file_memory_was_wrong(fake->transport.memory));
}

/* What goes wrong at each command. */

struct step {
    const char *name;
    cps_error (*run)(void);
};

static cps_error do_verify(void)
{
    return verify("1234", false);
}

static cps_error do_certificates(void)
{
    cps_error error = certificate(USAGE_AUTHENTICATION);

    return error == CPS_OK ? certificate(USAGE_SIGNATURE) : error;
}

static cps_error do_signature_key(void)
{
    return sign_info(USAGE_SIGNATURE, HASH_SHA256);
}

static cps_error do_long_pss(void)
{
    return sign_pss(USAGE_AUTHENTICATION, HASH_SHA384);
}

static cps_error do_object(void)
{
    return read_object("CPS_INFO_PS", "info");
}

static cps_error do_change(void)
{
    return change("1234", "1234", false);
}

static cps_error do_unblock(void)
{
    return unblock("12345678", "1234", false);
}

static const struct step steps[] = {
    {"open", open_card},
    {"certificates", do_certificates},
    {"verify", do_verify},
    {"sign", sign},
    {"signature key", do_signature_key},
    {"PSS by the host", do_long_pss},
    {"decrypt", decrypt},
    {"object", do_object},
    {"change", do_change},
    {"unblock", do_unblock},
};

#define STEPS (sizeof steps / sizeof steps[0])

/* All steps to the first that fails, on a card as new. */
static cps_error play(size_t *ret_step)
{
    struct fake4 *fake = &bench->fake;
    cps_error error = CPS_OK;

    close_card();
    fake4_reset(fake);
    fake->transport.channel = 0;
    fake->tries = 3;
    fake->puk_tries = 10;
    fake->commands = 0;
    memcpy(fake->pin, "1234", 5);
    for (*ret_step = 0; *ret_step < STEPS; ++*ret_step) {
        error = steps[*ret_step].run();
        if (error != CPS_OK)
            break;
    }
    return error;
}

static void torn_out_at_each_command(enum transport_protocol protocol)
{
    struct fake4 *fake = &bench->fake;
    size_t step;
    unsigned whole;

    lay_out_usual(1);
    fake->transport.protocol = protocol;
    assert_int_equal(play(&step), CPS_OK);
    whole = fake->commands;
    assert_true(whole > 30);
    for (unsigned at = 1; at <= whole; at++)
        for (int after = 0; after < 2; after++) {
            fake->tear_at = at;
            fake->tear_after = after == 1;
            assert_int_equal(play(&step), CPS_CARD_REMOVED);
            assert_true(strcmp(fake->pin, "1234") == 0);
            fake->tear_at = 0;
        }
}

static void torn_out_at_each_command_t0(void **state)
{
    (void)state;
    torn_out_at_each_command(TRANSPORT_T0);
}

static void torn_out_at_each_command_t1(void **state)
{
    (void)state;
    torn_out_at_each_command(TRANSPORT_T1);
}

/*
 * One wrong status word, at each command in turn: a step succeeds (with a right result, which it
 * looks at) or says so, no code is presented twice for it, and the next time all is well.
 */
static void one_wrong_status_word(void **state)
{
    static const uint16_t words[] = {0x6F00, 0x6A82, 0x6982, 0x6985, 0x6100,
                                     0x6C10, 0x6B00, 0x9000, 0x63C3, 0x6983};
    struct fake4 *fake = &bench->fake;
    size_t step;
    unsigned whole;

    (void)state;
    lay_out_usual(1);
    lay_out_pkcs15("\x00\x01", 0x20, 0x10, SPAN("\xA0\x02"), SPAN("\xA0\x01"));
    assert_int_equal(play(&step), CPS_OK);
    whole = fake->commands;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        for (unsigned at = 1; at <= whole; at++) {
            cps_error error;

            fake->inject_sw = words[i];
            fake->inject_at = at;
            fake->presented = 0;
            lying = words[i] == 0x9000 || words[i] == 0x6100;
            error = play(&step);
            assert_true(error != CPS_INTERNAL);
            assert_true(fake->presented <= 3);
            fake->inject_at = 0;
            lying = false;
        }
    }
    assert_int_equal(play(&step), CPS_OK);
}

/* An instruction that fails for ever: an error, in a bounded number of commands. */
static void an_instruction_that_always_fails(void **state)
{
    static const uint8_t all[] = {0xA4, 0xB0, 0x20, 0x22, 0x24, 0x2A, 0x2C};
    static const uint16_t words[] = {0x6F00, 0x6A82, 0x6982, 0x6100, 0x6C00, 0x9000};
    struct fake4 *fake = &bench->fake;
    size_t step;

    (void)state;
    lay_out_usual(1);
    lay_out_pkcs15("\x00\x01", 0x20, 0x10, SPAN("\xA0\x02"), SPAN("\xA0\x01"));
    for (size_t i = 0; i < sizeof all; i++)
        for (size_t k = 0; k < sizeof words / sizeof words[0]; k++) {
            cps_error error;

            fake->inject_ins = all[i];
            fake->inject_sw = words[k];
            fake->inject_times = 100000;
            error = play(&step);
            /* A card that says yes to anything changes no PIN and lends no key. */
            if (words[k] != 0x9000 || (all[i] != 0x20 && all[i] != 0x24 && all[i] != 0x2C))
                assert_true(error != CPS_OK || words[k] == 0x6100 || words[k] == 0x9000);
            assert_true(fake->commands < 400);
            fake->inject_times = 0;
        }
    assert_int_equal(play(&step), CPS_OK);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_login),
        TEST(recognised_by_its_answers),
        TEST(other_cards),
        TEST(the_root_applet_is_found_by_its_name),
        TEST(the_pin_reference_is_what_the_card_says),
        TEST(pkcs15_is_walked),
        TEST(ef_dir_tells_where_the_application_is),
        TEST(other_key_references_make_it_walk),
        TEST(swapped_key_references_make_it_walk),
        TEST(a_certificate_of_the_wrong_usage_makes_it_walk),
        TEST(what_the_keys_do),
        TEST(signatures_of_both_keys),
        TEST(what_is_no_digest_info),
        TEST(the_last_round_of_a_hash),
        TEST(a_signature_of_another_key_never_comes_out),
        TEST(decryption),
        TEST(pins_that_cannot_be_burn_no_try),
        TEST(wrong_pins_and_the_last_try),
        TEST(a_new_pin),
        TEST(unblocking),
        TEST(a_reset_by_another_program_asks_for_the_pin_again),
        TEST(a_forgotten_pin_is_found_out),
        TEST(another_program_selects_elsewhere),
        TEST(data_objects),
        TEST(identity_of_a_card_that_comes_back),
        TEST(a_walk_is_remembered),
        TEST(a_card_that_is_not_the_one_remembered),
        TEST(a_card_laid_out_anew),
        TEST(torn_out_at_each_command_t0),
        TEST(torn_out_at_each_command_t1),
        TEST(one_wrong_status_word),
        TEST(an_instruction_that_always_fails),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
